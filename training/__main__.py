"""Train and evaluate models from the command line: `python -m training fit --help`."""

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

import settings
from skinmodel.bundle import CARD
from skinmodel.registry import Registry
from skinmodel.weights import InvalidModel
from training import index
from training.data import isic
from training.data.datasets import ABOUT, DataSet
from training.data.download import DownloadFailed
from training.data.manifest import InvalidData, read_isic
from training.learning.config import InvalidConfig, TrainConfig, TrainingFailed, read_object
from training.learning.crossvalidate import RESULT as CROSS_VALIDATION
from training.learning.crossvalidate import cross_validate
from training.learning.origin import begin, check_start, met_before, settings_for
from training.learning.ranks import READY, WORKING, Ranks, joined
from training.learning.run import CONFIG, Run, counts, open_run, saved_config, train
from training.learning.space import space_for
from training.learning.tune import BEST_CONFIG, tune
from training.measuring import versus
from training.measuring.candidate import make_candidate
from training.measuring.compared import CASES, NUMBERS
from training.measuring.leaveout import LEFT_OUT, leave_out
from training.measuring.tables import comparison_table, fold_table
from training.outline import command as outline
from training.report import command as evaluation
from training.terminal import show, show_steps, stopping

STOPPED = "Stopped. The same command goes on from here."
SIGN_OF_LIFE = 5.0  # seconds between two words to the processes that wait


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 done, 1 stopped or failed, 2 unusable settings or data."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    shared = _shared_options()
    fit = commands.add_parser(
        "fit", parents=[shared], help="train a model on a folder in ISIC 2019's layout"
    )
    fit.add_argument("--version", default="candidate", help="name of the finished model")
    fit.add_argument("--about", type=Path, help="JSON for the card: data, licence, limits")
    fit.set_defaults(run=_fit)
    validate = commands.add_parser(
        "cross-validate", parents=[shared], help="train and test in folds, grouped by lesion"
    )
    validate.add_argument("--folds", type=int, default=5, help="how many, by default 5")
    validate.set_defaults(run=_cross_validate)
    search = commands.add_parser(
        "tune", parents=[shared], help="search better settings on the validation lesions"
    )
    search.add_argument("--trials", type=int, default=20, help="how many in all, by default 20")
    search.set_defaults(run=_tune)
    without = commands.add_parser(
        "leave-out",
        parents=[shared],
        help="how well a diagnosis is told that was never trained on; for the run's card",
    )
    without.set_defaults(run=_leave_out)
    get = commands.add_parser("download", help="fetch the ISIC 2019 training set; 20 GB of disk")
    get.add_argument("--out", type=Path, required=True, help="folder; the same again goes on")
    get.set_defaults(run=_download)
    beside = commands.add_parser(
        "compare", help="measure a model beside another on lesions that neither has met"
    )
    beside.add_argument("--model", type=Path, required=True, help="the candidate's folder")
    beside.add_argument("--with", dest="other", type=Path, required=True, help="the other's folder")
    beside.add_argument(
        "--data", type=Path, required=True, help="folder in ISIC 2019's layout, or a data set's"
    )
    beside.add_argument("--out", type=Path, help="where to write (default: the candidate's folder)")
    beside.set_defaults(run=_compare)
    outline.add(commands)
    index.add(commands)
    evaluation.add(commands)
    given = parser.parse_args(arguments)
    try:
        if given.command == "fit-outline":
            return outline.run(given, settings.load().data_dir / "cache")
        if given.command == "index":
            found = settings.load()
            models = Registry(found.models_dir, found.own_models_dir)
            return index.run(given, active=models.active, folder=found.data_dir / "neighbours")
        if given.command == "evaluate":
            return evaluation.run(given, settings.load().data_dir / "reports")
        return int(given.run(given))
    except (InvalidConfig, InvalidData, InvalidModel, settings.InvalidSettings) as error:
        print(error, file=sys.stderr)
        return 2
    except (TrainingFailed, DownloadFailed) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on.", file=sys.stderr)
        return 1


def _shared_options() -> argparse.ArgumentParser:
    """What every command that trains is told."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--data", type=Path, required=True, help="folder with photos, ground truth, metadata"
    )
    shared.add_argument(
        "--out", type=Path, required=True, help="run folder; the same again resumes"
    )
    shared.add_argument(
        "--init",
        type=Path,
        help="what to start from: backbone weights with torchvision's names, or a model's folder",
    )
    shared.add_argument(
        "--config", type=Path, help="JSON with settings that differ from the defaults"
    )
    shared.add_argument(
        "--learns",
        choices=("all", "head"),
        help="the whole network, or only its head on features computed once",
    )
    return shared


def _settings(given: argparse.Namespace) -> TrainConfig:
    """The settings a command asks for.

    Without any, what trains many networks trains heads: whole ones would take days on a CPU.
    """
    values = read_object(given.config) if given.config else {}
    if given.learns:
        values["learns"] = given.learns
    elif given.config is None and given.command != "fit":
        values["learns"] = "head"
    config = settings_for(values, given.init)
    check_start(config, given.init)
    return config


def _kept(given: argparse.Namespace) -> TrainConfig:
    """The settings of the run folder, where it has some and no others are asked for."""
    alone = given.config is None and given.learns is None and (given.out / CONFIG).exists()
    return saved_config(given.out) if alone else _settings(given)


def _fit(given: argparse.Namespace) -> int:
    config = _kept(given)
    about = read_object(given.about) if given.about else {}
    with joined() as ranks:
        run = _open(given, config, ranks)
        begin(run.table, run.folder, given.init, writes=ranks.writes)
        if ranks.writes:
            for note in (*run.notes, *met_before(run.folder, given.init)[1]):
                print(note)
            for split, count in counts(run.table).items():
                print(f"{split}: {count['photos']} photos of {count['lesions']} lesions")
        log = show if ranks.writes else _quiet
        with stopping() as stop:
            done = train(run, init=given.init, log=log, stop=stop, ranks=ranks)
    if not ranks.writes:
        return 0 if done else 1
    if not done:
        print(STOPPED)
        return 1
    folder = given.out / "models" / given.version
    if folder.exists():
        print(f"This run is finished; its model is in {folder}.")
        return 0
    print("Calibrating, and measuring on the test lesions ...", flush=True)
    make_candidate(
        run, folder, version=given.version, about=about, command=_command(given), init=given.init
    )
    numbers = json.loads((folder / CARD).read_text())["numbers"]["single_photos"]
    value, low, high = numbers["balanced_accuracy"]
    print(f"Model in {folder}: balanced accuracy {value:.3f} ({low:.3f} to {high:.3f}).")
    return 0


def _cross_validate(given: argparse.Namespace) -> int:
    if given.folds < 2:
        raise InvalidConfig("Cross-validation needs at least 2 folds.")
    config = _settings(given)
    with joined() as ranks, stopping() as stop:
        run = _open(given, config, ranks)
        result = cross_validate(
            run, folds=given.folds, init=given.init, log=show, stop=stop, ranks=_alone(ranks)
        )
    if result is None:
        print(STOPPED)
        return 1
    print(fold_table(result))
    print(f"Everything is in {given.out / CROSS_VALIDATION}.")
    return 0


def _tune(given: argparse.Namespace) -> int:
    if given.trials < 1:
        raise InvalidConfig("A search needs at least 1 trial.")
    config = _settings(given)
    space = space_for(config, given.init)
    with joined() as ranks, stopping() as stop:
        run = _open(given, config, ranks)
        result = tune(
            run, trials=given.trials, space=space, log=show, stop=stop, ranks=_alone(ranks)
        )
    if result is None:
        print(STOPPED)
        return 1
    held = ", ".join(f"{name} {value}" for name, value in result["held"].items())
    print(f"Searched: {', '.join(result['searched'])}. Held: {held or 'nothing'}.")
    best = result["best"]["balanced_accuracy"]
    print(
        f"Best on the validation lesions: {best:.3f}. For fit: --config {given.out / BEST_CONFIG}"
    )
    return 0


def _leave_out(given: argparse.Namespace) -> int:
    if given.init is None:
        raise InvalidConfig("Give --init weights that have met none of the lesions: ImageNet's.")
    with joined() as ranks:
        run = _open(given, _kept(given), _alone(ranks))
        with tqdm(unit="photo", file=sys.stderr) as bar:
            told = show_steps(bar)
            result = leave_out(run, init=given.init, progress=lambda *n: told("features", *n))
    for code, one in result["per_diagnosis"].items():
        auroc = "-" if one["auroc"] is None else f"{one['auroc']:.3f}"
        print(f"{code:5} AUROC {auroc}, {one['refused']} of {one['photos']} photos refused")
    print(f"Everything is in {given.out / LEFT_OUT}, from where the run's model takes it.")
    return 0


def _download(given: argparse.Namespace) -> int:
    loaded = settings.load()
    official = loaded.isic_url == settings.ISIC_URL
    wanted = isic.files(loaded.isic_url, official=official, sha256=loaded.isic_sha256)
    with tqdm(unit="B", unit_scale=True, file=sys.stderr) as bar:

        def told(stage: str, done: int, total: int, unit: str) -> None:
            if bar.desc != f"{stage}: ":
                bar.unit = "B" if unit == "bytes" else f" {unit}"
                bar.reset(total)
                bar.initial = done
                bar.set_description(stage)
            bar.total = total
            bar.update(done - bar.n)

        isic.download(wanted, given.out, told)
    print(f"The ISIC 2019 training set is in {given.out}. Licence: {isic.LICENCE}.")
    return 0


def _compare(given: argparse.Namespace) -> int:
    if (given.data / ABOUT).exists():
        data = DataSet.read(given.data)
        name, table = data.name, data.table()
    else:
        name, table = given.data.name, read_isic(given.data, without_unknown=True).table
    folder = given.out or given.model
    if not folder.is_dir():
        raise InvalidConfig(f"{folder} is not a folder.")
    with tqdm(file=sys.stderr, delay=0.1) as bar:
        found = versus.compare(
            given.model, given.other, table, into=folder, sets=[name], progress=show_steps(bar)
        )
    data = found.numbers["data"]
    print(
        f"{data['photos']:,} photos of {data['lesions']:,} lesions that neither model has met,"
        f" {data['melanomas']} melanomas."
    )
    print(comparison_table(found.numbers))
    print(f"Everything is in {folder / NUMBERS} and {folder / CASES}.")
    return 0


def _alone(ranks: Ranks) -> Ranks:
    """One process only: what trains many networks after another shares none of them."""
    if ranks.count > 1:
        raise InvalidConfig("This command runs as one process; start it without torchrun.")
    return ranks


def _open(given: argparse.Namespace, config: TrainConfig, ranks: Ranks) -> Run:
    """The run, whose cache the first process makes while the others wait."""
    with tqdm(desc="decoding", unit="photo", file=sys.stderr, disable=not ranks.writes) as bar:
        told = time.monotonic()

        def decoded(done: int, total: int) -> None:
            nonlocal told
            bar.total = total
            bar.update(done - bar.n)
            if ranks.writes and time.monotonic() - told > SIGN_OF_LIFE:
                ranks.told(WORKING)
                told = time.monotonic()

        if not ranks.writes:
            ranks.wait()
        run = open_run(
            data=given.data,
            folder=given.out,
            config=config,
            cache=settings.load().data_dir / "cache",
            progress=decoded,
            ranks=ranks,
        )
        if ranks.writes:
            ranks.told(READY)
    return run


def _command(given: argparse.Namespace) -> str:
    """The command as a card may show it: file names without this machine's folders."""
    parts = ["python -m training fit", f"--data {given.data.name}", f"--out {given.out.name}"]
    parts += [
        f"--{name} {path.name}"
        for name in ("init", "config", "about")
        if (path := getattr(given, name))
    ]
    if given.learns:
        parts.append(f"--learns {given.learns}")
    return " ".join([*parts, f"--version {given.version}"])


def _quiet(_: dict[str, Any]) -> None:
    """The other processes leave the talking to the first."""


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    sys.exit(main())

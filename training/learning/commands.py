"""The commands that train: fit, cross-validate, tune and leave-out."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from skinmodel.bundle import CARD
from training.learning import asked
from training.learning.config import InvalidConfig, read_object
from training.learning.crossvalidate import RESULT as CROSS_VALIDATION
from training.learning.crossvalidate import cross_validate
from training.learning.origin import begin, met_before
from training.learning.ranks import joined
from training.learning.run import counts, train
from training.learning.space import space_for
from training.learning.tune import BEST_CONFIG, tune
from training.measuring.candidate import make_candidate
from training.measuring.leaveout import LEFT_OUT, leave_out
from training.measuring.tables import fold_table
from training.terminal import show, show_steps, stopping

STOPPED = "Stopped. The same command goes on from here."


def add(commands: Any) -> None:
    """Adds the commands to an argument parser's commands."""
    shared = asked.options()
    fit = commands.add_parser(
        "fit", parents=[shared], help="train a model on a folder in ISIC 2019's layout"
    )
    fit.add_argument("--version", default="candidate", help="name of the finished model")
    fit.add_argument(
        "--teacher",
        type=Path,
        action="append",
        default=[],
        help="folder of a finished model or run whose answers are learned; may be given again",
    )
    fit.add_argument("--about", type=Path, help="JSON for the card: data, licence, limits")
    fit.set_defaults(work=_fit)
    validate = commands.add_parser(
        "cross-validate", parents=[shared], help="train and test in folds, grouped by lesion"
    )
    validate.add_argument("--folds", type=int, default=5, help="how many, by default 5")
    validate.set_defaults(work=_cross_validate)
    search = commands.add_parser(
        "tune", parents=[shared], help="search better settings on the validation lesions"
    )
    search.add_argument("--trials", type=int, default=20, help="how many in all, by default 20")
    search.set_defaults(work=_tune)
    without = commands.add_parser(
        "leave-out",
        parents=[shared],
        help="how well a diagnosis is told that was never trained on; for the run's card",
    )
    without.set_defaults(work=_leave_out)


def run(given: argparse.Namespace, cache: Path) -> int:
    """0 done, 1 stopped; photos are decoded once, into `cache`.

    InvalidConfig, InvalidData, InvalidModel or TrainingFailed with a sentence.
    """
    return int(given.work(given, cache))


def _fit(given: argparse.Namespace, cache: Path) -> int:
    config = asked.kept_or_wanted(given)
    about = read_object(given.about) if given.about else {}
    with joined() as ranks:
        run = asked.opened(given, config, ranks, cache=cache)
        begin(run.table, run.folder, given.init, given.teacher, writes=ranks.writes)
        if ranks.writes:
            for note in (*run.notes, *met_before(run.folder, given.init)[1]):
                print(note)
            for split, count in counts(run.table).items():
                print(f"{split}: {count['photos']} photos of {count['lesions']} lesions")
        log = show if ranks.writes else _quiet
        with stopping() as stop:
            done = train(
                run, init=given.init, log=log, stop=stop, ranks=ranks, teachers=tuple(given.teacher)
            )
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
        run,
        folder,
        version=given.version,
        about=about,
        command=asked.command_line(given),
        init=given.init,
    )
    numbers = json.loads((folder / CARD).read_text())["numbers"]["single_photos"]
    value, low, high = numbers["balanced_accuracy"]
    print(f"Model in {folder}: balanced accuracy {value:.3f} ({low:.3f} to {high:.3f}).")
    return 0


def _cross_validate(given: argparse.Namespace, cache: Path) -> int:
    if given.folds < 2:
        raise InvalidConfig("Cross-validation needs at least 2 folds.")
    config = asked.wanted(given)
    with joined() as ranks, stopping() as stop:
        run = asked.opened(given, config, ranks, cache=cache)
        result = cross_validate(
            run, folds=given.folds, init=given.init, log=show, stop=stop, ranks=asked.alone(ranks)
        )
    if result is None:
        print(STOPPED)
        return 1
    print(fold_table(result))
    print(f"Everything is in {given.out / CROSS_VALIDATION}.")
    return 0


def _tune(given: argparse.Namespace, cache: Path) -> int:
    if given.trials < 1:
        raise InvalidConfig("A search needs at least 1 trial.")
    config = asked.wanted(given)
    space = space_for(config, given.init)
    with joined() as ranks, stopping() as stop:
        run = asked.opened(given, config, ranks, cache=cache)
        result = tune(
            run, trials=given.trials, space=space, log=show, stop=stop, ranks=asked.alone(ranks)
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


def _leave_out(given: argparse.Namespace, cache: Path) -> int:
    if given.init is None:
        raise InvalidConfig("Give --init weights that have met none of the lesions: ImageNet's.")
    with joined() as ranks:
        run = asked.opened(given, asked.kept_or_wanted(given), asked.alone(ranks), cache=cache)
        with tqdm(unit="photo", file=sys.stderr) as bar:
            told = show_steps(bar)
            result = leave_out(run, init=given.init, progress=lambda *n: told("features", *n))
    for code, one in result["per_diagnosis"].items():
        auroc = "-" if one["auroc"] is None else f"{one['auroc']:.3f}"
        print(f"{code:5} AUROC {auroc}, {one['refused']} of {one['photos']} photos refused")
    print(f"Everything is in {given.out / LEFT_OUT}, from where the run's model takes it.")
    return 0


def _quiet(_: dict[str, Any]) -> None:
    """The other processes leave the talking to the first."""

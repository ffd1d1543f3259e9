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
from training.candidate import make_candidate
from training.config import InvalidConfig, TrainConfig, TrainingFailed, read_object
from training.loop import Log
from training.manifest import InvalidData
from training.outline import command as outline
from training.ranks import READY, WORKING, Ranks, joined
from training.run import Run, counts, open_run, train

SIGN_OF_LIFE = 5.0  # seconds between two words to the processes that wait


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 done, 1 stopped or failed, 2 unusable settings or data."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    fit = commands.add_parser("fit", help="train a model on a folder in ISIC 2019's layout")
    fit.add_argument(
        "--data", type=Path, required=True, help="folder with photos, ground truth, metadata"
    )
    fit.add_argument("--out", type=Path, required=True, help="run folder; the same again resumes")
    fit.add_argument(
        "--init", type=Path, help="backbone weights to start from, torchvision's names, safetensors"
    )
    fit.add_argument("--config", type=Path, help="JSON with settings that differ from the defaults")
    fit.add_argument("--version", default="candidate", help="name of the finished model")
    fit.add_argument("--about", type=Path, help="JSON for the card: data, licence, limits")
    outline.add(commands)
    given = parser.parse_args(arguments)
    try:
        if given.command == "fit-outline":
            return outline.run(given, settings.load().data_dir / "cache")
        return _fit(given)
    except (InvalidConfig, InvalidData) as error:
        print(error, file=sys.stderr)
        return 2
    except TrainingFailed as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on.", file=sys.stderr)
        return 1


def _fit(given: argparse.Namespace) -> int:
    config = TrainConfig.read(given.config) if given.config else TrainConfig()
    about = read_object(given.about) if given.about else {}
    with joined() as ranks:
        run = _open(given, config, ranks)
        if ranks.writes:
            for note in run.notes:
                print(note)
            for split, count in counts(run.table).items():
                print(f"{split}: {count['photos']} photos of {count['lesions']} lesions")
        log = _print if ranks.writes else _quiet
        done = _trained(run, given.init, log, ranks)
    if not ranks.writes:
        return 0 if done else 1
    if not done:
        print("Stopped. The same command goes on from here.")
        return 1
    folder = given.out / "models" / given.version
    if folder.exists():
        print(f"This run is finished; its model is in {folder}.")
        return 0
    print("Calibrating, and measuring on the test lesions ...", flush=True)
    make_candidate(run, folder, version=given.version, about=about, command=_command(given))
    numbers = json.loads((folder / CARD).read_text())["numbers"]["single_photos"]
    value, low, high = numbers["balanced_accuracy"]
    print(f"Model in {folder}: balanced accuracy {value:.3f} ({low:.3f} to {high:.3f}).")
    return 0


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


def _trained(run: Run, init: Path | None, log: Log, ranks: Ranks) -> bool:
    """Train; Ctrl-C and SIGTERM end it after the batch, and only here."""
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    before = [(number, signal.signal(number, stop)) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        return train(run, init=init, log=log, stop=lambda: stopped, ranks=ranks)
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _command(given: argparse.Namespace) -> str:
    """The command as a card may show it: file names without this machine's folders."""
    parts = ["python -m training fit", f"--data {given.data.name}", f"--out {given.out.name}"]
    parts += [
        f"--{name} {path.name}"
        for name in ("init", "config", "about")
        if (path := getattr(given, name))
    ]
    return " ".join([*parts, f"--version {given.version}"])


def _quiet(_: dict[str, Any]) -> None:
    """The other processes leave the talking to the first."""


def _print(line: dict[str, Any]) -> None:
    """One line a person can read for each line of history."""
    if line["stage"] != "epoch":
        print(line, flush=True)
        return
    print(
        f"epoch {line['epoch']}/{line['epochs']} at {line['size']} px: loss {line['loss']:.3f}, "
        f"balanced accuracy {line['balanced_accuracy']:.3f}, "
        f"{line['images_per_second']:.0f} images/s, waiting for photos "
        f"{line['waiting_for_photos']:.0%} of the time, {line['seconds_left'] / 60:.0f} min left",
        flush=True,
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    sys.exit(main())

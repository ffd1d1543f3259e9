"""What every command that trains is told, and the run that it works on."""

import argparse
import sys
import time
from pathlib import Path

from tqdm import tqdm

from training.learning.config import InvalidConfig, TrainConfig, read_object
from training.learning.origin import check_start, settings_for
from training.learning.ranks import READY, WORKING, Ranks
from training.learning.run import Run, open_run, saved_config
from training.learning.teachers import check_taught
from training.runs.folder import CONFIG

SIGN_OF_LIFE = 5.0  # seconds between two words to the processes that wait


def options() -> argparse.ArgumentParser:
    """An argument parser with the options that every command that trains has."""
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
        help="what to start from: weights for the backbone, or the folder of a model or a run",
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


def wanted(given: argparse.Namespace) -> TrainConfig:
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
    check_taught(config, getattr(given, "teacher", ()))
    return config


def kept_or_wanted(given: argparse.Namespace) -> TrainConfig:
    """The settings of the run folder, where it has some and no others are asked for."""
    alone = given.config is None and given.learns is None and (given.out / CONFIG).exists()
    return saved_config(given.out) if alone else wanted(given)


def opened(given: argparse.Namespace, config: TrainConfig, ranks: Ranks, *, cache: Path) -> Run:
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
            cache=cache,
            progress=decoded,
            ranks=ranks,
        )
        if ranks.writes:
            ranks.told(READY)
    return run


def alone(ranks: Ranks) -> Ranks:
    """One process only: what trains many networks after another shares none of them."""
    if ranks.count > 1:
        raise InvalidConfig("This command runs as one process; start it without torchrun.")
    return ranks


def command_line(given: argparse.Namespace) -> str:
    """The command as a card may show it: file names without this machine's folders."""
    parts = ["python -m training fit", f"--data {given.data.name}", f"--out {given.out.name}"]
    parts += [
        f"--{name} {path.name}"
        for name in ("init", "config", "about")
        if (path := getattr(given, name))
    ]
    parts += [f"--teacher {path.name}" for path in given.teacher]
    if given.learns:
        parts.append(f"--learns {given.learns}")
    return " ".join([*parts, f"--version {given.version}"])

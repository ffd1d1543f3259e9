"""One run as a process of its own: `python -m training.jobs RUN`, which the worker starts.

The run folder holds `request.json`; everything else is made here, and nothing outside of it and of
the cache is changed before the finished candidate is registered. Killed anywhere, the same command
goes on. What became of it stands in `result.json` when the process ends.
"""

import argparse
import errno
import json
import secrets
import sys
import traceback
from contextlib import suppress
from pathlib import Path

import pandas as pd
import torch

from skinmodel.weights import InvalidModel
from training.data.datasets import combined
from training.data.manifest import COLUMNS, InvalidData, Manifest
from training.disk import DiskFull
from training.learning.config import InvalidConfig, TrainingFailed, read_object
from training.learning.crossvalidate import cross_validate
from training.learning.hopeless import Watch
from training.learning.origin import begin
from training.learning.ranks import joined
from training.learning.run import open_table, train
from training.learning.space import space_for
from training.learning.tune import RESULT as TUNING
from training.learning.tune import tune
from training.runs import beside, process
from training.runs.beside import COMPARE, Beside
from training.runs.finish import finish
from training.runs.folder import LOCK, MANIFEST, REQUEST, Reporter, Result, too_large, write_result
from training.runs.request import Places, Request
from training.terminal import Stop, Stopped, stopping

SPARE = "spare"
SPARED = 64 << 10  # bytes kept free for the last words of a run that filled the disk
GO = "go"


def main(arguments: list[str] | None = None) -> int:
    """Carry out the run of a folder; 0 if `result.json` says how it ended, 1 if it cannot."""
    parser = argparse.ArgumentParser(prog="python -m training.jobs", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--bundled", type=Path, required=True, help="models of the program")
    parser.add_argument("--attempt", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--wait", action="store_true", help="until standard input says go")
    given = parser.parse_args(arguments)
    process.step_back()
    torch.set_num_threads(given.threads)
    # A worker that ends before it has written down who we are never says go: then nobody started.
    if given.wait and sys.stdin.readline().strip() != GO:
        return 1
    try:
        with process.alone(given.folder / LOCK, patience=process.A_LOOK):
            result = attempt(given.folder, Places(given.data_dir, given.bundled), given.attempt)
            return _leave(given.folder, result)
    except process.Taken:
        print("Another process works on this run.")
        return 1


def attempt(folder: Path, places: Places, number: int) -> Result:
    """Carry out the run, or go on with it, and say how it ended."""
    try:
        _spare(folder)
        with stopping() as stop:
            version = carry_out(folder, places, stop=stop)
        if version is None:
            return Result(number, "stopped")
        return Result(number, "done", version=version)
    except Stopped:
        return Result(number, "stopped")
    except DiskFull as error:
        return Result(number, "interrupted", str(error))
    except (InvalidConfig, InvalidData, InvalidModel, TrainingFailed) as error:
        return Result(number, "failed", str(error))
    except Exception as error:
        with suppress(OSError):
            traceback.print_exc()
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            return Result(number, "interrupted", "Disk full. The run goes on once there is room.")
        if _lacks_memory(error):
            return Result(number, "interrupted", too_large(folder))
        reference = secrets.token_hex(2).upper()
        print(f"Reference {reference}", flush=True)
        return Result(
            number,
            "failed",
            f"Something failed on our side. Nothing was lost. Reference {reference}",
        )


def carry_out(folder: Path, places: Places, *, stop: Stop) -> str | None:
    """The version of the candidate that was registered, "" where none is made; None if stopped."""
    asked = read_object(folder / REQUEST)
    if asked.get("kind") == COMPARE:
        return beside.carry_out(Beside.from_dict(asked), folder, places, stop=stop)
    request = Request.from_dict(asked)
    report = Reporter(folder, parts=request.folds or request.trials, done=_trials(folder))
    report.at("start")

    def fetched(done: int, total: int) -> None:
        report.at("weights", done, total)
        stop.check()

    init = request.init(places, progress=fetched)
    config = request.config(init)
    with joined() as ranks:
        with stop.at_once():
            run = open_table(
                _manifest(folder, request, places),
                folder=folder,
                config=config,
                cache=places.cache,
                progress=lambda done, total: report.at("photos", done, total),
                ranks=ranks,
            )
        log = Watch(run.config, report)
        match request.kind:
            case "fit":
                begin(run.table, run.folder, init)
                if not train(run, init=init, log=log, stop=stop, ranks=ranks):
                    return None
                return finish(run, request, places, init=init, report=report, stop=stop)
            case "cross-validate":
                found = cross_validate(
                    run, folds=request.folds, init=init, log=log, stop=stop, ranks=ranks
                )
            case "tune":
                space = space_for(run.config, init)
                found = tune(
                    run, trials=request.trials, space=space, log=log, stop=stop, ranks=ranks
                )
    return None if found is None else ""


def _manifest(folder: Path, request: Request, places: Places) -> Manifest:
    """The photos of the run: those it began with, whatever has become of the data sets since."""
    kept = folder / MANIFEST
    if kept.exists():
        table = pd.read_csv(kept, dtype=str, keep_default_na=False)
        return Manifest(table[list(COLUMNS)])
    return combined(places.sets(request.data))


def _trials(folder: Path) -> int:
    """How many trials of a search are done."""
    try:
        return len(json.loads((folder / TUNING).read_text())["trials"])
    except (OSError, ValueError, KeyError):
        return 0


def _lacks_memory(error: Exception) -> bool:
    """Whether this is one of the many ways in which libraries say that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if getattr(error, "errno", None) == errno.ENOMEM:
        return True
    said = str(error).lower()
    words = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc")
    return isinstance(error, RuntimeError) and any(word in said for word in words)


def _spare(folder: Path) -> None:
    with suppress(OSError):
        (folder / SPARE).write_bytes(b"\0" * SPARED)


def _leave(folder: Path, result: Result) -> int:
    """Write the result down, on a full disk in the place that was kept free for it."""
    (folder / SPARE).unlink(missing_ok=True)
    try:
        write_result(folder, result)
    except OSError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""One intake from beginning to end: `python -m training.data.intake_process`, a process of its own.

What is done already is not done again, so that the same command goes on after a kill.
"""

import json
import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
from PIL import Image

from skinmodel.reading.decoder import Decoder
from training.data.clinic import CASES, NOTES, read_cases
from training.data.datasets import FINGERPRINTS, DataSet, data_sets, write_data_set
from training.data.download import DownloadFailed, fetch
from training.data.endings import Ending, leave, leave_alone
from training.data.gathering import drop_unlisted, gather
from training.data.inspection import REPORT, Read, inspect, take_prints
from training.data.intake import (
    CANCEL,
    LOCK,
    MAKING,
    REQUEST,
    UPLOAD,
    Cancelled,
    Report,
    Request,
    State,
    finish,
    say,
    today,
)
from training.data.manifest import InvalidData, Manifest, read_isic
from training.disk import TrainingFailed, write_atomically
from training.runs.process import A_LOOK, Taken, alone, step_back
from training.terminal import Stop, Stopped

HEEDED = 1.0  # seconds between two looks whether somebody cancels
WAKE = getattr(signal, "SIGUSR1", None)  # which Windows lacks
FETCHED, GATHERED = "fetched", "gathered"

log = logging.getLogger("dermtrace.intake")


def main(arguments: Sequence[str] | None = None) -> int:
    """Works on the intake in a folder; 0 done, 1 refused, failed or cancelled."""
    (folder,) = map(Path, arguments if arguments is not None else sys.argv[1:])
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    step_back()
    stop = Stop()
    if WAKE is not None:
        signal.signal(WAKE, stop.ask)
        threading.Thread(target=_heed, args=(folder,), daemon=True).start()
    return work(folder, stop)


def _heed(folder: Path) -> None:
    """Interrupts the main thread where it does not look for itself whether somebody cancels.

    A server that has gone silent is waited for half a minute.
    """
    while not (folder / CANCEL).exists():
        time.sleep(HEEDED)
    time.sleep(HEEDED)
    if WAKE is not None and (folder / CANCEL).exists():
        signal.pthread_kill(threading.main_thread().ident or 0, WAKE)


def work(folder: Path, stop: Stop | None = None) -> int:
    """Works on an intake unless somebody else does; its state says how it ended."""
    if not (folder / REQUEST).exists():  # discarded before this process began
        return 1
    try:
        with alone(folder / LOCK, patience=A_LOOK):
            return _guarded(folder, stop or Stop())
    except Taken:
        return 1


def _guarded(folder: Path, stop: Stop) -> int:
    request = Request.from_dict(json.loads((folder / REQUEST).read_text()))
    ended = partial(Ending, id=request.id, kind=request.kind)
    try:
        made = bring_in(folder, request, stop)
        log.info("%s is whole: %d photos", made.id, made.photos)
        return 0
    except (Cancelled, Stopped):
        by = _canceller(folder) or request.by
        if request.files:  # gigabytes, which may be wanted after all
            say(folder, State("stopped"))
        else:
            shutil.rmtree(folder, ignore_errors=True)
        leave_alone(folder.parent, ended("cancelled", by=by))
    except InvalidData as error:
        if not error.rows:  # nothing of what was refused stays, but what can be fetched again
            shutil.rmtree(folder / MAKING, ignore_errors=True)
            (folder / GATHERED).unlink(missing_ok=True)
        say(folder, State("refused", problems=tuple(error.problems), rows=error.rows))
        leave_alone(folder.parent, ended("refused", by=request.by, problems=len(error.problems)))
    except (DownloadFailed, TrainingFailed) as error:
        say(folder, State("failed", problems=(str(error),)))
        leave_alone(folder.parent, ended("failed", by=request.by, problems=1))
    except Exception:
        log.exception("The intake failed")
        text = "Something failed on our side. Nothing was lost; it can go on from here."
        with suppress(OSError, TrainingFailed):  # a full disk: then it counts as interrupted
            say(folder, State("failed", problems=(text,)))
            leave_alone(folder.parent, ended("failed", by=request.by, problems=1))
    return 1


def _canceller(folder: Path) -> str:
    """Whoever asked to stop."""
    with suppress(OSError):
        return (folder / CANCEL).read_text()
    return ""


def bring_in(folder: Path, request: Request, stop: Stop) -> DataSet:
    """Fetches, gathers, reads and inspects, then makes it a data set.

    InvalidData with all reasons why it cannot be one; Cancelled or Stopped; DownloadFailed.
    """
    with stop.at_once():
        _make(folder, request)
    if hasattr(os, "sync"):
        os.sync()  # the photos are on disk before the name says that they are
    return DataSet.read(finish(folder, request))


def _make(folder: Path, request: Request) -> None:
    """All of the data set but its name."""
    report = Report(folder)
    making = folder / MAKING
    making.mkdir(exist_ok=True)
    with Decoder(workers=1) as decoder:

        def read(data: bytes, name: str) -> Image.Image:
            return decoder.read(data, name=name).picture

        if request.kind == "clinic":
            known = DataSet.read(folder.parent / request.id).fingerprints()
            manifest, prints = _clinic(making, request.left_out, known, read, report)
        else:
            _gather(folder, request, report)
            manifest = read_isic(making, without_unknown=True, left_out=request.left_out)
            listed = list(manifest.table["path"])
            notes = drop_unlisted(making, listed, request.left_out)
            manifest = replace(manifest, notes=(*manifest.notes, *notes))
            prints = take_prints(manifest.table, read, report)
    others = [one for one in data_sets(folder.parent) if not one.fault and one.id != request.id]
    inspection = inspect(manifest.table, prints, others=others, notes=manifest.notes, report=report)
    write_atomically(making / FINGERPRINTS, prints.to_csv(index=False))
    write_atomically(making / REPORT, inspection.to_json())
    root = making.resolve()
    table = manifest.table.assign(
        path=[Path(one).relative_to(root).as_posix() for one in manifest.table["path"]]
    )
    write_data_set(
        making,
        table,
        id=request.id,
        name=request.name,
        kind=request.kind,
        created_on=today(),
        licence=request.licence,
    )
    for name in (CASES, NOTES):
        (making / name).unlink(missing_ok=True)
    lesions = int(table["lesion"].nunique())
    leave(making, Ending("added", request.id, request.kind, request.by, len(table), lesions))


def _gather(folder: Path, request: Request, report: Report) -> None:
    """The files of a folder, a ZIP or a download, unless an earlier try has gathered them."""
    if (folder / GATHERED).exists():
        return
    source = Path(request.source) if request.source else folder / UPLOAD
    if request.files:
        source = folder / FETCHED
        source.mkdir(exist_ok=True)
        fetch(request.files, source, report)
    try:
        gather(source, folder / MAKING, report)
    except InvalidData:
        shutil.rmtree(folder / FETCHED, ignore_errors=True)  # it would be found again
        raise
    (folder / GATHERED).touch()
    (folder / UPLOAD).unlink(missing_ok=True)
    shutil.rmtree(folder / FETCHED, ignore_errors=True)


def _clinic(
    making: Path, left_out: Sequence[str], known: pd.DataFrame, read: Read, report: Report
) -> tuple[Manifest, pd.DataFrame]:
    """The clinic's photos; those that cannot be used are left out, for nobody may be there to ask.

    The same file under two diagnoses is a mistake in the records, and refused.
    """
    manifest = read_cases(making, left_out)
    try:
        prints = take_prints(manifest.table, read, report, known=known)
    except InvalidData as error:
        if not error.rows:
            raise
        manifest = read_cases(making, [*left_out, *error.rows])
        prints = take_prints(manifest.table, read, report, known=known)
    return manifest, prints


if __name__ == "__main__":
    sys.exit(main())

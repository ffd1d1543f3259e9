"""Bringing a data set in: asked for by one process, done by another, watched by any.

Beside the data sets lies a folder per intake, whose name begins with a dot: what was asked for, how
far it is, and the data set in the making. Only a whole one gets a name without the dot, by one
rename. Nobody is told where a killed intake was; started again, it goes on from what is there.
"""

import datetime
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

from skinmodel.plain import tuples
from training.data.datasets import NEW, Kind
from training.disk import write_atomically
from training.runs.process import taken

REQUEST, STATE, LOCK, CANCEL, LOG = "request.json", "state.json", "lock", "cancel", "log.txt"
UPLOAD, MAKING = "upload.zip", "set"
PREFIX = ".intake-"
GRACE = 120.0  # seconds for a started process to take the lock
ENDS = ("refused", "failed", "stopped")
EVERY = 0.5  # seconds between two words about how far it is

Stage = Literal[
    "starting",
    "downloading",
    "copying",
    "unpacking",
    "reading",
    "comparing",
    "refused",
    "failed",
    "stopped",
]


class Refused(Exception):
    """What was asked for cannot be begun; the text is a sentence."""


class Cancelled(Exception):
    """Somebody has asked to stop."""


@dataclass(frozen=True)
class Request:
    """What to bring in: `source` is a folder or ZIP, blank for an upload or a download.

    `files` are (address, bytes, SHA-256 or blank) of what is to be fetched; `left_out` ids of
    photos that somebody agreed to do without; `by` is whoever asked, as the records name them.
    """

    kind: Kind
    name: str
    source: str = ""
    licence: str = ""
    files: tuple[tuple[str, int, str], ...] = ()
    left_out: tuple[str, ...] = ()
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    asked_at: float = field(default_factory=time.time)
    by: str = ""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """What `asdict` gave, from JSON."""
        return cls(**tuples(values))


@dataclass(frozen=True)
class State:
    """How far an intake is: `done` of `total` in `unit`; `problems` are why it was refused.

    `rows` are ids of photos without which it could go on. `at` is when this was said, `moved_at`
    when it last came further (seconds of the clock).
    """

    stage: Stage
    done: int = 0
    total: int = 0
    unit: str = ""
    seconds_left: float | None = None
    problems: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    at: float = 0.0
    moved_at: float = 0.0


@dataclass(frozen=True)
class Intake:
    """An unfinished intake; `running` if a process works on it."""

    folder: Path
    request: Request
    state: State
    running: bool

    @property
    def interrupted(self) -> bool:
        """Whether its process ended without a word: killed, or the machine went down."""
        return not self.running and self.state.stage not in ENDS


def begin(datasets: Path, request: Request, *, upload: bytes | memoryview | None = None) -> Path:
    """The intake's folder; Refused if the same is being brought in already."""
    what = json.dumps([request.kind, request.source, request.files or request.name])
    folder = datasets / f"{PREFIX}{hashlib.sha256(what.encode()).hexdigest()[:12]}"
    new = datasets / f"{NEW}{uuid.uuid4().hex}"
    new.mkdir(parents=True)
    try:
        if upload is not None:
            (new / UPLOAD).write_bytes(upload)
        write_atomically(new / REQUEST, json.dumps(asdict(request)))
        if look(folder) is None and not taken(folder / LOCK):
            shutil.rmtree(folder, ignore_errors=True)  # left behind, and of no use to anybody
        if folder.exists():
            raise Refused("The same is being brought in already; see below.")
        try:
            os.rename(new, folder)
        except OSError as error:  # somebody else was faster
            raise Refused("The same is being brought in already; see below.") from error
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return folder


def start(folder: Path) -> None:
    """Starts a process of its own that works on an intake; nothing happens where one does."""
    if taken(folder / LOCK):
        return
    (folder / CANCEL).unlink(missing_ok=True)
    say(folder, State("starting"))
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "training.data.intake_process", str(folder)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # it goes on when the server ends
        )
    threading.Thread(target=process.wait, daemon=True).start()  # leaves no zombie behind


def intakes(datasets: Path) -> tuple[Intake, ...]:
    """The unfinished intakes, oldest first."""
    found = [one for folder in datasets.glob(f"{PREFIX}*") if (one := look(folder))]
    return tuple(sorted(found, key=lambda one: one.request.asked_at))


def agree(folder: Path, rows: Sequence[str]) -> None:
    """Agrees to do without these photos; whoever starts the intake again gets on without them."""
    before = Request.from_dict(json.loads((folder / REQUEST).read_text()))
    wanted = replace(before, left_out=tuple(dict.fromkeys((*before.left_out, *rows))))
    write_atomically(folder / REQUEST, json.dumps(asdict(wanted)))


def cancel(folder: Path, *, by: str = "") -> None:
    """Asks the process to stop; where none is left, everything of the intake goes at once.

    `by` is whoever asks, as the records name them.
    """
    one = look(folder)
    if one and one.running:  # perhaps it only begins, and will find this
        (folder / CANCEL).write_text(by)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def say(folder: Path, state: State) -> None:
    """Writes how far an intake is."""
    write_atomically(folder / STATE, json.dumps(asdict(replace(state, at=time.time()))))


class Report:
    """Says how far a stage is, now and then; Cancelled as soon as somebody asks to stop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stage = ""
        self._begun = self._told = self._moved = 0.0
        self._first = self._last = 0

    def __call__(self, stage: Stage, done: int, total: int, unit: str) -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._begun, self._told, self._first = stage, now, 0.0, done
            self._last = -1
        if done != self._last:
            self._last, self._moved = done, time.time()
        if now - self._told < EVERY and done < total:
            return
        self._told = now
        if (self.folder / CANCEL).exists():
            raise Cancelled
        gone, got = now - self._begun, done - self._first
        left = gone / got * (total - done) if got > 0 and gone > 2 else None
        say(self.folder, State(stage, done, total, unit, left, moved_at=self._moved))


def finish(folder: Path, request: Request) -> Path:
    """Makes the whole data set one, by a rename, and forgets the intake.

    The clinic's own takes the place of the one before.
    """
    target = folder.parent / request.id
    before = folder / "before"
    if target.exists():
        os.replace(target, before)
    try:
        os.replace(folder / MAKING, target)
    except OSError:
        if before.exists():
            os.replace(before, target)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return target


def today() -> datetime.date:
    """The day where the server stands."""
    return datetime.date.today()


def look(folder: Path) -> Intake | None:
    """How an intake is; None once it has become a data set, or was discarded."""
    # The lock is looked at before and after: a process that begins or ends between would seem to
    # have been interrupted.
    before = taken(folder / LOCK)
    try:
        request = Request.from_dict(json.loads((folder / REQUEST).read_text()))
        state = State("starting")
        if (folder / STATE).exists():
            state = State(**tuples(json.loads((folder / STATE).read_text())))
    except (OSError, ValueError, TypeError):  # being made or removed this very moment
        return None
    running = taken(folder / LOCK) or (before and state.stage not in ENDS)
    fresh = state.stage == "starting" and time.time() - state.at < GRACE
    return Intake(folder, request, state, running or fresh)

"""A restore that an administrator asked for: carried out at the next start, before anybody comes.

What was asked for stands in one file of the data folder, and later what became of it: the database
itself is what is replaced. Each step can be cut off; the next start then goes on with it.
"""

import datetime
import json
import logging
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from records import audit
from records.access.actors import ADMIN, CONSOLE, Actor
from records.database import Database, utc_now
from records.errors import RecordError
from records.keeping import arrival, backup, outcome, rehearsal, restore
from records.keeping.place import Progress
from records.keeping.snapshot import keep_in
from records.keeping.store import Store, open_store
from records.schema import open_database

FILE = "restore.json"
LOCK = "restore.lock"
ASKED, DONE, FAILED = "asked", "done", "failed"
MOST_TRIES = 3  # starts that a restore may cut off before it is given up
NO_ADMIN = (
    "Nobody in this backup could sign in as administrator, so it cannot be restored from here."
)
RESTORED = "The backup was restored."
CUT_OFF = "The restore was cut off three times and given up. The records are as they were."

log = logging.getLogger("dermtrace")


@dataclass(frozen=True)
class Staged:
    """A restore that waits, or what became of one; `name` is the backup's."""

    id: str
    name: str
    account_id: str
    asked_at: datetime.datetime
    state: str = ASKED
    tries: int = 0
    ended_at: datetime.datetime | None = None
    sentence: str = ""

    @property
    def waits(self) -> bool:
        """Whether it is still to be carried out."""
        return self.state == ASKED


def read(folder: Path) -> Staged | None:
    """The restore asked for last, if any; one that cannot be read counts as none."""
    try:
        values = json.loads((folder / FILE).read_text(encoding="utf-8"))
        moments = {
            name: datetime.datetime.fromisoformat(values[name]) if values[name] else None
            for name in ("asked_at", "ended_at")
        }
        return Staged(**values | moments)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError):
        log.exception("%s cannot be read", FILE)
        return None


def look(database: Database, folder: Path, *, actor: Actor) -> Staged | None:
    """The same for who can look into the records: they know of a restore that is done.

    On a full disk it may not have been written down; the next start does that.
    """
    actor.require(ADMIN)
    staged = read(folder)
    if staged and staged.waits and (at := _done_at(database, staged.id)):
        waits = arrival.waiting(folder) == staged.id
        sentence = f"{RESTORED} {outcome.PENDING}" if waits else RESTORED
        return replace(staged, state=DONE, ended_at=at, sentence=sentence)
    return staged


def ask(
    database: Database, folder: Path, *, actor: Actor, source: str, passphrase: str, name: str
) -> Staged:
    """Asks for a backup to be restored at the next start; RecordError where it cannot be."""
    actor.require(ADMIN)
    if not rehearsal.look(actor=actor, source=source, passphrase=passphrase, name=name).admins:
        raise RecordError(NO_ADMIN)
    staged = Staged(uuid.uuid4().hex, name, actor.account_id, database.now())
    _note(database, actor, "restore asked for", staged)
    _write(folder, staged)
    return staged


def withdraw(database: Database, folder: Path, *, actor: Actor) -> None:
    """Takes it back, if it still waits."""
    actor.require(ADMIN)
    staged = look(database, folder, actor=actor)
    if staged and staged.waits:
        (folder / FILE).unlink(missing_ok=True)
        _note(database, actor, "restore withdrawn", staged)


def carry_out(
    url: str,
    folder: Path,
    *,
    store: Callable[[], Store],
    source: str,
    passphrase: str,
    progress: Progress = lambda *_: None,
) -> Staged | None:
    """Carries out what waits, and says what became of it; None if nothing waits.

    To be called when the program starts, before it opens the database. The present records are
    backed up first. Whatever fails, they stay as they were and the program starts with them.
    """
    found = read(folder)
    if not ((found and (found.waits or _pending(found))) or arrival.waiting(folder)):
        return None
    with closing(sqlite3.connect(folder / LOCK, timeout=600, isolation_level=None)) as alone:
        alone.execute("BEGIN EXCLUSIVE")  # one program of several that start at once
        settled = _finish(url, folder, source)
        staged = read(folder)
        if staged is None or not (staged.waits or _pending(staged)):
            return None
        if not staged.waits:
            if not arrival.waiting(folder):  # an earlier start could not write that down
                settled = settled or outcome.SETTLED
            ended = replace(staged, sentence=staged.sentence.replace(outcome.PENDING, settled))
            return _noted(folder, ended) if settled else None
        actor = Actor(staged.account_id, frozenset({ADMIN}))
        try:
            sentence = _restore(url, folder, staged, actor, store(), source, passphrase, progress)
            if sentence == RESTORED and settled:
                sentence += f" {settled}"
            ended = replace(staged, state=DONE, sentence=sentence)
        except RecordError as error:
            ended = replace(staged, state=FAILED, sentence=f"Nothing was restored. {error}")
        except Exception:
            log.exception("A restore failed")
            sentence = "Nothing was restored: something failed on our side. The log says more."
            ended = replace(staged, state=FAILED, sentence=sentence)
        return _noted(folder, replace(ended, ended_at=utc_now()))


def _finish(url: str, folder: Path, source: str) -> str:
    """Brings what is beside the records to its place, where a restore was cut off before that.

    What it did in words, "" if nothing.
    """
    if not (request := arrival.waiting(folder)):
        return ""
    try:
        database = open_database(url, before_migration=keep_in(source))
    except RecordError:  # the start itself says why
        return ""
    try:
        done = _done_at(database, request)
    finally:
        database.close()
    if not done:
        return ""
    try:
        return f"{outcome.SETTLED}{outcome.kept(arrival.settle(folder))}"
    except OSError:
        log.exception("What a restore brought still waits for its place")
        return outcome.PENDING


def _restore(
    url: str,
    folder: Path,
    staged: Staged,
    actor: Actor,
    store: Store,
    source: str,
    passphrase: str,
    progress: Progress,
) -> str:
    database = open_database(url, before_migration=keep_in(source))
    try:
        if _done_at(database, staged.id):  # cut off, or the disk full, before it was written down
            return RESTORED
        if staged.tries >= MOST_TRIES:
            _note(database, actor, "restore given up", staged)
            raise RecordError(CUT_OFF)
        _write(folder, replace(staged, tries=staged.tries + 1))
        progress(0.0, "Backing up the present records")
        made = backup.make(
            database,
            store,
            actor=actor,
            to=source,
            passphrase=passphrase,
            folder=folder,
            progress=progress,
        )
    finally:
        database.close()
    restored = restore.restore(
        url,
        store,
        actor=actor,
        source=source,
        passphrase=passphrase,
        name=staged.name,
        request=staged.id,
        folder=folder,
        progress=progress,
    )
    before = f" The state before is backed up as well: {made.sentence}"
    return restored.sentence + before


def _pending(staged: Staged) -> bool:
    """Whether it says that something still waits for its place."""
    return outcome.PENDING in staged.sentence


def _done_at(database: Database, request: str) -> datetime.datetime | None:
    """When a request brought the records back, if it did; they alone tell for certain."""
    kind = audit.RESTORED
    found = audit.entries(database, actor=CONSOLE, kind=kind, object_id=request, limit=1)
    return found[0].at if found else None


def _noted(folder: Path, ended: Staged) -> Staged:
    """Writes down what became of a restore; where there is no room for it, the log has it alone."""
    try:
        _write(folder, ended)
    except RecordError:
        log.exception("What became of a restore could not be written down")
    return ended


def _note(database: Database, actor: Actor, kind: str, staged: Staged) -> None:
    audit.note(
        database, actor=actor, kind=kind, object_id=staged.id, detail={"backup": staged.name}
    )


def _write(folder: Path, staged: Staged) -> None:
    values = asdict(staged)
    for name in ("asked_at", "ended_at"):
        values[name] = values[name].isoformat() if values[name] else None
    open_store(str(folder)).write(FILE, json.dumps(values, indent=1).encode())

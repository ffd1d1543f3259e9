"""What is due by itself: backups as often as the clinic wants, and the daily tidying."""

import datetime
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from records import preferences
from records.access.actors import ADMIN, Actor
from records.database import Database
from records.errors import RecordError
from records.keeping import backup, removal
from records.keeping.store import Store
from records.preferences import BACKUP_HOURS
from records.tables import BackupRow

SCHEDULE = Actor("schedule", frozenset({ADMIN}))
RETRY = datetime.timedelta(hours=1)  # after a failed backup
LONGEST = datetime.timedelta(hours=6)  # of a backup; after it, one without an end was cut off
EVERY = 300.0  # seconds between two looks at what is due
DAY = datetime.timedelta(days=1)

log = logging.getLogger("dermtrace")


@dataclass
class Upkeep:
    """One program's part in it; several on one database do nothing twice at a time."""

    database: Callable[[], Database]
    store: Callable[[], Store]
    to: str
    passphrase: str = field(repr=False)
    folder: Path | None = None
    tidied_at: datetime.datetime | None = None

    def turn(self) -> None:
        """Does what is due now. Whatever fails is in the log, and tried again later."""
        for deed in (self._back_up, self._tidy):
            try:
                deed()
            except RecordError as error:
                log.error("%s", error)
            except Exception:
                log.exception("The upkeep failed")

    def _back_up(self) -> None:
        database = self.database()
        if due(database):
            self.back_up(SCHEDULE)

    def back_up(self, actor: Actor) -> None:
        """Makes a backup now; RecordError if it fails."""
        made = backup.make(
            self.database(),
            self.store(),
            actor=actor,
            to=self.to,
            passphrase=self.passphrase,
            folder=self.folder,
        )
        log.info("Backup: %s", made.sentence)

    def _tidy(self) -> None:
        now = self.database().now()
        if self.tidied_at is None or now - self.tidied_at >= DAY:
            removed = removal.tidy(self.database(), self.store())
            self.tidied_at = now
            log.info("Tidied: %d files removed", removed)


def due(database: Database) -> bool:
    """Whether a backup is wanted now: none is running, and none has failed a moment ago."""
    with database.read() as session:
        hours = int(preferences.chosen(session, BACKUP_HOURS))
        latest = session.scalar(select(BackupRow).order_by(BackupRow.begun_at.desc()).limit(1))
        if latest:
            since = database.now() - latest.begun_at
            wait = RETRY if latest.ended_at else LONGEST
            if not latest.ok and since < wait:
                return False
    return hours > 0 and backup.is_due(database, hours=hours)


def running(database: Database) -> bool:
    """Whether a backup is being made, as far as the records know."""
    with database.read() as session:
        latest = session.scalar(select(BackupRow).order_by(BackupRow.begun_at.desc()).limit(1))
        return bool(
            latest and latest.ended_at is None and database.now() - latest.begun_at < LONGEST
        )


@contextmanager
def kept(upkeep: Upkeep, *, every: float = EVERY, first: float = 30.0) -> Iterator[None]:
    """Takes turns beside the program; the first one waits until visitors have been served."""
    over = threading.Event()

    def stay() -> None:
        wait = first
        while not over.wait(wait):
            upkeep.turn()
            wait = every

    thread = threading.Thread(target=stay, name="upkeep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=5)

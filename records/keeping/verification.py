"""Looks whether everything is whole: rows, files, the audit log. Admins only."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from records import chain
from records.access.actors import ADMIN, Actor
from records.chain import Head
from records.database import Database
from records.keeping import blobs, workshop
from records.keeping.blobs import PhotoUnusable
from records.keeping.place import Progress
from records.keeping.store import Store
from records.tables import BlobRow, PhotoRow, VisitRow


@dataclass(frozen=True)
class Findings:
    """What was found; `problems` are sentences, none if everything is whole.

    `unused` counts files that nothing refers to: what interrupted saves leave behind, harmless and
    removed by the daily tidying.
    """

    problems: tuple[str, ...]
    files: int
    unused: int
    head: Head

    @property
    def sound(self) -> bool:
        """Whether everything is whole."""
        return not self.problems


def verify(
    database: Database,
    store: Store,
    *,
    actor: Actor,
    copied: Head | None = None,
    folder: Path | None = None,
    progress: Progress = lambda *_: None,
) -> Findings:
    """Checks the database's form, every file's hash, and the audit log's chain.

    `copied` is a head of the audit log that was kept elsewhere, `folder` the data folder, whose own
    models are checked as well. A missing or changed original is
    noted on its record.
    """
    actor.require(ADMIN)
    problems = list(_database(database))
    with database.read() as session:
        wanted = sorted(session.scalars(select(BlobRow.sha256)))
    for number, sha256 in enumerate(wanted):
        progress(number / len(wanted), f"File {number + 1} of {len(wanted)}")
        try:
            blobs.read(database, store, sha256)
        except PhotoUnusable as error:
            problems.append(f"{sha256[:12]}: {error}")
    unused = len(set(store.names()) - set(wanted))
    problems += workshop.faults(folder) if folder else ()
    verdict = chain.verify(database, actor=actor, copied=copied)
    if not verdict.sound:
        problems.append(verdict.sentence)
    return Findings(tuple(problems), len(wanted), unused, chain.head(database, actor=actor))


def _database(database: Database) -> Iterable[str]:
    if database.is_sqlite:
        with database.engine.connect() as connection:
            if connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar() != "ok":
                yield "The database file is damaged."
            if connection.exec_driver_sql("PRAGMA foreign_key_check").all():
                yield "The database has rows that refer to rows that are not there."
    with database.read() as session:
        strayed = session.scalars(
            select(PhotoRow.id)
            .join(VisitRow, PhotoRow.visit_id == VisitRow.id)
            .where(PhotoRow.lesion_id != VisitRow.lesion_id)
        ).all()
        if strayed:
            yield f"{len(strayed)} photos are on a visit of another lesion."

"""Deleting hides, can be undone for a day, and is final after it. Clinicians only."""

import datetime
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy import delete as remove
from sqlalchemy.orm import Session

from records import audit, lookup, outlines
from records.actors import CLINICIAN, Actor
from records.database import Database
from records.errors import Conflict, NotFound
from records.patients import put_terms
from records.store import Store
from records.tables import (
    AssessmentRow,
    BackupRow,
    BlobRow,
    ConfirmationRow,
    DeletionRow,
    ImpressionRow,
    LesionRow,
    OverviewRow,
    PatientRow,
    PhotoRow,
    PlanRow,
    ReceiptRow,
    RecentRow,
    TermRow,
    VisitRow,
)

UNDO = datetime.timedelta(days=1)
RECEIPTS = datetime.timedelta(days=30)  # no form stays open for longer
TOO_LATE = "This was deleted more than a day ago and cannot be brought back."
IN_THE_WAY = "This cannot be brought back: the same has been added again meanwhile."

Row = PatientRow | LesionRow | VisitRow | PhotoRow | OverviewRow
_FIND: dict[str, Callable[[Session, str], Row]] = {
    "patient": lookup.patient,
    "lesion": lookup.lesion,
    "visit": lookup.visit,
    "photo": lookup.photo,
    "overview": lookup.overview,
}
_TABLES: dict[str, type[Row]] = {
    "patient": PatientRow,
    "lesion": LesionRow,
    "visit": VisitRow,
    "photo": PhotoRow,
    "overview": OverviewRow,
}


@dataclass(frozen=True)
class Deletion:
    """Something that is hidden until `until` and can be brought back."""

    id: str
    kind: str
    object_id: str
    until: datetime.datetime
    account_id: str


def delete(database: Database, *, actor: Actor, kind: str, object_id: str) -> Deletion:
    """Hides a patient, lesion, visit, photo or overview with all that belongs to it.

    NotFound if it is not there, also the second time.
    """
    actor.require(CLINICIAN)
    with database.write() as session:
        row = _FIND[kind](session, object_id)
        row.deleted_at = database.now()
        if isinstance(row, PatientRow):
            put_terms(session, row)
        made = DeletionRow(
            kind=kind, object_id=object_id, at=row.deleted_at, account_id=actor.account_id
        )
        session.add(made)
        session.flush()
        audit.append(
            session,
            at=database.now(),
            account_id=actor.account_id,
            kind=f"{kind} deleted",
            object_id=object_id,
        )
        return _value(made)


def undo(database: Database, *, actor: Actor, deletion_id: str) -> Deletion:
    """Brings back what was deleted less than a day ago; NotFound if that has happened already.

    Conflict if the same patient id or photo has been added again meanwhile.
    """
    actor.require(CLINICIAN)
    with database.write() as session:
        made = session.get(DeletionRow, deletion_id)
        row: Any = session.get(_TABLES[made.kind], made.object_id) if made else None
        if made is None or row is None:
            raise NotFound
        if made.at + UNDO < database.now():
            raise Conflict(TOO_LATE)
        if _is_taken(session, row):
            raise Conflict(IN_THE_WAY)
        row.deleted_at = None
        if isinstance(row, PatientRow):
            put_terms(session, row)
        session.delete(made)
        audit.append(
            session,
            at=database.now(),
            account_id=actor.account_id,
            kind=f"{made.kind} brought back",
            object_id=made.object_id,
        )
        return _value(made)


def undoable(database: Database, *, actor: Actor) -> list[Deletion]:
    """What this account has deleted and can bring back, newest first."""
    actor.require(CLINICIAN)
    wanted = (
        select(DeletionRow)
        .where(DeletionRow.account_id == actor.account_id, DeletionRow.at >= database.now() - UNDO)
        .order_by(DeletionRow.at.desc())
    )
    with database.read() as session:
        return [_value(row) for row in session.scalars(wanted)]


def tidy(database: Database, store: Store) -> int:
    """Removes for good what was deleted more than a day ago, and files nothing refers to.

    To be called daily. Returns how many files were removed.
    """
    with database.write() as session:
        old = session.scalars(
            select(DeletionRow).where(DeletionRow.at < database.now() - UNDO)
        ).all()
        for made in old:
            purge(session, made.kind, made.object_id)
            session.delete(made)
            audit.append(
                session,
                at=database.now(),
                account_id=made.account_id,
                kind="deletion final",
                object_id=made.object_id,
            )
        long_ago = database.now() - RECEIPTS
        session.execute(remove(ReceiptRow).where(ReceiptRow.at < long_ago))
        session.execute(  # of an examination that was never saved
            remove(ImpressionRow).where(
                ImpressionRow.lesion_id.is_(None), ImpressionRow.at < long_ago
            )
        )
    return remove_unused(database, store)


def purge(session: Session, kind: str, object_id: str) -> None:
    """Removes the rows of a patient, lesion, visit, photo or overview and of all within it."""
    if kind == "patient":
        for lesion_id in session.scalars(
            select(LesionRow.id).where(LesionRow.patient_id == object_id)
        ).all():
            purge(session, "lesion", lesion_id)
        for table in (OverviewRow, TermRow, RecentRow):
            session.execute(remove(table).where(table.patient_id == object_id))
    elif kind == "lesion":
        session.execute(remove(AssessmentRow).where(AssessmentRow.lesion_id == object_id))
        _purge_outlines(session, PhotoRow.lesion_id == object_id)
        session.execute(
            update(ConfirmationRow)
            .where(ConfirmationRow.lesion_id == object_id)
            .values(replaces_id=None)
        )
        for part in (ConfirmationRow, PlanRow, ImpressionRow, PhotoRow, VisitRow):
            session.execute(remove(part).where(part.lesion_id == object_id))
    elif kind == "visit":
        _purge_outlines(session, PhotoRow.visit_id == object_id)
        session.execute(remove(PhotoRow).where(PhotoRow.visit_id == object_id))
    elif kind == "photo":
        outlines.purge(session, [object_id])
    session.execute(remove(_TABLES[kind]).where(_TABLES[kind].id == object_id))


def _purge_outlines(session: Session, which: ColumnElement[bool]) -> None:
    outlines.purge(session, session.scalars(select(PhotoRow.id).where(which)).all())


def remove_unused(database: Database, store: Store, *, among: Iterable[str] | None = None) -> int:
    """Removes files that nothing refers to, first their rows; `among` looks at these only.

    An interruption in between leaves a file without a row, which the next call removes.
    """
    running = exists().where(
        BackupRow.ended_at.is_(None), BackupRow.begun_at > database.now() - UNDO
    )
    with database.read() as session:
        if among is None and session.scalar(select(running)):
            return 0  # the backup still copies files that its rows refer to
    forget_unused(database)
    with database.read() as session:
        kept = set(session.scalars(select(BlobRow.sha256)))
    candidates = [name for name in (store.names() if among is None else among) if name not in kept]
    for sha256 in candidates:
        # Nobody adds rows meanwhile; whoever adds one next finds the file gone and puts it again.
        with database.write() as session:
            if session.get(BlobRow, sha256) is None:
                store.remove(sha256)
    return len(candidates)


def forget_unused(database: Database) -> None:
    """Removes the rows of files that nothing refers to."""
    used = or_(
        exists().where(PhotoRow.sha256 == BlobRow.sha256),
        exists().where(OverviewRow.sha256 == BlobRow.sha256),
        exists().where(AssessmentRow.maps_sha256 == BlobRow.sha256),
    )
    with database.write() as session:
        session.execute(remove(BlobRow).where(~used))


def _is_taken(session: Session, row: Row) -> bool:
    match row:
        case PatientRow():
            same = (PatientRow.clinic_key == row.clinic_key) & PatientRow.deleted_at.is_(None)
        case PhotoRow():
            same = (
                (PhotoRow.lesion_id == row.lesion_id)
                & (PhotoRow.sha256 == row.sha256)
                & PhotoRow.deleted_at.is_(None)
            )
        case OverviewRow():
            same = (
                (OverviewRow.patient_id == row.patient_id)
                & (OverviewRow.sha256 == row.sha256)
                & OverviewRow.deleted_at.is_(None)
            )
        case _:
            return False
    return bool(session.scalar(select(exists().where(same))))


def _value(row: DeletionRow) -> Deletion:
    return Deletion(row.id, row.kind, row.object_id, row.at + UNDO, row.account_id)

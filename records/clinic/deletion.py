"""Deleting hides, can be undone for a day, and is final after it. Clinicians only."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from records import audit, lookup
from records.access.actors import CLINICIAN, Actor
from records.clinic.patients import put_terms
from records.database import Database
from records.errors import Conflict, NotFound
from records.tables import (
    DeletionRow,
    LesionRow,
    OverviewRow,
    PatientRow,
    PhotoRow,
    VisitRow,
)

UNDO = datetime.timedelta(days=1)
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
TABLES: dict[str, type[Row]] = {
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
        audit.did(database, session, actor=actor, kind=f"{kind} deleted", object_id=object_id)
        return _value(made)


def undo(database: Database, *, actor: Actor, deletion_id: str) -> Deletion:
    """Brings back what was deleted less than a day ago; NotFound if that has happened already.

    Conflict if the same patient id or photo has been added again meanwhile.
    """
    actor.require(CLINICIAN)
    with database.write() as session:
        made = session.get(DeletionRow, deletion_id)
        row: Any = session.get(TABLES[made.kind], made.object_id) if made else None
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
        audit.did(
            database,
            session,
            actor=actor,
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

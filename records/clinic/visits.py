"""Visits: the day a lesion was photographed, and how. Clinicians only."""

import datetime
from dataclasses import asdict, dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from records import audit, editions, lookup
from records.access.actors import CLINICIAN, Actor
from records.database import Database
from records.fields import Form
from records.tables import VisitRow

POLARISATIONS = ("unknown", "polarised", "non-polarised")
CONTACTS = ("unknown", "contact", "non-contact")


@dataclass(frozen=True)
class VisitFields:
    """A day, None if nobody knows it, and how the photos were taken; magnification as in 10 x."""

    day: datetime.date | None = None
    magnification: float | None = None
    polarisation: str = "unknown"
    contact: str = "unknown"
    device: str = ""
    note: str = ""


@dataclass(frozen=True)
class Visit:
    """A visit. `edition` goes back into `change`, so that nobody overwrites somebody else."""

    id: str
    lesion_id: str
    fields: VisitFields
    edition: int


def change(
    database: Database, *, actor: Actor, visit_id: str, fields: VisitFields, edition: int
) -> Visit:
    """Saves all fields of a visit; Conflict if somebody else has changed it since `edition`.

    Another day makes assessments that used its photos outdated.
    """
    actor.require(CLINICIAN)
    with database.write() as session:
        row = lookup.visit(session, visit_id)
        checked = check(database, session, lesion_id=row.lesion_id, fields=fields)
        if read_visit(row).fields == checked:
            return read_visit(row)
        editions.expect(row, edition)
        editions.revise(row, checked)
        audit.did(database, session, actor=actor, kind="visit changed", object_id=row.id)
        return read_visit(row)


def ensure(
    database: Database, session: Session, *, actor: Actor, lesion_id: str, fields: VisitFields
) -> VisitRow:
    """The lesion's visit of that day with those settings, made if there is none.

    Undated visits are never joined: they may have been different days.
    """
    checked = check(database, session, lesion_id=lesion_id, fields=fields)
    if checked.day is not None:
        wanted = select(VisitRow).where(
            VisitRow.lesion_id == lesion_id,
            VisitRow.day == checked.day,
            VisitRow.deleted_at.is_(None),
        )
        for row in session.scalars(wanted.order_by(VisitRow.added_at, VisitRow.id)):
            there = asdict(read_visit(row).fields) | {"note": ""}
            if there == asdict(checked) | {"note": ""}:
                return row
    row = VisitRow(
        lesion_id=lesion_id,
        **asdict(checked),
        added_at=database.now(),
        added_by=actor.account_id,
        edition=1,
    )
    session.add(row)
    session.flush()
    audit.did(
        database,
        session,
        actor=actor,
        kind="visit added",
        object_id=row.id,
        detail={"lesion": lesion_id},
    )
    return row


def last_settings(database: Database, *, actor: Actor, lesion_id: str) -> VisitFields | None:
    """How a lesion was photographed last time, to offer for the next: without day and note."""
    actor.require(CLINICIAN)
    with database.read() as session:
        lookup.lesion(session, lesion_id)
        row = session.scalar(
            select(VisitRow)
            .where(VisitRow.lesion_id == lesion_id, VisitRow.deleted_at.is_(None))
            .order_by(VisitRow.day.is_(None), VisitRow.day.desc(), VisitRow.added_at.desc())
            .limit(1)
        )
        if row is None:
            return None
        return VisitFields(None, row.magnification, row.polarisation, row.contact, row.device)


def check(
    database: Database, session: Session, *, lesion_id: str, fields: VisitFields
) -> VisitFields:
    """The fields as they are saved; InvalidRecord names those that cannot be."""
    born = lookup.patient(session, lookup.lesion(session, lesion_id).patient_id).year_of_birth
    form = Form()
    checked = VisitFields(
        day=form.past("day", fields.day, database.today(), born),
        magnification=form.number("magnification", fields.magnification, least=1, most=400),
        polarisation=form.choice("polarisation", fields.polarisation, POLARISATIONS),
        contact=form.choice("contact", fields.contact, CONTACTS),
        device=form.text("device", fields.device, most=120),
        note=form.text("note", fields.note, most=4000, lines=True),
    )
    form.finish()
    return checked


def read_visit(row: VisitRow) -> Visit:
    """A row as the value that pages get."""
    fields = VisitFields(
        row.day, row.magnification, row.polarisation, row.contact, row.device, row.note
    )
    return Visit(row.id, row.lesion_id, fields, row.edition)

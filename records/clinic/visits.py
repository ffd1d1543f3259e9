"""Visits: the day a lesion was photographed, and how. Clinicians only."""

import datetime
from dataclasses import asdict, dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from records import audit, editions, lookup
from records.access.actors import CLINICIAN, Actor
from records.database import Database
from records.fields import Form, folded
from records.tables import VisitRow

POLARISATIONS = ("unknown", "polarised", "non-polarised")
CONTACTS = ("unknown", "contact", "non-contact")
LOOKED_AT = 500  # visits, newest first, for the same device


@dataclass(frozen=True)
class VisitFields:
    """A day, None if nobody knows it, and how the photos were taken; magnification as in 10 x.

    `field_mm` are the millimetres along the longer side of an uncropped photo, known to within
    `field_within_mm`.
    """

    day: datetime.date | None = None
    magnification: float | None = None
    polarisation: str = "unknown"
    contact: str = "unknown"
    device: str = ""
    note: str = ""
    field_mm: float | None = None
    field_within_mm: float | None = None


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
        return None if row is None else replace(read_visit(row).fields, day=None, note="")


def field_of_view(
    database: Database, *, actor: Actor, device: str, magnification: float | None
) -> VisitFields | None:
    """The visit for which a field of view was last entered with this device and magnification.

    To be offered for the next; None where either is not known, or nobody has.
    """
    actor.require(CLINICIAN)
    if not folded(device) or magnification is None:
        return None
    with database.read() as session:
        rows = session.scalars(
            select(VisitRow)
            .where(
                VisitRow.magnification == magnification,
                VisitRow.field_mm.is_not(None),
                VisitRow.deleted_at.is_(None),
            )
            .order_by(VisitRow.added_at.desc(), VisitRow.id)
            .limit(LOOKED_AT)
        )
        same = (row for row in rows if folded(row.device) == folded(device))
        found = next(same, None)
        return read_visit(found).fields if found else None


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
        field_mm=form.number("field_mm", fields.field_mm, least=1, most=500),
        field_within_mm=form.number("field_within_mm", fields.field_within_mm, least=0.01, most=50),
    )
    if (checked.field_mm is None) != (checked.field_within_mm is None):
        form.problems["field_mm"] = "A field of view needs its width and how exactly it is known."
    form.finish()
    return checked


def read_visit(row: VisitRow) -> Visit:
    """A row as the value that pages get."""
    fields = VisitFields(
        day=row.day,
        magnification=row.magnification,
        polarisation=row.polarisation,
        contact=row.contact,
        device=row.device,
        note=row.note,
        field_mm=row.field_mm,
        field_within_mm=row.field_within_mm,
    )
    return Visit(row.id, row.lesion_id, fields, row.edition)

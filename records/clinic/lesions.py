"""Lesions: where they are, and what the patient's page shows of each. Clinicians only."""

import datetime
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from records import audit, editions, lookup, receipts
from records.access.actors import CLINICIAN, Actor
from records.clinic import patients
from records.clinic.confirmations import Confirmation, current_confirmations
from records.clinic.patients import Patient
from records.clinic.plans import Plan, current_plans
from records.database import Database
from records.fields import Form
from records.tables import LesionRow, PhotoRow, VisitRow

# ISIC's anatom_site_general, as the archive writes it; blank is unknown.
SITES = (
    "anterior torso",
    "head/neck",
    "lateral torso",
    "lower extremity",
    "oral/genital",
    "palms/soles",
    "posterior torso",
    "upper extremity",
)
VIEWS = ("", "front", "back")


@dataclass(frozen=True)
class LesionFields:
    """What is known of a lesion.

    `map_x` and `map_y` are its place in the front or back view of the body map, each in [0, 1] from
    the upper left corner. `excised_on` is set through its plan, or here where it was elsewhere.
    """

    label: str
    site: str = ""
    map_view: str = ""
    map_x: float | None = None
    map_y: float | None = None
    history: str = ""
    excised_on: datetime.date | None = None


@dataclass(frozen=True)
class Lesion:
    """A lesion. `edition` goes back into `change`, so that nobody overwrites somebody else."""

    id: str
    patient_id: str
    fields: LesionFields
    added_at: datetime.datetime
    edition: int


@dataclass(frozen=True)
class LesionSummary:
    """One lesion on the patient's page; `photo_id` is the newest photo, for the thumbnail."""

    lesion: Lesion
    visits: int
    last_day: datetime.date | None
    photo_id: str | None
    plan: Plan | None
    confirmation: Confirmation | None


def add(
    database: Database, *, actor: Actor, patient_id: str, fields: LesionFields, save_key: str
) -> Lesion:
    """A new lesion of a patient; saving the same form again gives the one it has made before."""
    actor.require(CLINICIAN)
    with database.write() as session:
        patient = lookup.patient(session, patient_id)
        checked = _checked(database, fields, patient.year_of_birth)
        content = {"form": "lesion", "patient": patient_id, **asdict(checked)}
        made = receipts.earlier(session, actor=actor, key=save_key, content=content)
        if made:
            return read_lesion(lookup.lesion(session, made))
        row = LesionRow(
            patient_id=patient_id,
            **asdict(checked),
            added_at=database.now(),
            added_by=actor.account_id,
            edition=1,
        )
        receipts.add(database, session, row, actor=actor, key=save_key, content=content)
        audit.did(
            database,
            session,
            actor=actor,
            kind="lesion added",
            object_id=row.id,
            detail={"patient": patient_id},
        )
        return read_lesion(row)


def change(
    database: Database, *, actor: Actor, lesion_id: str, fields: LesionFields, edition: int
) -> Lesion:
    """Saves all fields of a lesion; Conflict if somebody else has changed it since `edition`."""
    actor.require(CLINICIAN)
    with database.write() as session:
        row = lookup.lesion(session, lesion_id)
        born = lookup.patient(session, row.patient_id).year_of_birth
        checked = _checked(database, fields, born)
        if read_lesion(row).fields == checked:
            return read_lesion(row)
        editions.expect(row, edition)
        editions.revise(row, checked)
        audit.did(database, session, actor=actor, kind="lesion changed", object_id=row.id)
        return read_lesion(row)


def of_patient(
    database: Database, *, actor: Actor, patient_id: str
) -> tuple[Patient, tuple[LesionSummary, ...]]:
    """A patient's page: the patient, and all lesions, oldest first."""
    patient = patients.get(database, actor=actor, patient_id=patient_id)
    with database.read() as session:
        rows = session.scalars(
            select(LesionRow)
            .where(LesionRow.patient_id == patient_id, LesionRow.deleted_at.is_(None))
            .order_by(LesionRow.added_at, LesionRow.id)
        ).all()
        return patient, tuple(_summaries(session, [read_lesion(row) for row in rows]))


def read_lesion(row: LesionRow) -> Lesion:
    """A row as the value that pages get."""
    fields = LesionFields(
        row.label, row.site, row.map_view, row.map_x, row.map_y, row.history, row.excised_on
    )
    return Lesion(row.id, row.patient_id, fields, row.added_at, row.edition)


def _summaries(session: Session, lesions: Sequence[Lesion]) -> list[LesionSummary]:
    ids = [lesion.id for lesion in lesions]
    visits = {
        lesion_id: (count, last)
        for lesion_id, count, last in session.execute(
            select(VisitRow.lesion_id, func.count(), func.max(VisitRow.day))
            .where(VisitRow.lesion_id.in_(ids), VisitRow.deleted_at.is_(None))
            .group_by(VisitRow.lesion_id)
        )
    }
    newest = {  # the last one of each lesion stays; undated visits come first
        lesion_id: photo_id
        for lesion_id, photo_id in session.execute(
            select(PhotoRow.lesion_id, PhotoRow.id)
            .join(VisitRow, PhotoRow.visit_id == VisitRow.id)
            .where(
                PhotoRow.lesion_id.in_(ids),
                PhotoRow.deleted_at.is_(None),
                VisitRow.deleted_at.is_(None),
            )
            .order_by(VisitRow.day.is_not(None), VisitRow.day, PhotoRow.position)
        )
    }
    plans, confirmations = current_plans(session, ids), current_confirmations(session, ids)
    return [
        LesionSummary(
            lesion,
            *visits.get(lesion.id, (0, None)),
            newest.get(lesion.id),
            plans.get(lesion.id),
            confirmations.get(lesion.id),
        )
        for lesion in lesions
    ]


def _checked(database: Database, fields: LesionFields, born: int | None) -> LesionFields:
    form, today = Form(), database.today()
    checked = LesionFields(
        label=form.text("label", fields.label, most=80, needed="Enter a label, such as A."),
        site=form.choice("site", fields.site, ("", *SITES)),
        map_view=form.choice("map_view", fields.map_view, VIEWS),
        map_x=form.number("map_x", fields.map_x, least=0, most=1),
        map_y=form.number("map_y", fields.map_y, least=0, most=1),
        history=form.text("history", fields.history, most=4000, lines=True),
        excised_on=form.past("excised_on", fields.excised_on, today, born),
    )
    placed = {bool(checked.map_view), checked.map_x is not None, checked.map_y is not None}
    if len(placed) > 1:
        form.problems["map_view"] = "Mark the lesion's place on the body map again."
    form.finish()
    return checked

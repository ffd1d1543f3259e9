"""Patients: add, change, open; records.clinic.search finds them. Clinicians only.

Every call that shows a patient notes the look in the audit log, once in a quarter of an hour.
"""

import datetime
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from records import audit, editions, lookup, receipts
from records.access.actors import CLINICIAN, Actor
from records.database import Database
from records.dates import long_date
from records.errors import InvalidRecord
from records.fields import Form, folded
from records.tables import LesionRow, PatientRow, RecentRow, TermRow, VisitRow

SEXES = ("female", "male", "other", "unknown")
RECENT = 200  # patients remembered for each account


@dataclass(frozen=True)
class PatientFields:
    """What is known of a patient. `clinic_id` is the clinic's own; phototype is Fitzpatrick's."""

    clinic_id: str
    name: str = ""
    year_of_birth: int | None = None
    sex: str = "unknown"
    phototype: int | None = None


@dataclass(frozen=True)
class Patient:
    """A patient. `edition` goes back into `change`, so that nobody overwrites somebody else."""

    id: str
    fields: PatientFields
    added_at: datetime.datetime
    edition: int


def add(database: Database, *, actor: Actor, fields: PatientFields, save_key: str) -> Patient:
    """A new patient; InvalidRecord names the fields that cannot be saved.

    Saving the same form again gives the patient it has made before.
    """
    actor.require(CLINICIAN)
    checked = _checked(database, fields)
    content = {"form": "patient", **asdict(checked)}
    with database.write() as session:
        made = receipts.earlier(session, actor=actor, key=save_key, content=content)
        if made:
            return _patient(lookup.patient(session, made))
        _refuse_taken(session, checked.clinic_id)
        row = PatientRow(
            **asdict(checked),
            clinic_key=key(checked.clinic_id),
            added_at=database.now(),
            added_by=actor.account_id,
            edition=1,
        )
        receipts.add(database, session, row, actor=actor, key=save_key, content=content)
        put_terms(session, row)
        audit.did(database, session, actor=actor, kind="patient added", object_id=row.id)
        return _patient(row)


def change(
    database: Database, *, actor: Actor, patient_id: str, fields: PatientFields, edition: int
) -> Patient:
    """Saves all fields of a patient; Conflict if somebody else has changed it since `edition`."""
    actor.require(CLINICIAN)
    checked = _checked(database, fields)
    with database.write() as session:
        row = lookup.patient(session, patient_id)
        if _patient(row).fields == checked:
            return _patient(row)
        editions.expect(row, edition)
        _refuse_later_birth(session, patient_id, checked.year_of_birth)
        if key(checked.clinic_id) != row.clinic_key:
            _refuse_taken(session, checked.clinic_id)
        editions.revise(row, checked)
        row.clinic_key = key(checked.clinic_id)
        put_terms(session, row)
        audit.did(database, session, actor=actor, kind="patient changed", object_id=row.id)
        return _patient(row)


def get(database: Database, *, actor: Actor, patient_id: str) -> Patient:
    """One patient; NotFound for an id that is missing, deleted or guessed.

    Notes the look, and that this account has opened the patient.
    """
    actor.require(CLINICIAN)
    with database.read() as session:
        patient = _patient(lookup.patient(session, patient_id))
    audit.looked(database, actor=actor, kind="patient viewed", object_id=patient_id)
    remember(database, actor, patient_id)
    return patient


def put_terms(session: Session, row: PatientRow) -> None:
    """Renews the words by which a patient is found; a deleted one has none."""
    session.execute(delete(TermRow).where(TermRow.patient_id == row.id))
    if row.deleted_at is None:
        own = {row.clinic_key, *row.clinic_key.split(), *folded(row.name).split()}
        terms = sorted(word[:300] for word in own if word)
        words = joined(terms)
        session.add_all(TermRow(term=term, patient_id=row.id, words=words) for term in terms)


def joined(terms: Iterable[str]) -> str:
    """All words of a patient in one text; a blank stands before each, where a search looks."""
    return " " + " ".join(terms)


def key(clinic_id: str) -> str:
    """A clinic's id as it is compared; one character may fold into eighteen."""
    return folded(clinic_id)[:300]


def find(session: Session, clinic_id: str) -> str | None:
    """The random id of the patient with a clinic's id, a living one rather than a deleted one."""
    return session.scalar(
        select(PatientRow.id)
        .where(PatientRow.clinic_key == key(clinic_id))
        .order_by(PatientRow.deleted_at.is_not(None))
        .limit(1)
    )


def read_patient(row: PatientRow) -> Patient:
    """A row as the value that pages get."""
    return _patient(row)


def _patient(row: PatientRow) -> Patient:
    fields = PatientFields(row.clinic_id, row.name, row.year_of_birth, row.sex, row.phototype)
    return Patient(row.id, fields, row.added_at, row.edition)


def _checked(database: Database, fields: PatientFields) -> PatientFields:
    form, today = Form(), database.today()
    number = form.number("phototype", fields.phototype, least=1, most=6)
    checked = PatientFields(
        clinic_id=form.text(
            "clinic_id", fields.clinic_id, most=64, needed="Enter the clinic's own id."
        ),
        name=form.text("name", fields.name, most=200),
        year_of_birth=form.birth_year("year_of_birth", fields.year_of_birth, today),
        sex=form.choice("sex", fields.sex, SEXES),
        phototype=None if number is None else int(number),
    )
    form.finish()
    return checked


def _refuse_taken(session: Session, clinic_id: str) -> None:
    taken = select(PatientRow.id).where(
        PatientRow.clinic_key == key(clinic_id), PatientRow.deleted_at.is_(None)
    )
    if session.scalar(taken):
        raise InvalidRecord({"clinic_id": "Another patient has this id already."})


def _refuse_later_birth(session: Session, patient_id: str, year: int | None) -> None:
    first = session.scalar(
        select(func.min(VisitRow.day))
        .join(LesionRow, VisitRow.lesion_id == LesionRow.id)
        .where(
            LesionRow.patient_id == patient_id,
            LesionRow.deleted_at.is_(None),
            VisitRow.deleted_at.is_(None),
        )
    )
    if first and year and first.year < year:
        problem = f"A visit of {long_date(first)} lies before this year."
        raise InvalidRecord({"year_of_birth": problem})


def remember(database: Database, actor: Actor, patient_id: str) -> None:
    """Puts a patient first among those that this account has opened last."""
    now = database.now()
    with database.read() as session:
        row = session.get(RecentRow, (actor.account_id, patient_id))
        newest = session.scalar(
            select(RecentRow.patient_id)
            .where(RecentRow.account_id == actor.account_id)
            .order_by(RecentRow.at.desc())
            .limit(1)
        )
    if row and newest == patient_id:
        return  # a page that reruns writes nothing
    with database.write() as session:
        lookup.patient(session, patient_id)
        session.merge(RecentRow(account_id=actor.account_id, patient_id=patient_id, at=now))
        session.flush()
        old = (
            select(RecentRow.at)
            .where(RecentRow.account_id == actor.account_id)
            .order_by(RecentRow.at.desc())
            .offset(RECENT)
            .limit(1)
            .scalar_subquery()
        )
        session.execute(
            delete(RecentRow).where(RecentRow.account_id == actor.account_id, RecentRow.at <= old)
        )

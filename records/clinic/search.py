"""Finds patients as somebody types, and those opened last. Clinicians only."""

from typing import Any

from sqlalchemy import Row, func, select

from records.access.actors import CLINICIAN, Actor
from records.clinic.patients import Patient, PatientFields
from records.database import Database
from records.fields import folded
from records.tables import PatientRow, RecentRow, TermRow

LAST = "\U0010ffff"  # sorts after every other character
MOST_WORDS = 5
# Of a list only what it shows: whole rows of the mapper take several times as long.
_COLUMNS = (
    PatientRow.id,
    PatientRow.added_at,
    PatientRow.edition,
    PatientRow.clinic_id,
    PatientRow.name,
    PatientRow.year_of_birth,
    PatientRow.sex,
    PatientRow.phototype,
)


def patients(database: Database, *, actor: Actor, text: str, limit: int = 10) -> list[Patient]:
    """Patients of whom each typed word begins a word of the name or of the clinic's id.

    Fast enough to be called at every key: an index answers for the longest word, and its rows hold
    the patient's other words as well, so that patients are fetched only for the answer.
    """
    actor.require(CLINICIAN)
    words = sorted(set(folded(text).split()), key=len, reverse=True)[:MOST_WORDS]
    if not words:
        return []
    begins = (TermRow.term >= words[0]) & (TermRow.term < words[0] + LAST)
    others = (TermRow.words.contains(f" {word}", autoescape=True) for word in words[1:])
    words_found = (
        select(TermRow.term, TermRow.patient_id)
        .where(begins, *others)
        .order_by(TermRow.term, TermRow.patient_id)
        # Hardly anybody has two words that begin alike: this is enough of different patients.
        .limit(limit * 2)
        .subquery()
    )
    first, patient_id = func.min(words_found.c.term).label("first"), words_found.c.patient_id
    found = (
        select(patient_id, first).group_by(patient_id).order_by(first, patient_id).limit(limit)
    ).subquery()
    wanted = (
        select(*_COLUMNS)
        .join(found, found.c.patient_id == PatientRow.id)
        .order_by(found.c.first, found.c.patient_id)
    )
    with database.read() as session:
        return [_read(row) for row in session.execute(wanted)]


def recent(database: Database, *, actor: Actor, limit: int = 12) -> list[Patient]:
    """The patients this account has opened last, newest first."""
    actor.require(CLINICIAN)
    wanted = (
        select(*_COLUMNS)
        .join(RecentRow, RecentRow.patient_id == PatientRow.id)
        .where(RecentRow.account_id == actor.account_id, PatientRow.deleted_at.is_(None))
        .order_by(RecentRow.at.desc(), RecentRow.patient_id)
        .limit(limit)
    )
    with database.read() as session:
        return [_read(row) for row in session.execute(wanted)]


def _read(row: Row[*tuple[Any, ...]]) -> Patient:
    patient_id, added_at, edition, *fields = row
    return Patient(patient_id, PatientFields(*fields), added_at, edition)

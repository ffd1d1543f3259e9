"""Moves what was misfiled to where it belongs, audited. Clinicians only.

Assessments stay with the lesion they were made for. If one used a photo that has moved on, it is
outdated and its heat map of that photo is no longer shown.
"""

from dataclasses import replace

from sqlalchemy import select

from records import audit, lookup
from records.access.actors import CLINICIAN, Actor
from records.clinic import visits
from records.clinic.photos import already, next_position, on_lesion
from records.clinic.visits import read_visit
from records.database import Database
from records.errors import Conflict, InvalidRecord
from records.tables import VisitRow


def move_lesion(database: Database, *, actor: Actor, lesion_id: str, patient_id: str) -> None:
    """Gives a lesion, with all that belongs to it, to another patient.

    InvalidRecord if one of its visits lies before the year of birth.
    """
    actor.require(CLINICIAN)
    with database.write() as session:
        lesion = lookup.lesion(session, lesion_id)
        patient = lookup.patient(session, patient_id)
        origin = lesion.patient_id
        if origin == patient_id:
            return
        first = session.scalar(
            select(VisitRow.day)
            .where(
                VisitRow.lesion_id == lesion_id,
                VisitRow.deleted_at.is_(None),
                VisitRow.day.is_not(None),
            )
            .order_by(VisitRow.day)
            .limit(1)
        )
        if first and patient.year_of_birth and first.year < patient.year_of_birth:
            raise InvalidRecord(
                {"patient": "The lesion was photographed before this patient was born."}
            )
        lesion.patient_id = patient_id
        lesion.edition += 1
        audit.did(
            database,
            session,
            actor=actor,
            kind="lesion moved",
            object_id=lesion_id,
            detail={"from": origin, "to": patient_id},
        )


def move_photo(database: Database, *, actor: Actor, photo_id: str, lesion_id: str) -> None:
    """Gives a photo to another lesion, of this or another patient, on a visit of the same day.

    Conflict if that lesion has the photo already.
    """
    actor.require(CLINICIAN)
    with database.write() as session:
        photo = lookup.photo(session, photo_id)
        lookup.lesion(session, lesion_id)
        origin = photo.lesion_id
        if origin == lesion_id:
            return
        there = on_lesion(session, lesion_id, photo.sha256)
        if there:
            raise Conflict(already(session.get_one(VisitRow, there.visit_id).day))
        # A note may speak of the patient it was written for.
        fields = replace(read_visit(session.get_one(VisitRow, photo.visit_id)).fields, note="")
        visit = visits.ensure(database, session, actor=actor, lesion_id=lesion_id, fields=fields)
        photo.position = next_position(session, lesion_id)
        photo.lesion_id, photo.visit_id = lesion_id, visit.id
        audit.did(
            database,
            session,
            actor=actor,
            kind="photo moved",
            object_id=photo_id,
            detail={"from": origin, "to": lesion_id},
        )

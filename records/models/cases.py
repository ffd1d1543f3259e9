"""The clinic's confirmed lesions as photos to learn from: by random ids, without names.

Administrators take them; nobody sees a photo or learns whose it is by that.
"""

import datetime
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from records import audit, preferences
from records.access.actors import ADMIN, Actor
from records.database import Database
from records.keeping import blobs
from records.keeping.blobs import PhotoUnusable
from records.keeping.store import Store
from records.keeping.stripping import strip
from records.tables import ConfirmationRow, LesionRow, PatientRow, PhotoRow, VisitRow

HISTOPATHOLOGY = "histopathology"
SEXES = ("female", "male")  # as ISIC writes them; others stay blank
AGE_STEP = 5  # years, as ISIC rounds ages


@dataclass(frozen=True)
class CasePhoto:
    """A photo of a lesion whose diagnosis is confirmed; `day` is None if nobody knows it."""

    id: str
    sha256: str
    orientation: int
    lesion_id: str
    patient_id: str
    code: str
    day: datetime.date | None
    site: str
    sex: str
    age: int | None


@dataclass(frozen=True)
class Cases:
    """What there is to learn from, and sentences about what was left aside."""

    photos: tuple[CasePhoto, ...]
    notes: tuple[str, ...]


def confirmed(
    database: Database,
    *,
    actor: Actor,
    codes: Collection[str],
    malignant: Collection[str],
) -> Cases:
    """The photos of lesions with a confirmed diagnosis among `codes`, by lesion and day.

    A diagnosis in `malignant` counts only where histopathology confirmed it, unless the clinic has
    decided otherwise. Photos taken after an excision show a scar, and are left aside.
    """
    actor.require(ADMIN)
    with database.read() as session:
        proven = () if preferences.chosen(session, preferences.UNPROVEN) else malignant
        rows = session.execute(
            select(PhotoRow, VisitRow.day, LesionRow, PatientRow, ConfirmationRow)
            .join(VisitRow, PhotoRow.visit_id == VisitRow.id)
            .join(LesionRow, PhotoRow.lesion_id == LesionRow.id)
            .join(PatientRow, LesionRow.patient_id == PatientRow.id)
            .join(ConfirmationRow, ConfirmationRow.lesion_id == LesionRow.id)
            .where(
                ConfirmationRow.current,
                PhotoRow.deleted_at.is_(None),
                VisitRow.deleted_at.is_(None),
                LesionRow.deleted_at.is_(None),
                PatientRow.deleted_at.is_(None),
            )
            .order_by(LesionRow.id, VisitRow.day, PhotoRow.position)
        ).all()
        kept, other, unproven, scars = [], set(), set(), 0
        for photo, day, lesion, patient, confirmation in rows:
            if confirmation.code not in codes:
                other.add(lesion.id)
            elif confirmation.code in proven and confirmation.method != HISTOPATHOLOGY:
                unproven.add(lesion.id)
            elif day and lesion.excised_on and day > lesion.excised_on:
                scars += 1
            else:
                kept.append(_case(photo, day, lesion, patient, confirmation.code))
    audit.note(
        database,
        actor=actor,
        kind="confirmed lesions taken",
        detail={"photos": len(kept), "lesions": len({one.lesion_id for one in kept})},
    )
    said = (
        (len(other), "lesion", "with a diagnosis other than the eight"),
        (len(unproven), "lesion", "called malignant without histopathology"),
        (scars, "photo", "taken after an excision"),
    )
    notes = tuple(f"Left aside: {n} {noun}{'s' * (n > 1)} {what}." for n, noun, what in said if n)
    return Cases(tuple(kept), notes)


def _case(
    photo: PhotoRow,
    day: datetime.date | None,
    lesion: LesionRow,
    patient: PatientRow,
    code: str,
) -> CasePhoto:
    age = None
    if day and patient.year_of_birth:
        age = (day.year - patient.year_of_birth) // AGE_STEP * AGE_STEP
    return CasePhoto(
        id=photo.id,
        sha256=photo.sha256,
        orientation=photo.orientation,
        lesion_id=lesion.id,
        patient_id=patient.id,
        code=code,
        day=day,
        site=lesion.site,
        sex=patient.sex if patient.sex in SEXES else "",
        age=age,
    )


def read(database: Database, store: Store, *, actor: Actor, photo: CasePhoto) -> bytes | None:
    """A photo without what the camera wrote into it, or a DICOM file as it is.

    None where the original is missing or changed.
    """
    actor.require(ADMIN)
    try:
        data = blobs.read(database, store, photo.sha256)
    except PhotoUnusable:
        return None
    return strip(data, orientation=photo.orientation) or data

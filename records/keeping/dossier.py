"""Everything of one patient as a folder, for the patient or another clinic. Clinicians only."""

import datetime
import json
import os
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from records import audit, lookup
from records.access.actors import CLINICIAN, Actor
from records.clinic import assessments, overviews, patients, photos, series
from records.database import Database
from records.errors import DiskFull, RecordError
from records.keeping.blobs import PhotoUnusable
from records.keeping.store import NO_SPACE, Store
from records.keeping.stripping import strip
from records.reports import dicom
from records.reports.dicom import About
from records.tables import LesionRow

DICOM = "application/dicom"
SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", DICOM: ".dcm"}
NOTICE = "Decision support, not a diagnosis"


def export(
    database: Database,
    store: Store,
    *,
    actor: Actor,
    patient_id: str,
    to: Path,
    originals: bool = False,
) -> list[str]:
    """Writes a new folder `to` with `patient.json`, the photos and the heat maps.

    Photos are stripped of what the camera wrote into them (place, owner, serial number) unless
    `originals` is asked for, and named by number, never by the name they were uploaded under.
    Returns a sentence for each photo that is missing, changed or could not be stripped; those are
    not in the folder. RecordError if the folder is there already.
    """
    actor.require(CLINICIAN)
    patient = patients.get(database, actor=actor, patient_id=patient_id)
    with database.read() as session:
        lesions = _lesions(session, patient_id)
    pages = [series.page(database, actor=actor, lesion_id=one) for one in lesions]
    views = overviews.of_patient(database, actor=actor, patient_id=patient_id)
    problems: list[str] = []

    def files() -> Iterator[tuple[str, bytes]]:
        every = [
            (number, visit.visit, photo)
            for page in pages
            for visit in page.visits
            for number, photo in enumerate(visit.photos, start=1)
        ]
        named = patient.fields.clinic_id
        for number, visit, photo in every:
            yield from _photo(
                f"photos/{photo.id}",
                photo.media_type,
                photo.orientation,
                About(named, photo.lesion_id, visit.id, number, visit.fields.day),
                lambda one=photo.id: photos.read(database, store, actor=actor, photo_id=one),
                originals,
                problems,
            )
        for number, view in enumerate(views, start=1):
            yield from _photo(
                f"overviews/{view.id}",
                view.media_type,
                1,
                About(named, view.id, view.id, number, view.taken_on),
                lambda one=view.id: overviews.read(database, store, actor=actor, overview_id=one),
                originals,
                problems,
            )
        for page in pages:
            for one in page.assessments:
                if one.has_maps and not one.gone:
                    maps = assessments.maps(database, store, actor=actor, assessment_id=one.id)
                    yield f"heat_maps/{one.id}", maps
        values = {
            "notice": NOTICE,
            "exported_at": database.now(),
            "patient": patient,
            "lesions": pages,
            "overviews": views,
        }
        yield "patient.json", json.dumps(plain(values), indent=2, ensure_ascii=False).encode()

    _write(to, files())
    audit.note(
        database,
        actor=actor,
        kind="patient exported",
        object_id=patient_id,
        detail={"originals": originals},
    )
    return problems


def find(database: Database, *, actor: Actor, clinic_id: str) -> str:
    """The random id of the patient with this clinic's id; NotFound. Deleted ones are found too."""
    actor.require(CLINICIAN)
    with database.read() as session:
        return patients.find(session, clinic_id) or lookup.patient(session, clinic_id).id


def plain(value: Any) -> Any:
    """Records as JSON takes them; days and times are ISO 8601."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain({name: getattr(value, name) for name in value.__dataclass_fields__})
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | frozenset | set):
        return [plain(one) for one in value]
    if isinstance(value, datetime.date | datetime.datetime):
        return value.isoformat()
    return value


def _lesions(session: Session, patient_id: str) -> list[str]:
    wanted = select(LesionRow.id).where(
        LesionRow.patient_id == patient_id, LesionRow.deleted_at.is_(None)
    )
    return list(session.scalars(wanted.order_by(LesionRow.added_at, LesionRow.id)))


def _photo(
    name: str,
    media_type: str,
    orientation: int,
    about: About,
    read: Any,
    originals: bool,
    problems: list[str],
) -> Iterator[tuple[str, bytes]]:
    try:
        data: bytes | None = read()
    except PhotoUnusable as error:
        problems.append(f"{name}: {error}")
        return
    if data is not None and not originals:
        data = _stripped(data, media_type, orientation, about)
    if data is None:
        problems.append(f"{name}: its details could not be removed; export the originals.")
        return
    yield f"{name}{SUFFIXES.get(media_type, '.bin')}", data


def _stripped(data: bytes, media_type: str, orientation: int, about: About) -> bytes | None:
    if media_type != DICOM:
        return strip(data, orientation=orientation)
    try:
        return dicom.from_dicom(data, about)
    except ValueError:
        return None


def _write(to: Path, files: Iterator[tuple[str, bytes]]) -> None:
    """Writes into a folder beside, which gets its name when it is complete."""
    if to.exists():
        raise RecordError(f"{to.name} is there already. Choose a new folder.")
    part = to.with_name(f".{to.name}.part")
    try:
        part.mkdir(parents=True, mode=0o700)
        for name, data in files:
            path = part / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        os.replace(part, to)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise DiskFull("The disk is full. The export is not complete.") from error
        raise RecordError(f"{to.name} cannot be written: {error.strerror}.") from error

"""Lesions whose diagnosis is confirmed, to compare others with. Clinicians only.

A case names no patient. What has been deleted or erased is no case any more, and photos
taken after the excision are none of it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, or_, select

from records import audit
from records.access.actors import CLINICIAN, Actor
from records.clinic.confirmations import Confirmation, current_confirmations
from records.database import Database
from records.keeping import blobs
from records.keeping.store import Store
from records.tables import BlobRow, ConfirmationRow, LesionRow, PatientRow, PhotoRow, VisitRow

MOST = 6  # photos of a case, the newest: more hardly move their mean


@dataclass(frozen=True)
class CasePhoto:
    """A photo of a case."""

    id: str
    sha256: str


@dataclass(frozen=True)
class ConfirmedCase:
    """A lesion, its diagnosis, and its newest photos, the newest first."""

    lesion_id: str
    patient_id: str
    confirmation: Confirmation
    photos: tuple[CasePhoto, ...]


def known(database: Database, *, actor: Actor) -> dict[str, tuple[str, str]]:
    """Every case by its lesion's id: the diagnosis' code, and a mark that new photos change."""
    actor.require(CLINICIAN)
    wanted = _living(
        select(LesionRow.id, ConfirmationRow.code, func.max(PhotoRow.position), func.count())
    ).group_by(LesionRow.id, ConfirmationRow.code)
    with database.read() as session:
        return {
            lesion_id: (code, f"{newest}-{photos}")
            for lesion_id, code, newest, photos in session.execute(wanted)
        }


def get(
    database: Database, *, actor: Actor, lesion_ids: Collection[str]
) -> dict[str, ConfirmedCase]:
    """These cases by their lesions' ids; those that are none any more are not in it."""
    actor.require(CLINICIAN)
    wanted = (
        _living(select(LesionRow.id, LesionRow.patient_id, PhotoRow.id, PhotoRow.sha256))
        .where(LesionRow.id.in_(lesion_ids))
        .order_by(PhotoRow.position.desc())
    )
    found: dict[str, tuple[str, list[CasePhoto]]] = {}
    with database.read() as session:
        for lesion_id, patient_id, photo_id, sha256 in session.execute(wanted):
            photos = found.setdefault(lesion_id, (patient_id, []))[1]
            photos.append(CasePhoto(photo_id, sha256))
        confirmed = current_confirmations(session, list(found))
    return {
        lesion_id: ConfirmedCase(lesion_id, patient_id, confirmed[lesion_id], tuple(photos[:MOST]))
        for lesion_id, (patient_id, photos) in found.items()
    }


def read(database: Database, store: Store, *, actor: Actor, photo: CasePhoto) -> bytes:
    """A case's original for the network, which nobody looks at; PhotoUnusable."""
    actor.require(CLINICIAN)
    return blobs.read(database, store, photo.sha256)


def note(database: Database, *, actor: Actor, count: int) -> None:
    """Notes that the network went over so many cases."""
    actor.require(CLINICIAN)
    audit.note(database, actor=actor, kind="cases indexed", detail={"lesions": count})


def _living(wanted: "Select[*tuple[Any, ...]]") -> "Select[*tuple[Any, ...]]":
    """Living, whole photos of living, confirmed lesions."""
    return (
        wanted.select_from(LesionRow)
        .join(PatientRow, LesionRow.patient_id == PatientRow.id)
        .join(ConfirmationRow, ConfirmationRow.lesion_id == LesionRow.id)
        .join(PhotoRow, PhotoRow.lesion_id == LesionRow.id)
        .join(VisitRow, PhotoRow.visit_id == VisitRow.id)
        .join(BlobRow, PhotoRow.sha256 == BlobRow.sha256)
        .where(
            ConfirmationRow.current,
            BlobRow.fault == "",
            or_(  # a later photo shows a scar
                LesionRow.excised_on.is_(None),
                VisitRow.day.is_(None),
                VisitRow.day <= LesionRow.excised_on,
            ),
            *(row.deleted_at.is_(None) for row in (PatientRow, LesionRow, PhotoRow, VisitRow)),
        )
    )

"""Overview photos of a body region, to find lesions by. Never analysed. Clinicians only."""

import datetime
import hashlib
from dataclasses import dataclass, field

from sqlalchemy import select

from records import audit, lookup, receipts
from records.access.actors import CLINICIAN, Actor
from records.clinic.photos import KnownPhoto
from records.database import Database
from records.fields import Form, clean
from records.keeping import blobs
from records.keeping.store import Store
from records.tables import BlobRow, LesionRow, OverviewRow, PhotoRow


@dataclass(frozen=True)
class NewOverview:
    """An overview photo as uploaded, read and found sound."""

    data: bytes = field(repr=False)
    name: str
    media_type: str
    taken_on: datetime.date | None = None
    note: str = ""


@dataclass(frozen=True)
class Overview:
    """An overview photo; `fault` is a sentence if the original is missing or changed."""

    id: str
    patient_id: str
    sha256: str
    name: str
    media_type: str
    taken_on: datetime.date | None
    note: str
    fault: str


def add(
    database: Database,
    store: Store,
    *,
    actor: Actor,
    patient_id: str,
    photo: NewOverview,
    although_known: bool = False,
    save_key: str,
) -> str:
    """Keeps an overview photo and gives its id; KnownPhoto if another patient has the same file.

    The same file for the same patient again is the one that is there.
    """
    actor.require(CLINICIAN)
    sha256 = hashlib.sha256(photo.data).hexdigest()
    content = {
        "form": "overview",
        "patient": patient_id,
        "sha256": sha256,
        "day": photo.taken_on,
        "note": photo.note,
    }
    with database.read() as session:
        born = lookup.patient(session, patient_id).year_of_birth
    form = Form()
    note = form.text("note", photo.note, most=1000, lines=True)
    form.past("taken_on", photo.taken_on, database.today(), born)
    form.finish()
    store.put(photo.data)
    with database.write() as session:
        lookup.patient(session, patient_id)
        there = receipts.earlier(session, actor=actor, key=save_key, content=content)
        there = there or session.scalar(
            select(OverviewRow.id).where(
                OverviewRow.patient_id == patient_id,
                OverviewRow.sha256 == sha256,
                OverviewRow.deleted_at.is_(None),
            )
        )
        if there:
            return there
        holders = set(
            session.scalars(
                select(LesionRow.patient_id)
                .join(PhotoRow, PhotoRow.lesion_id == LesionRow.id)
                .where(PhotoRow.sha256 == sha256)
            )
        ) | set(session.scalars(select(OverviewRow.patient_id).where(OverviewRow.sha256 == sha256)))
        if holders - {patient_id} and not although_known:
            raise KnownPhoto(KnownPhoto.ANOTHER_PATIENT)
        blobs.keep(database, session, store, photo.data)
        row = OverviewRow(
            patient_id=patient_id,
            sha256=sha256,
            name=clean(photo.name)[:255],
            media_type=photo.media_type,
            taken_on=photo.taken_on,
            note=note,
            added_at=database.now(),
            added_by=actor.account_id,
        )
        receipts.add(database, session, row, actor=actor, key=save_key, content=content)
        audit.did(
            database,
            session,
            actor=actor,
            kind="overview added",
            object_id=row.id,
            detail={"patient": patient_id, "although known": although_known},
        )
        return row.id


def of_patient(database: Database, *, actor: Actor, patient_id: str) -> list[Overview]:
    """A patient's overview photos, oldest first."""
    actor.require(CLINICIAN)
    with database.read() as session:
        lookup.patient(session, patient_id)
        rows = session.execute(
            select(OverviewRow, BlobRow)
            .join(BlobRow, OverviewRow.sha256 == BlobRow.sha256)
            .where(OverviewRow.patient_id == patient_id, OverviewRow.deleted_at.is_(None))
            .order_by(OverviewRow.taken_on, OverviewRow.added_at)
        )
        return [
            Overview(
                row.id,
                row.patient_id,
                row.sha256,
                row.name,
                row.media_type,
                row.taken_on,
                row.note,
                blobs.fault_of(blob),
            )
            for row, blob in rows
        ]


def read(database: Database, store: Store, *, actor: Actor, overview_id: str) -> bytes:
    """An overview photo's original, checked against its hash; PhotoUnusable."""
    actor.require(CLINICIAN)
    with database.read() as session:
        sha256 = lookup.overview(session, overview_id).sha256
    data = blobs.read(database, store, sha256)
    audit.looked(database, actor=actor, kind="overview viewed", object_id=overview_id)
    return data

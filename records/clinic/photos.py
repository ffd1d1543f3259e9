"""Photos of lesions: kept once, as they came; the file first, then the row. Clinicians only."""

import datetime
import hashlib
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from records import audit, lookup
from records.access.actors import CLINICIAN, Actor
from records.database import Database
from records.dates import long_date
from records.errors import RecordError
from records.fields import clean
from records.keeping import blobs
from records.keeping.store import Store
from records.tables import (
    BlobRow,
    LesionRow,
    OutlineRow,
    OverviewRow,
    PhotoRow,
    ScaleRow,
    VisitRow,
)


class KnownPhoto(RecordError):
    """The same file is kept elsewhere: a question before it is saved here as well.

    The text names nobody. Saving again with `although_known=True` is the answer yes; the default
    of the question is no.
    """

    ANOTHER_PATIENT = (
        "This photo is identical to a photo of another patient. Is the right record open?"
        " Nothing was saved."
    )
    ANOTHER_LESION = (
        "This photo is identical to a photo of another lesion of this patient."
        " Is the right lesion open? Nothing was saved."
    )


@dataclass(frozen=True)
class NewPhoto:
    """A photo that was read and found sound: the bytes as uploaded, and what reading them told.

    `width` and `height` are upright pixels; `orientation` is EXIF's, 1 to 8; `taken_on` is the
    camera's day, which may differ from the visit's.
    """

    data: bytes = field(repr=False)
    name: str
    media_type: str
    width: int
    height: int
    orientation: int = 1
    taken_on: datetime.date | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """The SHA-256 of the bytes."""
        return hashlib.sha256(self.data).hexdigest()

    def plain(self) -> dict[str, Any]:
        """All of it as plain values, with the hash in place of the bytes."""
        values = {name: value for name, value in self.__dict__.items() if name != "data"}
        return values | {"sha256": self.sha256}


@dataclass(frozen=True)
class Marks:
    """Two places in the upright photo's pixels that lie so many millimetres apart."""

    ends: tuple[tuple[float, float], ...]
    millimetres: float


@dataclass(frozen=True)
class Photo:
    """A photo of a lesion. `fault` is a sentence if the original is missing or changed.

    `outline` is what a clinician drew on it, in upright pixels; empty where nobody has. `marks` are
    the scale that a clinician marked in it.
    """

    id: str
    lesion_id: str
    visit_id: str
    sha256: str
    name: str
    media_type: str
    size: tuple[int, int]
    orientation: int
    taken_on: datetime.date | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    added_at: datetime.datetime
    fault: str
    outline: tuple[tuple[float, float], ...] = ()
    marks: Marks | None = None


def attach(
    database: Database,
    session: Session,
    store: Store,
    *,
    actor: Actor,
    visit: VisitRow,
    photo: NewPhoto,
    although_known: bool,
) -> PhotoRow:
    """Adds the row of a photo whose file the store has been given before this transaction.

    The lesion does not have it yet. KnownPhoto if another has, unless that was answered.
    """
    if not although_known:
        refuse_known(session, visit.lesion_id, photo.sha256)
    blobs.keep(database, session, store, photo.data)
    row = PhotoRow(
        position=next_position(session, visit.lesion_id),
        lesion_id=visit.lesion_id,
        visit_id=visit.id,
        sha256=photo.sha256,
        name=clean(photo.name)[:255],
        media_type=photo.media_type,
        width=photo.width,
        height=photo.height,
        orientation=photo.orientation,
        taken_on=photo.taken_on,
        notes=list(photo.notes),
        warnings=list(photo.warnings),
        added_at=database.now(),
        added_by=actor.account_id,
    )
    session.add(row)
    session.flush()
    audit.did(
        database,
        session,
        actor=actor,
        kind="photo added",
        object_id=row.id,
        detail={"lesion": visit.lesion_id, "although known": although_known},
    )
    return row


def next_position(session: Session, lesion_id: str) -> int:
    """Where a new photo stands among a lesion's, in the order they were added."""
    last = select(func.max(PhotoRow.position)).where(PhotoRow.lesion_id == lesion_id)
    return (session.scalar(last) or 0) + 1


def already(day: datetime.date | None) -> str:
    """What is said of a file that the lesion has already."""
    known = f" ({long_date(day)})" if day else ""
    return f"Already in this lesion{known}."


def on_lesion(session: Session, lesion_id: str, sha256: str) -> PhotoRow | None:
    """The lesion's photo with this hash, if it has one."""
    return session.scalar(
        select(PhotoRow).where(
            PhotoRow.lesion_id == lesion_id,
            PhotoRow.sha256 == sha256,
            PhotoRow.deleted_at.is_(None),
        )
    )


def refuse_known(session: Session, lesion_id: str, sha256: str) -> None:
    """KnownPhoto if another patient, or another lesion of this one, has the same file."""
    own = lookup.lesion(session, lesion_id).patient_id
    holders = set(
        session.scalars(
            select(LesionRow.patient_id)
            .join(PhotoRow, PhotoRow.lesion_id == LesionRow.id)
            .where(PhotoRow.sha256 == sha256, PhotoRow.lesion_id != lesion_id)
        )
    ) | set(session.scalars(select(OverviewRow.patient_id).where(OverviewRow.sha256 == sha256)))
    if holders - {own}:
        raise KnownPhoto(KnownPhoto.ANOTHER_PATIENT)
    if holders:
        raise KnownPhoto(KnownPhoto.ANOTHER_LESION)


def read(database: Database, store: Store, *, actor: Actor, photo_id: str) -> bytes:
    """A photo's original, checked against its hash; PhotoUnusable, which is also noted."""
    actor.require(CLINICIAN)
    with database.read() as session:
        sha256 = lookup.photo(session, photo_id).sha256
    data = blobs.read(database, store, sha256)
    audit.looked(database, actor=actor, kind="photo viewed", object_id=photo_id)
    return data


def read_photos(session: Session, condition: ColumnElement[bool]) -> list[Photo]:
    """Living photos as the values that pages get, in the order they were added."""
    rows = session.execute(
        select(PhotoRow, BlobRow, OutlineRow, ScaleRow)
        .join(BlobRow, PhotoRow.sha256 == BlobRow.sha256)
        .outerjoin(OutlineRow, and_(OutlineRow.photo_id == PhotoRow.id, OutlineRow.current))
        .outerjoin(ScaleRow, and_(ScaleRow.photo_id == PhotoRow.id, ScaleRow.current))
        .where(condition, PhotoRow.deleted_at.is_(None))
        .order_by(PhotoRow.position)
    )
    return [
        Photo(
            id=row.id,
            lesion_id=row.lesion_id,
            visit_id=row.visit_id,
            sha256=row.sha256,
            name=row.name,
            media_type=row.media_type,
            size=(row.width, row.height),
            orientation=row.orientation,
            taken_on=row.taken_on,
            notes=tuple(row.notes),
            warnings=tuple(row.warnings),
            added_at=row.added_at,
            fault=blobs.fault_of(blob),
            outline=tuple((x, y) for x, y in drawn.points) if drawn else (),
            marks=_marks(scale),
        )
        for row, blob, drawn, scale in rows
    ]


def _marks(row: ScaleRow | None) -> Marks | None:
    if row is None or not row.ends:
        return None
    return Marks(tuple((x, y) for x, y in row.ends), row.millimetres)

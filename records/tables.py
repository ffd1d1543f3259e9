"""The clinic's tables. Ids are random, so that none can be guessed from another.

A row with `deleted_at` is hidden, and removed for good a day later. `edition` grows with every
change, so that one written from an outdated page is noticed.
"""

import datetime
import uuid
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from records.database import Base, UtcDateTime

LIVE = text("deleted_at IS NULL")
# Compared byte by byte, so that an index answers "starts with" in every language.
Folded = String(300).with_variant(String(300, collation="C"), "postgresql")


def new_id() -> str:
    """A random id of 32 characters."""
    return uuid.uuid4().hex


def _id() -> Mapped[str]:
    return mapped_column(String(32), primary_key=True, default=new_id)


def _to(table: str, *, index: bool = True, nullable: bool = False) -> Mapped[Any]:
    return mapped_column(String(32), ForeignKey(f"{table}.id"), index=index, nullable=nullable)


def _blob(*, nullable: bool = False) -> Mapped[Any]:
    return mapped_column(String(64), ForeignKey("blob.sha256"), index=True, nullable=nullable)


def _account() -> Mapped[str]:
    return mapped_column(String(64))


class PatientRow(Base):
    """A patient: the clinic's own id is all that is needed."""

    __tablename__ = "patient"
    id: Mapped[str] = _id()
    clinic_id: Mapped[str] = mapped_column(String(64))
    clinic_key: Mapped[str] = mapped_column(Folded)
    name: Mapped[str] = mapped_column(String(200))
    year_of_birth: Mapped[int | None]
    sex: Mapped[str] = mapped_column(String(16))
    phototype: Mapped[int | None]
    added_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    added_by: Mapped[str] = _account()
    edition: Mapped[int]
    deleted_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (
        Index(None, "clinic_key", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
    )


class TermRow(Base):
    """A word by which a patient is found: of the clinic's id, and of the name.

    `words` are all of the patient's, each after a blank. SQLite keeps the rows in the key's order,
    so that whoever reads along the key has them at hand.
    """

    __tablename__ = "term"
    term: Mapped[str] = mapped_column(Folded, primary_key=True)
    patient_id: Mapped[str] = mapped_column(
        String(32), ForeignKey("patient.id"), primary_key=True, index=True
    )
    words: Mapped[str] = mapped_column(Text)
    __table_args__ = ({"sqlite_with_rowid": False},)


class RecentRow(Base):
    """When an account last opened a patient."""

    __tablename__ = "recent"
    account_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    patient_id: Mapped[str] = mapped_column(
        String(32), ForeignKey("patient.id"), primary_key=True, index=True
    )
    at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    __table_args__ = (Index(None, "account_id", "at"),)


class LesionRow(Base):
    """A lesion and its place on the body map: x and y in [0, 1] of the front or back view."""

    __tablename__ = "lesion"
    id: Mapped[str] = _id()
    patient_id: Mapped[str] = _to("patient")
    label: Mapped[str] = mapped_column(String(80))
    site: Mapped[str] = mapped_column(String(40))
    map_view: Mapped[str] = mapped_column(String(8))
    map_x: Mapped[float | None]
    map_y: Mapped[float | None]
    history: Mapped[str] = mapped_column(Text)
    excised_on: Mapped[datetime.date | None] = mapped_column(Date)
    added_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    added_by: Mapped[str] = _account()
    edition: Mapped[int]
    deleted_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)


class VisitRow(Base):
    """A day on which a lesion was photographed, and how; `day` is None if nobody knows it."""

    __tablename__ = "visit"
    id: Mapped[str] = _id()
    lesion_id: Mapped[str] = _to("lesion")
    day: Mapped[datetime.date | None] = mapped_column(Date)
    magnification: Mapped[float | None]
    polarisation: Mapped[str] = mapped_column(String(16))
    contact: Mapped[str] = mapped_column(String(16))
    device: Mapped[str] = mapped_column(String(120))
    field_mm: Mapped[float | None]
    field_within_mm: Mapped[float | None]
    note: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    added_by: Mapped[str] = _account()
    edition: Mapped[int]
    deleted_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)


class BlobRow(Base):
    """A file in the store. `fault` says since `fault_at` that it is missing or changed."""

    __tablename__ = "blob"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int]
    stored_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    fault: Mapped[str] = mapped_column(String(8), default="")
    fault_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)


class PhotoRow(Base):
    """A dermoscopic photo of a lesion, whose visit is of the same lesion; `position` grows."""

    __tablename__ = "photo"
    id: Mapped[str] = _id()
    position: Mapped[int]
    lesion_id: Mapped[str] = _to("lesion", index=False)
    visit_id: Mapped[str] = _to("visit")
    sha256: Mapped[str] = _blob()
    name: Mapped[str] = mapped_column(String(255))
    media_type: Mapped[str] = mapped_column(String(40))
    width: Mapped[int]
    height: Mapped[int]
    orientation: Mapped[int]
    taken_on: Mapped[datetime.date | None] = mapped_column(Date)
    notes: Mapped[list[str]] = mapped_column(JSON)
    warnings: Mapped[list[str]] = mapped_column(JSON)
    added_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    added_by: Mapped[str] = _account()
    deleted_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (
        Index(None, "lesion_id", "sha256", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
    )


class OutlineRow(Base):
    """An outline drawn by hand on a photo; a correction is a new row that names the one before."""

    __tablename__ = "outline"
    id: Mapped[str] = _id()
    photo_id: Mapped[str] = _to("photo")
    points: Mapped[list[list[float]]] = mapped_column(JSON)  # x, y in the upright photo's pixels
    replaces_id: Mapped[str | None] = mapped_column(
        String(32), ForeignKey("outline.id"), unique=True
    )
    current: Mapped[bool]
    at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    account_id: Mapped[str] = _account()


class ScaleRow(Base):
    """A known distance marked in a photo; a correction is a new row that names the one before."""

    __tablename__ = "scale"
    id: Mapped[str] = _id()
    photo_id: Mapped[str] = _to("photo")
    ends: Mapped[list[list[float]]] = mapped_column(JSON)  # x, y in the upright photo's pixels
    millimetres: Mapped[float]
    replaces_id: Mapped[str | None] = mapped_column(String(32), ForeignKey("scale.id"), unique=True)
    current: Mapped[bool]
    at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    account_id: Mapped[str] = _account()


class OverviewRow(Base):
    """A photo of a body region, to find lesions by; never analysed."""

    __tablename__ = "overview"
    id: Mapped[str] = _id()
    patient_id: Mapped[str] = _to("patient", index=False)
    sha256: Mapped[str] = _blob()
    name: Mapped[str] = mapped_column(String(255))
    media_type: Mapped[str] = mapped_column(String(40))
    taken_on: Mapped[datetime.date | None] = mapped_column(Date)
    note: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    added_by: Mapped[str] = _account()
    deleted_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (
        Index(None, "patient_id", "sha256", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
    )


class ImpressionRow(Base):
    """What the clinician thought before seeing the result; never changed."""

    __tablename__ = "impression"
    id: Mapped[str] = _id()
    lesion_id: Mapped[str | None] = _to("lesion", nullable=True)
    code: Mapped[str] = mapped_column(String(16))
    confidence: Mapped[int | None]
    note: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    account_id: Mapped[str] = _account()


class AssessmentRow(Base):
    """What the model said about a lesion, and when; never changed."""

    __tablename__ = "assessment"
    id: Mapped[str] = _id()
    lesion_id: Mapped[str] = _to("lesion")
    impression_id: Mapped[str | None] = _to("impression", nullable=True)
    model_version: Mapped[str] = mapped_column(String(120))
    model_sha256: Mapped[str] = mapped_column(String(64))
    result: Mapped[dict[str, Any]] = mapped_column(JSON)
    photos: Mapped[list[list[str | None]]] = mapped_column(JSON)  # id, SHA-256, day
    maps_sha256: Mapped[str | None] = _blob(nullable=True)
    made_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    saved_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    account_id: Mapped[str] = _account()


class ConfirmationRow(Base):
    """A confirmed diagnosis; a correction is a new row that names the one it replaces."""

    __tablename__ = "confirmation"
    id: Mapped[str] = _id()
    lesion_id: Mapped[str] = _to("lesion")
    code: Mapped[str] = mapped_column(String(16))
    other: Mapped[str] = mapped_column(String(200))
    method: Mapped[str] = mapped_column(String(20))
    confirmed_on: Mapped[datetime.date | None] = mapped_column(Date)
    reason: Mapped[str] = mapped_column(Text)
    replaces_id: Mapped[str | None] = mapped_column(
        String(32), ForeignKey("confirmation.id"), unique=True
    )
    current: Mapped[bool]
    at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    account_id: Mapped[str] = _account()


class PlanRow(Base):
    """What is to be done with a lesion; a new plan ends the one before."""

    __tablename__ = "plan"
    id: Mapped[str] = _id()
    lesion_id: Mapped[str] = _to("lesion")
    action: Mapped[str] = mapped_column(String(16))
    due_on: Mapped[datetime.date | None] = mapped_column(Date)
    note: Mapped[str] = mapped_column(Text)
    done_on: Mapped[datetime.date | None] = mapped_column(Date)
    current: Mapped[bool]
    at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    account_id: Mapped[str] = _account()
    __table_args__ = (Index(None, "current", "done_on", "due_on"),)


class DeletionRow(Base):
    """That something was deleted, so that it can be brought back for a day."""

    __tablename__ = "deletion"
    id: Mapped[str] = _id()
    kind: Mapped[str] = mapped_column(String(16))
    object_id: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime.datetime] = mapped_column(UtcDateTime, index=True)
    account_id: Mapped[str] = _account()


class ReceiptRow(Base):
    """That a form was saved, so that a second click on it finds what the first has made."""

    __tablename__ = "receipt"
    account_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    made: Mapped[Any] = mapped_column(JSON)  # an id, or several by name
    at: Mapped[datetime.datetime] = mapped_column(UtcDateTime, index=True)


class ErasureRow(Base):
    """That a patient was erased: a random id and a moment. A restore erases again by it."""

    __tablename__ = "erasure"
    patient_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)


class PreferenceRow(Base):
    """A choice the clinic has made for everybody."""

    __tablename__ = "preference"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


class BackupRow(Base):
    """A backup that was tried; `sentence` says what is in it, or why it failed."""

    __tablename__ = "backup"
    id: Mapped[str] = _id()
    begun_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime, index=True)
    ended_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    ok: Mapped[bool]
    sentence: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = _account()


class PromotionRow(Base):
    """A change of the model in use, or one that was asked for; kept for good."""

    __tablename__ = "promotion"
    id: Mapped[str] = _id()
    kind: Mapped[str] = mapped_column(String(16))
    from_version: Mapped[str] = mapped_column(String(120))
    from_sha256: Mapped[str] = mapped_column(String(64))
    to_version: Mapped[str] = mapped_column(String(120))
    to_sha256: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    verdict: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    asked_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime, index=True)
    asked_by: Mapped[str] = _account()
    decided_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str] = _account()

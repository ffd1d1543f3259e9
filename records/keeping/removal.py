"""Removes for good: rows that were deleted a day ago or of an erased patient, and unused files."""

import datetime
from collections.abc import Iterable

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy import delete as remove
from sqlalchemy.orm import Session

from records import audit, editions
from records.clinic import outlines, scales
from records.clinic.deletion import TABLES, UNDO
from records.database import Database
from records.keeping.store import Store
from records.tables import (
    AssessmentRow,
    BackupRow,
    BlobRow,
    ConfirmationRow,
    DeletionRow,
    ImpressionRow,
    LesionRow,
    OverviewRow,
    PhotoRow,
    PlanRow,
    ReceiptRow,
    RecentRow,
    TermRow,
    VisitRow,
)

RECEIPTS = datetime.timedelta(days=30)  # no form stays open for longer


def tidy(database: Database, store: Store) -> int:
    """Removes for good what was deleted more than a day ago, and files nothing refers to.

    To be called daily. Returns how many files were removed.
    """
    with database.write() as session:
        old = session.scalars(
            select(DeletionRow).where(DeletionRow.at < database.now() - UNDO)
        ).all()
        for made in old:
            purge(session, made.kind, made.object_id)
            session.delete(made)
            audit.append(
                session,
                at=database.now(),
                account_id=made.account_id,
                kind="deletion final",
                object_id=made.object_id,
            )
        long_ago = database.now() - RECEIPTS
        session.execute(remove(ReceiptRow).where(ReceiptRow.at < long_ago))
        session.execute(  # of an examination that was never saved
            remove(ImpressionRow).where(
                ImpressionRow.lesion_id.is_(None), ImpressionRow.at < long_ago
            )
        )
    return remove_unused(database, store)


def purge(session: Session, kind: str, object_id: str) -> None:
    """Removes the rows of a patient, lesion, visit, photo or overview and of all within it."""
    if kind == "patient":
        for lesion_id in session.scalars(
            select(LesionRow.id).where(LesionRow.patient_id == object_id)
        ).all():
            purge(session, "lesion", lesion_id)
        for table in (OverviewRow, TermRow, RecentRow):
            session.execute(remove(table).where(table.patient_id == object_id))
    elif kind == "lesion":
        session.execute(remove(AssessmentRow).where(AssessmentRow.lesion_id == object_id))
        _purge_drawn(session, PhotoRow.lesion_id == object_id)
        editions.purge(session, ConfirmationRow, ConfirmationRow.lesion_id == object_id)
        for part in (PlanRow, ImpressionRow, PhotoRow, VisitRow):
            session.execute(remove(part).where(part.lesion_id == object_id))
    elif kind == "visit":
        _purge_drawn(session, PhotoRow.visit_id == object_id)
        session.execute(remove(PhotoRow).where(PhotoRow.visit_id == object_id))
    elif kind == "photo":
        _purge_drawn(session, PhotoRow.id == object_id)
    session.execute(remove(TABLES[kind]).where(TABLES[kind].id == object_id))


def _purge_drawn(session: Session, which: ColumnElement[bool]) -> None:
    """Removes what was drawn on some photos: outlines and scales."""
    photo_ids = session.scalars(select(PhotoRow.id).where(which)).all()
    outlines.purge(session, photo_ids)
    scales.purge(session, photo_ids)


def remove_unused(database: Database, store: Store, *, among: Iterable[str] | None = None) -> int:
    """Removes files that nothing refers to, first their rows; `among` looks at these only.

    An interruption in between leaves a file without a row, which the next call removes.
    """
    running = exists().where(
        BackupRow.ended_at.is_(None), BackupRow.begun_at > database.now() - UNDO
    )
    with database.read() as session:
        if among is None and session.scalar(select(running)):
            return 0  # the backup still copies files that its rows refer to
    forget_unused(database)
    with database.read() as session:
        kept = set(session.scalars(select(BlobRow.sha256)))
    candidates = [name for name in (store.names() if among is None else among) if name not in kept]
    for sha256 in candidates:
        # Nobody adds rows meanwhile; whoever adds one next finds the file gone and puts it again.
        with database.write() as session:
            if session.get(BlobRow, sha256) is None:
                store.remove(sha256)
    return len(candidates)


def forget_unused(database: Database) -> None:
    """Removes the rows of files that nothing refers to."""
    used = or_(
        exists().where(PhotoRow.sha256 == BlobRow.sha256),
        exists().where(OverviewRow.sha256 == BlobRow.sha256),
        exists().where(AssessmentRow.maps_sha256 == BlobRow.sha256),
    )
    with database.write() as session:
        session.execute(remove(BlobRow).where(~used))

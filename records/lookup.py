"""Rows by id for the other modules: the living row, or NotFound with the one sentence for all."""

from sqlalchemy.orm import Session

from records.errors import NotFound
from records.tables import LesionRow, OverviewRow, PatientRow, PhotoRow, VisitRow


def patient(session: Session, patient_id: str) -> PatientRow:
    """A patient who is not deleted."""
    row = session.get(PatientRow, patient_id)
    if row is None or row.deleted_at:
        raise NotFound
    return row


def lesion(session: Session, lesion_id: str) -> LesionRow:
    """A lesion that is not deleted, of such a patient."""
    row = session.get(LesionRow, lesion_id)
    if row is None or row.deleted_at:
        raise NotFound
    patient(session, row.patient_id)
    return row


def visit(session: Session, visit_id: str) -> VisitRow:
    """A visit that is not deleted, of such a lesion."""
    row = session.get(VisitRow, visit_id)
    if row is None or row.deleted_at:
        raise NotFound
    lesion(session, row.lesion_id)
    return row


def photo(session: Session, photo_id: str) -> PhotoRow:
    """A photo that is not deleted, of such a visit."""
    row = session.get(PhotoRow, photo_id)
    if row is None or row.deleted_at:
        raise NotFound
    visit(session, row.visit_id)
    return row


def overview(session: Session, overview_id: str) -> OverviewRow:
    """An overview photo that is not deleted, of such a patient."""
    row = session.get(OverviewRow, overview_id)
    if row is None or row.deleted_at:
        raise NotFound
    patient(session, row.patient_id)
    return row

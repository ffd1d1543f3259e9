"""Two who change the same: neither overwrites what the other has just saved."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from records.errors import Conflict
from records.tables import (
    ConfirmationRow,
    LesionRow,
    OutlineRow,
    PatientRow,
    PlanRow,
    ScaleRow,
    VisitRow,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Corrected = TypeVar("Corrected", ConfirmationRow, OutlineRow, ScaleRow)
Replaced = TypeVar("Replaced", ConfirmationRow, OutlineRow, PlanRow, ScaleRow)


def expect(row: PatientRow | LesionRow | VisitRow, edition: int) -> None:
    """Conflict if somebody has changed the row since `edition`."""
    if row.edition != edition:
        raise Conflict


def revise(row: PatientRow | LesionRow | VisitRow, fields: "DataclassInstance") -> None:
    """Gives a row these fields, as its next edition."""
    values: dict[str, Any] = asdict(fields)
    for name, value in values.items():
        setattr(row, name, value)
    row.edition += 1


def supersede(
    session: Session,
    rows: type[Corrected],
    *,
    among: ColumnElement[bool],
    replaces_id: str | None,
) -> Corrected | None:
    """The row that was current among some, and is so no more; None if there was none.

    Conflict if that is not the one which is to be replaced.
    """
    before: Corrected | None = session.scalar(select(rows).where(among, rows.current))
    if (before.id if before else None) != replaces_id:
        raise Conflict
    if before:
        before.current = False
    return before


def every(session: Session, rows: type[Replaced], which: ColumnElement[bool]) -> Sequence[Replaced]:
    """All editions of some, the replaced ones too, oldest first."""
    return session.scalars(select(rows).where(which).order_by(rows.at, rows.current, rows.id)).all()


def purge(session: Session, rows: type[Corrected], which: ColumnElement[bool]) -> None:
    """Removes all editions of what is removed for good."""
    session.execute(update(rows).where(which).values(replaces_id=None))
    session.execute(delete(rows).where(which))

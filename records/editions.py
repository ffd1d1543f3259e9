"""Two who change the same: neither overwrites what the other has just saved."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from records.errors import Conflict
from records.tables import ConfirmationRow, LesionRow, OutlineRow, PatientRow, VisitRow

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Corrected = TypeVar("Corrected", ConfirmationRow, OutlineRow)


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

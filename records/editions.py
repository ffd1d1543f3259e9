"""Two who change the same: neither overwrites what the other has just saved."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from records import audit, receipts
from records.access.actors import Actor
from records.database import Database
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


def keep(
    database: Database,
    session: Session,
    row: Corrected,
    *,
    actor: Actor,
    among: ColumnElement[bool],
    about: str,
    kind: str,
    key: str,
    content: Mapping[str, Any],
) -> Corrected:
    """Keeps a row in place of the one that it replaces and that was current among some.

    Returns the row that this form made before, if it did. `about` is the object and `kind` the
    event in the audit log; `key` and `content` are the form's (records.receipts), whose name leads
    to the row. Conflict if another row than the replaced one is current.
    """
    made = receipts.earlier(session, actor=actor, key=key, content=content)
    if made:
        return session.get_one(type(row), made)
    before: Corrected | None = session.scalar(select(type(row)).where(among, type(row).current))
    if (before.id if before else None) != row.replaces_id:
        raise Conflict
    if before:
        before.current = False
    row.current, row.at, row.account_id = True, database.now(), actor.account_id
    receipts.add(database, session, row, actor=actor, key=key, content=content)
    detail = {str(content["form"]): row.id}
    audit.did(database, session, actor=actor, kind=kind, object_id=about, detail=detail)
    return row


def every(session: Session, rows: type[Replaced], which: ColumnElement[bool]) -> Sequence[Replaced]:
    """All editions of some, the replaced ones too, oldest first."""
    return session.scalars(select(rows).where(which).order_by(rows.at, rows.current, rows.id)).all()


def purge(session: Session, rows: type[Corrected], which: ColumnElement[bool]) -> None:
    """Removes all editions of what is removed for good."""
    session.execute(update(rows).where(which).values(replaces_id=None))
    session.execute(delete(rows).where(which))

"""Choices the clinic has made for everybody; admins change them."""

from typing import Any

from sqlalchemy.orm import Session

from records import audit
from records.access.actors import ADMIN, CLINICIAN, Actor
from records.database import Database
from records.tables import PreferenceRow

IMPRESSION_FIRST = "impression first"  # the clinician's own impression before the result
UNPROVEN = "malignant without histopathology"  # such lesions are learned from, too
BACKUP_HOURS = "backup hours"  # hours between scheduled backups, 0 for none
DEFAULTS: dict[str, bool | int] = {
    IMPRESSION_FIRST: False,
    BACKUP_HOURS: 24,
    UNPROVEN: False,
}


def get(database: Database, *, actor: Actor, name: str) -> Any:
    """A choice, or its default."""
    actor.require(CLINICIAN, ADMIN)
    with database.read() as session:
        return chosen(session, name)


def change(database: Database, *, actor: Actor, name: str, value: bool | int) -> None:
    """Makes a choice; it holds at the next click of everybody. Admins only."""
    actor.require(ADMIN)
    if type(value) is not type(DEFAULTS[name]):
        raise ValueError(f"{name} takes another kind of value.")
    with database.write() as session:
        if chosen(session, name) == value:
            return
        session.merge(PreferenceRow(name=name, value=value))
        audit.did(database, session, actor=actor, kind="preference changed", detail={name: value})


def chosen(session: Session, name: str) -> Any:
    """A choice, within a transaction."""
    row = session.get(PreferenceRow, name)
    return DEFAULTS[name] if row is None else row.value

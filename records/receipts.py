"""Saves a form once, however often it arrives: double click, two tabs, a reconnect.

The page draws a random key when it opens a form and sends it with each save of that form.
"""

import hashlib
import json
from typing import Any, Protocol

from sqlalchemy.orm import Session

from records.access.actors import Actor
from records.database import Database
from records.errors import Conflict
from records.tables import ReceiptRow

DIFFERENT = (
    "This form was saved already, with other contents. Nothing was saved now."
    " Reload to see what is there."
)


class Made(Protocol):
    """A row with an id of its own."""

    id: str


def earlier(session: Session, *, actor: Actor, key: str, content: Any) -> Any:
    """What `keep` was given when this form was saved before, or None.

    Conflict if the form said something else then; `content` is all it says, as plain values.
    """
    if not 8 <= len(key) <= 64:
        raise ValueError("A save needs a random key of 8 to 64 characters.")
    row = session.get(ReceiptRow, (actor.account_id, key))
    if row is None:
        return None
    if row.digest != _digest(content):
        raise Conflict(DIFFERENT)
    return row.made


def keep(
    database: Database, session: Session, *, actor: Actor, key: str, content: Any, made: Any
) -> None:
    """Remembers what a form has made (an id), in the same transaction."""
    session.add(
        ReceiptRow(
            account_id=actor.account_id,
            key=key,
            digest=_digest(content),
            made=made,
            at=database.now(),
        )
    )


def add(
    database: Database, session: Session, row: Made, *, actor: Actor, key: str, content: Any
) -> None:
    """Adds the row that a form makes, which has its id from here on, and remembers that."""
    session.add(row)
    session.flush()
    keep(database, session, actor=actor, key=key, content=content, made=row.id)


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()

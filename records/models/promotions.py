"""Which model was put to use when, by whom and why. Admins only.

The registry's file decides which model is used; it is changed within the transaction that writes
the row and the audit entry, so that neither stands without the other.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from records import audit
from records.access.actors import ADMIN, Actor
from records.database import Database
from records.errors import Conflict, NotFound, RecordError
from records.fields import Form
from records.tables import PromotionRow

PROMOTED, ROLLED_BACK, OVERRIDE = "promoted", "rolled back", "override"
OPEN, DONE, DECLINED = "open", "done", "declined"
LONGEST = 1000  # characters of a reason


@dataclass(frozen=True)
class Named:
    """A model by its version and the SHA-256 of its weights."""

    version: str
    sha256: str


@dataclass(frozen=True)
class Promotion:
    """A change of the model in use, or one that was asked for.

    An `override` passes over the gate's doubts: asked for by one admin, it is `open` until another
    one decides. `verdict` are the gate's sentences at that time.
    """

    id: str
    kind: str
    before: Named
    after: Named
    reason: str
    verdict: str
    state: str
    asked_at: datetime.datetime
    asked_by: str
    decided_at: datetime.datetime | None
    decided_by: str


class NotYourOwn(RecordError):
    """Whoever asked for an override may not approve it."""

    sentence = "Another administrator has to approve this. Nothing was changed."


def change(
    database: Database,
    *,
    actor: Actor,
    kind: str,
    before: Named,
    after: Named,
    reason: str,
    verdict: str = "",
    apply: Callable[[], object],
) -> Promotion:
    """Notes a promotion or a roll back and carries it out by `apply`; all of it or nothing."""
    actor.require(ADMIN)
    text = _reason(reason, needed=kind != ROLLED_BACK)
    with database.write() as session:
        row = _row(database, actor, kind, before, after, text, verdict)
        row.state, row.decided_at, row.decided_by = DONE, row.asked_at, actor.account_id
        session.add(row)
        _note(session, row, actor, f"model {kind}")
        found = _seen(row)
        apply()
    return found


def ask(
    database: Database,
    *,
    actor: Actor,
    before: Named,
    after: Named,
    reason: str,
    verdict: str,
) -> Promotion:
    """Asks for a promotion against the gate's doubts; the same asked twice is one request."""
    actor.require(ADMIN)
    text = _reason(reason)
    with database.write() as session:
        row = session.scalar(
            select(PromotionRow).where(
                PromotionRow.state == OPEN, PromotionRow.to_sha256 == after.sha256
            )
        )
        if row is None:
            row = _row(database, actor, OVERRIDE, before, after, text, verdict)
            session.add(row)
            _note(session, row, actor, "model override asked")
        return _seen(row)


def approve(
    database: Database,
    *,
    actor: Actor,
    promotion_id: str,
    before: Named,
    after: Named,
    apply: Callable[[], object],
) -> Promotion:
    """Another admin approves a request, and it is carried out; NotYourOwn for who asked.

    Conflict if it was decided meanwhile, or one of the models is no longer the one it was about.
    """
    actor.require(ADMIN)
    with database.write() as session:
        row = _open(session, promotion_id)
        if row.asked_by == actor.account_id:
            raise NotYourOwn
        found = _seen(row)
        if (found.before, found.after) != (before, after):
            raise Conflict("The model in use has changed since this was asked for.")
        row.state, row.decided_at, row.decided_by = DONE, database.now(), actor.account_id
        _note(session, row, actor, "model override approved")
        found = _seen(row)
        apply()
    return found


def decline(database: Database, *, actor: Actor, promotion_id: str) -> None:
    """An admin says no to a request, or takes back an own one."""
    actor.require(ADMIN)
    with database.write() as session:
        row = _open(session, promotion_id)
        row.state, row.decided_at, row.decided_by = DECLINED, database.now(), actor.account_id
        _note(session, row, actor, "model override declined")


def history(database: Database, *, actor: Actor, limit: int = 100) -> list[Promotion]:
    """The changes and requests, newest first."""
    actor.require(ADMIN)
    with database.read() as session:
        rows = session.scalars(
            select(PromotionRow).order_by(PromotionRow.asked_at.desc()).limit(limit)
        )
        return [_seen(row) for row in rows]


def note(database: Database, *, actor: Actor, kind: str, version: str, sha256: str) -> None:
    """Writes into the audit log what else was done with a model: imported, exported, deleted."""
    actor.require(ADMIN)
    audit.note(database, actor=actor, kind=kind, object_id=sha256, detail={"version": version})


def _reason(text: str, *, needed: bool = True) -> str:
    form = Form()
    sentence = "Say why, in a few words." if needed else ""
    cleaned = form.text("reason", text, most=LONGEST, needed=sentence, lines=True)
    form.finish()
    return cleaned


def _row(
    database: Database,
    actor: Actor,
    kind: str,
    before: Named,
    after: Named,
    reason: str,
    verdict: str,
) -> PromotionRow:
    return PromotionRow(
        kind=kind,
        from_version=before.version,
        from_sha256=before.sha256,
        to_version=after.version,
        to_sha256=after.sha256,
        reason=reason,
        verdict=verdict,
        state=OPEN,
        asked_at=database.now(),
        asked_by=actor.account_id,
        decided_at=None,
        decided_by="",
    )


def _open(session: Session, promotion_id: str) -> PromotionRow:
    row = session.get(PromotionRow, promotion_id)
    if row is None:
        raise NotFound
    if row.state != OPEN:
        raise Conflict("This was decided meanwhile.")
    return row


def _note(session: Session, row: PromotionRow, actor: Actor, kind: str) -> None:
    session.flush()
    audit.append(
        session,
        at=row.decided_at or row.asked_at,
        account_id=actor.account_id,
        kind=kind,
        object_id=row.id,
        detail={
            "from": row.from_version,
            "to": row.to_version,
            "weights from": row.from_sha256,
            "weights to": row.to_sha256,
        },
    )


def _seen(row: PromotionRow) -> Promotion:
    return Promotion(
        id=row.id,
        kind=row.kind,
        before=Named(row.from_version, row.from_sha256),
        after=Named(row.to_version, row.to_sha256),
        reason=row.reason,
        verdict=row.verdict,
        state=row.state,
        asked_at=row.asked_at,
        asked_by=row.asked_by,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
    )

"""Training runs as rows: who asked for which, and what became of it. The row is the truth.

What an administrator can do stands here; what the worker does with a run, in records.models.leases.
"""

import datetime
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, Index, String, Text, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from records import audit
from records.access.accounts import AccountRow
from records.access.actors import ADMIN, Actor
from records.database import Base, Database, UtcDateTime
from records.dates import long_date
from records.errors import NotFound, RecordError
from records.tables import new_id

KINDS = ("fit", "cross-validate", "tune", "compare")
WAITING, RUNNING, INTERRUPTED = "waiting", "running", "interrupted"
CANCELLED, FAILED, DONE = "cancelled", "failed", "done"
UNFINISHED = (WAITING, RUNNING, INTERRUPTED)
CANCEL, AGAIN = "cancel", "again"  # what is wanted of a run that is running
OPEN = text(f"state IN {UNFINISHED} AND deleted_at IS NULL")


class JobRow(Base):
    """One run. `fence` grows with everyone who takes it up, so that an earlier one can tell.

    `node`, `machine`, `pid` and `started` are the trainer's: which computer, which start of it, and
    which process; `beat` counts the signs of life of the worker that watches over it.
    """

    __tablename__ = "job"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    number: Mapped[int] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[str] = mapped_column(String(64))
    account_id: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    queued_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(16))
    wanted: Mapped[str] = mapped_column(String(8), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    version: Mapped[str] = mapped_column(String(120), default="")
    begun_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    attempt: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int] = mapped_column(default=0)
    beat: Mapped[int] = mapped_column(default=0)
    node: Mapped[str] = mapped_column(String(120), default="")
    machine: Mapped[str] = mapped_column(String(120), default="")
    pid: Mapped[int | None]
    started: Mapped[str] = mapped_column(String(40), default="")
    deleted_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        Index("ix_job_open", "digest", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
        Index(None, "state"),
    )


@dataclass(frozen=True)
class Job:
    """A run as pages see it; `number` is what people call it by.

    `begun_at` and `ended_at` are of the latest attempt; `version` is the candidate it made.
    """

    id: str
    number: int
    kind: str
    request: Mapping[str, Any]
    account_id: str
    asked_at: datetime.datetime
    state: str
    wanted: str
    reason: str
    version: str
    begun_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    attempt: int


class AskedAlready(RecordError):
    """The same run is unfinished; the sentence names who asked for it, and when."""


class NotNow(RecordError):
    """The run is not in a state in which this can be done."""


def ask(
    database: Database,
    *,
    actor: Actor,
    kind: str,
    request: Mapping[str, Any],
    same: Mapping[str, Any] | None = None,
) -> Job:
    """A new run that waits for a worker; `request` holds all that decides it, as plain values.

    AskedAlready if the same one is unfinished: one with an equal `same`, by default the request.
    Admins only.
    """
    actor.require(ADMIN)
    if kind not in KINDS:
        raise ValueError(f"There is no kind of run {kind!r}.")
    digest = digest_of(kind, request if same is None else same)
    with database.write() as session:
        _refuse_another(session, digest)
        now = database.now()
        row = JobRow(
            number=(session.scalar(select(func.max(JobRow.number))) or 0) + 1,
            kind=kind,
            request=dict(request),
            digest=digest,
            account_id=actor.account_id,
            asked_at=now,
            queued_at=now,
            state=WAITING,
        )
        session.add(row)
        session.flush()
        _note(database, session, actor, "run asked for", row)
        return value(row)


def cancel(database: Database, *, actor: Actor, job_id: str) -> Job:
    """Asks a run to stop, which keeps what it has learnt; one that has ended stays as it is."""
    actor.require(ADMIN)
    with database.write() as session:
        row = load(session, job_id)
        if row.state in (WAITING, INTERRUPTED):
            row.state, row.ended_at = CANCELLED, database.now()
        elif row.state == RUNNING and row.wanted != CANCEL:
            row.wanted = CANCEL
        else:
            return value(row)
        _note(database, session, actor, "run cancelled", row)
        return value(row)


def resume(database: Database, *, actor: Actor, job_id: str) -> Job:
    """Puts a run that has stopped back into the queue, to go on where it was.

    One that is about to stop will start again; one that waits or runs stays as it is.
    """
    actor.require(ADMIN)
    with database.write() as session:
        row = load(session, job_id)
        if row.state == DONE:
            raise NotNow("This run is finished.")
        if row.state == RUNNING and row.wanted == CANCEL:
            row.wanted = AGAIN
        elif row.state in (INTERRUPTED, CANCELLED, FAILED):
            _refuse_another(session, row.digest, besides=row.id)
            row.state, row.reason, row.queued_at = WAITING, "", database.now()
        else:
            return value(row)
        _note(database, session, actor, "run resumed", row)
        return value(row)


def delete(database: Database, *, actor: Actor, job_id: str) -> None:
    """Removes a run that is not waiting or running; the worker removes its files.

    A candidate that it made stays among the models.
    """
    actor.require(ADMIN)
    with database.write() as session:
        row = load(session, job_id)
        if row.state in (WAITING, RUNNING):
            raise NotNow("This run has not ended. Cancel it first.")
        row.deleted_at = database.now()
        _note(database, session, actor, "run deleted", row)


def let_go(database: Database, *, actor: Actor, data_set: str, remove: Callable[[], None]) -> None:
    """Removes a data set by `remove`; NotNow names an unfinished run that needs it. Admins only.

    While it is removed, no run can be asked for.
    """
    actor.require(ADMIN)
    wanted = select(JobRow).where(JobRow.state.in_(UNFINISHED), JobRow.deleted_at.is_(None))
    with database.write() as session:
        for row in session.scalars(wanted.order_by(JobRow.number)):
            if data_set in row.request.get("data", ()):
                raise NotNow(
                    f"Run {row.number} is {row.state} and needs this data set. Nothing was deleted."
                    " It can be deleted once that run is finished, cancelled or deleted."
                )
        remove()
        audit.did(database, session, actor=actor, kind="data set deleted", object_id=data_set)


def everything(database: Database, *, actor: Actor) -> list[Job]:
    """All runs, newest first. Admins only."""
    actor.require(ADMIN)
    wanted = select(JobRow).where(JobRow.deleted_at.is_(None)).order_by(JobRow.number.desc())
    with database.read() as session:
        return [value(row) for row in session.scalars(wanted)]


def one(database: Database, *, actor: Actor, job_id: str) -> Job:
    """A run; NotFound if there is none. Admins only."""
    actor.require(ADMIN)
    with database.read() as session:
        return value(load(session, job_id))


def digest_of(kind: str, request: Mapping[str, Any]) -> str:
    """What makes two requests the same."""
    plain = json.dumps([kind, request], sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def load(session: Session, job_id: str) -> JobRow:
    """A run's row; NotFound if there is none, or it was deleted."""
    row = session.get(JobRow, job_id)
    if row is None or row.deleted_at:
        raise NotFound
    return row


def value(row: JobRow) -> Job:
    """A row as pages see it."""
    return Job(
        row.id, row.number, row.kind, row.request, row.account_id, row.asked_at, row.state,
        row.wanted, row.reason, row.version, row.begun_at, row.ended_at,
        row.attempt,
    )  # fmt: skip


def noted(row: JobRow) -> dict[str, audit.Value]:
    """What the audit log says of a run: its number and kind, what it compares, what it made."""
    compares = {"model": "version", "beside": "other"} if row.kind == "compare" else {}
    found: dict[str, audit.Value] = {"run": row.number, "kind": row.kind}
    found |= {name: str(row.request[key]) for name, key in compares.items()}
    return found | ({"version": row.version} if row.version else {})


def _refuse_another(session: Session, digest: str, *, besides: str = "") -> None:
    row = session.scalar(
        select(JobRow).where(
            JobRow.digest == digest,
            JobRow.state.in_(UNFINISHED),
            JobRow.deleted_at.is_(None),
            JobRow.id != besides,
        )
    )
    if row is None:
        return
    owner = session.get(AccountRow, row.account_id)
    at = row.asked_at.astimezone()
    raise AskedAlready(
        f"This is run {row.number}, which {owner.name if owner else row.account_id} asked for on"
        f" {long_date(at.date())} at {at:%H:%M}. It is {row.state}. Nothing was started."
    )


def _note(database: Database, session: Session, actor: Actor, kind: str, row: JobRow) -> None:
    audit.did(database, session, actor=actor, kind=kind, object_id=row.id, detail=noted(row))

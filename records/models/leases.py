"""A worker's hold on a training run: taken by one at a time, kept by signs of life, given back.

Nothing here compares clocks: a sign of life is a counter that grows, and who watches it measures
with a clock of its own that nobody sets. Whoever takes a run up raises its `fence`; what an earlier
worker still wants to write is refused with Lost, and it ends the trainer it started.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from records import audit
from records.database import Database
from records.errors import RecordError
from records.models.jobs import (
    CANCEL,
    CANCELLED,
    DONE,
    FAILED,
    INTERRUPTED,
    RUNNING,
    WAITING,
    Job,
    JobRow,
    noted,
    value,
)

WORKER = "worker"  # the audit log's account for what nobody did by hand


class Lost(RecordError):
    """Somebody else has taken this run up meanwhile."""

    sentence = "Another worker has this run now."


@dataclass(frozen=True)
class Process:
    """A process that no other can be taken for: its computer, that one's start, and its own."""

    node: str
    machine: str
    pid: int
    started: str


@dataclass(frozen=True)
class Lease:
    """A run that this worker holds; `attempt` counts how often it was begun."""

    job: Job
    fence: int
    attempt: int


@dataclass(frozen=True)
class Held:
    """A run that is said to be running; `process` is None where it had not begun yet."""

    job: Job
    fence: int
    attempt: int
    beat: int
    node: str
    process: Process | None


def waiting(database: Database) -> list[str]:
    """The ids of the runs that wait, in the order in which they are to run."""
    wanted = select(JobRow.id).where(JobRow.state == WAITING, JobRow.deleted_at.is_(None))
    with database.read() as session:
        return list(session.scalars(wanted.order_by(JobRow.queued_at, JobRow.number)))


def claim(database: Database, *, job_id: str, node: str) -> Lease | None:
    """Takes a run that waits; None if it does not wait any more."""
    with database.write() as session:
        row = session.get(JobRow, job_id)
        if row is None or row.state != WAITING or row.deleted_at:
            return None
        row.state, row.wanted, row.reason = RUNNING, "", ""
        row.begun_at, row.ended_at = database.now(), None
        row.fence += 1
        row.attempt += 1
        row.node, row.machine, row.pid, row.started = node, "", None, ""
        _note(database, session, "run begun", row)
        return Lease(value(row), row.fence, row.attempt)


def name_trainer(database: Database, lease: Lease, process: Process) -> None:
    """Writes down which process trains, before it begins to."""
    with database.write() as session:
        row = _own(session, lease)
        row.machine, row.pid, row.started = process.machine, process.pid, process.started


def wanted(database: Database, lease: Lease) -> str:
    """What is wanted of the run by now: CANCEL, AGAIN or nothing."""
    with database.read() as session:
        return _own(session, lease).wanted


def beat(database: Database, lease: Lease) -> None:
    """A sign of life."""
    with database.write() as session:
        _own(session, lease).beat += 1


def end(
    database: Database, lease: Lease, *, state: str, reason: str = "", version: str = ""
) -> str:
    """Gives a run back with what became of it; returns the state it now has.

    One that was interrupted because somebody wanted it is cancelled, or waits again.
    """
    with database.write() as session:
        row = _own(session, lease)
        if state == INTERRUPTED and row.wanted:
            state, reason = (CANCELLED, "") if row.wanted == CANCEL else (WAITING, "")
        if state not in (WAITING, INTERRUPTED, CANCELLED, FAILED, DONE):
            raise ValueError(f"A run does not end as {state}.")
        _put(database, session, row, state, reason)
        row.version = version
        return state


def held(database: Database) -> list[Held]:
    """All runs that are said to be running, by whomever."""
    with database.read() as session:
        rows = session.scalars(
            select(JobRow).where(JobRow.state == RUNNING).order_by(JobRow.number)
        )
        return [
            Held(
                value(row), row.fence, row.attempt, row.beat, row.node,
                Process(row.node, row.machine, row.pid, row.started) if row.pid else None,
            )
            for row in rows
        ]  # fmt: skip


def take_over(database: Database, one: Held) -> Lease | None:
    """Takes up a run whose worker is gone; None if somebody was faster."""
    with database.write() as session:
        row = session.get(JobRow, one.job.id)
        if row is None or row.state != RUNNING or (row.fence, row.beat) != (one.fence, one.beat):
            return None
        row.fence += 1
        return Lease(value(row), row.fence, row.attempt)


def deleted(database: Database) -> list[str]:
    """The ids of deleted runs, whose files have to go."""
    with database.read() as session:
        return list(session.scalars(select(JobRow.id).where(JobRow.deleted_at.is_not(None))))


def _own(session: Session, lease: Lease) -> JobRow:
    row = session.get(JobRow, lease.job.id)
    if row is None or row.state != RUNNING or row.fence != lease.fence:
        raise Lost
    return row


def _put(database: Database, session: Session, row: JobRow, state: str, reason: str) -> None:
    row.state, row.reason, row.wanted = state, reason, ""
    row.ended_at = database.now()
    if state == WAITING:
        row.queued_at = database.now()
    _note(database, session, f"run {state}", row)


def _note(database: Database, session: Session, kind: str, row: JobRow) -> None:
    audit.append(
        session,
        at=database.now(),
        account_id=WORKER,
        kind=kind,
        object_id=row.id,
        detail=noted(row),
    )

"""The audit log: who did and who looked at what, and when. Append-only and hash-chained.

It holds no patient data: ids, counts, versions and hashes only. Each entry's hash covers the entry
before it; records.chain walks them.
"""

import csv
import datetime
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import JSON, Index, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from records.access.actors import ADMIN, CLINICIAN, Actor
from records.database import Base, Database, UtcDateTime

START = "0" * 64  # what the first entry follows
RESTORED = "backup restored"
LOOKS_APART = datetime.timedelta(minutes=15)  # a page that reruns is one look
KIND = re.compile(r"[a-z][a-z -]{2,59}")
TOKEN = re.compile(r"[\w .:/+-]{0,80}")

Value = str | int | bool
Detail = Mapping[str, Value]


class AuditRow(Base):
    """One entry. The database refuses to change or delete it."""

    __tablename__ = "audit"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    account_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(60))
    object_id: Mapped[str] = mapped_column(String(64))
    detail: Mapped[dict[str, Value]] = mapped_column(JSON)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))

    __table_args__ = (
        Index(None, "account_id", "kind", "object_id", "at"),
        Index(None, "object_id", "seq"),
    )


@dataclass(frozen=True)
class Entry:
    """What happened: `kind` as in "patient viewed", `object_id` is empty where there is none."""

    seq: int
    at: datetime.datetime
    account_id: str
    kind: str
    object_id: str
    detail: Detail
    hash: str


def append(
    session: Session,
    *,
    at: datetime.datetime,
    account_id: str,
    kind: str,
    object_id: str = "",
    detail: Detail | None = None,
) -> None:
    """Adds an entry in the caller's write transaction: it is saved with the deed or not at all.

    `detail` takes numbers and short technical words; ValueError for anything that could be text
    about a patient.
    """
    values = dict(detail or {})
    if not KIND.fullmatch(kind) or len(account_id) > 64 or len(object_id) > 64:
        raise ValueError("This is not an audit entry.")
    for name, value in values.items():
        if isinstance(value, float) or (isinstance(value, str) and not TOKEN.fullmatch(value)):
            raise ValueError(f"{name} does not belong into the audit log.")
    last = session.execute(
        select(AuditRow.seq, AuditRow.hash).order_by(AuditRow.seq.desc()).limit(1)
    ).first()
    row = AuditRow(
        seq=last.seq + 1 if last else 1,
        at=at,
        account_id=account_id,
        kind=kind,
        object_id=object_id,
        detail=values,
        previous=last.hash if last else START,
    )
    row.hash = digest(row)
    session.add(row)
    session.flush()


def did(
    database: Database,
    session: Session,
    *,
    actor: Actor,
    kind: str,
    object_id: str = "",
    detail: Detail | None = None,
) -> None:
    """Notes what the actor does now, in the transaction that does it."""
    append(
        session,
        at=database.now(),
        account_id=actor.account_id,
        kind=kind,
        object_id=object_id,
        detail=detail,
    )


def note(
    database: Database,
    *,
    actor: Actor,
    kind: str,
    object_id: str = "",
    detail: Detail | None = None,
) -> None:
    """Notes a deed whose other traces lie outside the database, in a transaction of its own."""
    actor.require(CLINICIAN, ADMIN)
    with database.write() as session:
        did(database, session, actor=actor, kind=kind, object_id=object_id, detail=detail)


def looked(database: Database, *, actor: Actor, kind: str, object_id: str) -> None:
    """Notes that somebody looked at something; once in a quarter of an hour is enough."""
    now = database.now()
    with database.read() as session:
        latest = session.scalar(
            select(AuditRow.at)
            .where(
                AuditRow.account_id == actor.account_id,
                AuditRow.kind == kind,
                AuditRow.object_id == object_id,
            )
            .order_by(AuditRow.at.desc())
            .limit(1)
        )
    if latest is None or not datetime.timedelta() <= now - latest < LOOKS_APART:
        with database.write() as session:
            append(session, at=now, account_id=actor.account_id, kind=kind, object_id=object_id)


def entries(
    database: Database,
    *,
    actor: Actor,
    account_id: str | None = None,
    kind: str | None = None,
    object_id: str | None = None,
    since: datetime.datetime | None = None,
    until: datetime.datetime | None = None,
    before: int | None = None,
    limit: int = 200,
) -> list[Entry]:
    """The newest entries first, of those that match; `before` is the last `seq` of a page. Admins.

    `since` is the first moment, `until` the one after the last.
    """
    actor.require(ADMIN)
    wanted = select(AuditRow).order_by(AuditRow.seq.desc()).limit(limit)
    if account_id is not None:
        wanted = wanted.where(AuditRow.account_id == account_id)
    if kind is not None:
        wanted = wanted.where(AuditRow.kind == kind)
    if object_id is not None:
        wanted = wanted.where(AuditRow.object_id == object_id)
    if since is not None:
        wanted = wanted.where(AuditRow.at >= since)
    if until is not None:
        wanted = wanted.where(AuditRow.at < until)
    if before is not None:
        wanted = wanted.where(AuditRow.seq < before)
    with database.read() as session:
        return [
            Entry(r.seq, r.at, r.account_id, r.kind, r.object_id, r.detail, r.hash)
            for r in session.scalars(wanted)
        ]


def history(
    database: Database, *, actor: Actor, object_ids: Iterable[str], limit: int = 200
) -> list[Entry]:
    """What was done to records, newest first, without who only looked at them. Clinicians.

    The ids are those of a page that the actor was given, so nothing is told of any other.
    """
    actor.require(CLINICIAN)
    wanted = (
        select(AuditRow)
        .where(AuditRow.object_id.in_(set(object_ids)), ~AuditRow.kind.endswith(" viewed"))
        .order_by(AuditRow.seq.desc())
        .limit(limit)
    )
    with database.read() as session:
        return [
            Entry(r.seq, r.at, r.account_id, r.kind, r.object_id, r.detail, r.hash)
            for r in session.scalars(wanted)
        ]


def kinds(database: Database, *, actor: Actor) -> list[str]:
    """Everything that ever happened, by its name. Admins."""
    actor.require(ADMIN)
    with database.read() as session:
        return list(session.scalars(select(AuditRow.kind).distinct().order_by(AuditRow.kind)))


def to_csv(rows: Iterable[Entry], *, names: Mapping[str, str] | None = None) -> str:
    """Entries as CSV; `names` gives accounts their names. No cell can run as a formula."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")  # RFC 4180
    writer.writerow(("entry", "at", "account", "what", "object", "detail", "hash"))
    for row in rows:
        account = (names or {}).get(row.account_id, row.account_id)
        detail = "; ".join(f"{name} {value}" for name, value in sorted(row.detail.items()))
        cells: Sequence[str] = (account, row.kind, row.object_id, detail, row.hash)
        writer.writerow((row.seq, row.at.isoformat(), *map(safe_cell, cells)))
    return file.getvalue()


def safe_cell(text: str) -> str:
    """A cell that a spreadsheet shows as text and never runs as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def digest(row: AuditRow) -> str:
    """An entry's hash: over all that it says, and over the hash of the entry before."""
    content = (
        row.seq,
        row.at.astimezone(datetime.UTC).isoformat(timespec="microseconds"),
        row.account_id,
        row.kind,
        row.object_id,
        row.detail,
        row.previous,
    )
    plain = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()

"""Walks the audit log's chain of hashes, and gives its head to keep elsewhere. Admins only.

A changed, removed or inserted entry breaks the chain; entries cut off at the end are found by
comparing with a head that was copied off the machine.
"""

import re
from dataclasses import dataclass

from sqlalchemy import select

from records.access.actors import ADMIN, Actor
from records.audit import RESTORED, START, AuditRow, digest
from records.database import Database
from records.errors import RecordError

WRITTEN = re.compile(r"\s*(\d{1,12})[\s:]\s*([0-9a-fA-F]{64})\s*")


@dataclass(frozen=True)
class Head:
    """The end of the log. Kept elsewhere, it proves later that nothing was cut off."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


@dataclass(frozen=True)
class Verdict:
    """Whether the log is whole; `sentence` says so, or where it is not."""

    sound: bool
    entries: int
    sentence: str


def parse(text: str) -> Head:
    """A head as it was copied; RecordError if it is none."""
    found = WRITTEN.fullmatch(text)
    if not found:
        raise RecordError("A head of the audit log is written as NUMBER:HASH.")
    return Head(int(found[1]), found[2].lower())


def head(database: Database, *, actor: Actor) -> Head:
    """The end of the log, to be copied off the machine; seq 0 while nothing has happened."""
    actor.require(ADMIN)
    with database.read() as session:
        last = session.execute(
            select(AuditRow.seq, AuditRow.hash).order_by(AuditRow.seq.desc()).limit(1)
        ).first()
    return Head(last.seq, last.hash) if last else Head(0, START)


def verify(database: Database, *, actor: Actor, copied: Head | None = None) -> Verdict:
    """Walks the whole chain; with a head copied earlier, also looks whether it is still in it."""
    actor.require(ADMIN)
    previous, count, restored = START, 0, ""
    found = copied is None or copied == Head(0, START)
    with database.read() as session:
        rows = session.scalars(select(AuditRow).order_by(AuditRow.seq)).yield_per(1000)
        for row in rows:
            count += 1
            if row.seq != count or row.previous != previous or row.hash != digest(row):
                return Verdict(False, count, f"The audit log was changed at entry {count}.")
            previous = row.hash
            found = found or copied == Head(row.seq, row.hash)
            if row.kind == RESTORED:
                restored = f" A backup was restored (entry {count}); what was there is put aside."
    if not found and copied:
        return Verdict(
            False,
            count,
            f"The audit log has lost entries: entry {copied.seq} of the copied head is not in it."
            + restored,
        )
    also = f", and entry {copied.seq} of the copied head is in it" if copied else ""
    return Verdict(True, count, f"The audit log is whole: {count} entries{also}.")

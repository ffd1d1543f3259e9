"""A lesion's report as PDF, and its hash in the audit log. Clinicians only.

What stands in it comes from the page, as plain blocks; here are no tensors.
"""

import hashlib
from dataclasses import dataclass, field

from records import audit, lookup
from records.access.actors import CLINICIAN, Actor
from records.database import Database
from records.errors import RecordError
from records.reports import sheet
from records.reports.sheet import Sheets


@dataclass(frozen=True)
class Report:
    """A report as it is handed out; `sha256` is of the bytes."""

    pdf: bytes = field(repr=False)
    sha256: str


def make(database: Database, *, actor: Actor, lesion_id: str, sheets: Sheets) -> Report:
    """Draws the report of a lesion and notes its SHA-256, by which the file is known again.

    NotFound if the lesion has gone meanwhile, RecordError if a picture cannot be drawn.
    """
    actor.require(CLINICIAN)
    with database.read() as session:
        lookup.lesion(session, lesion_id)
    try:
        pdf = sheet.draw(sheets)
    except ValueError as error:
        raise RecordError(f"The report could not be made. {error}") from error
    made = Report(pdf, hashlib.sha256(pdf).hexdigest())
    with database.write() as session:
        lookup.lesion(session, lesion_id)
        audit.did(
            database,
            session,
            actor=actor,
            kind="report made",
            object_id=lesion_id,
            detail={"sha256": made.sha256},
        )
    return made

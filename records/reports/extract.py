"""One lesion for other programs: everything as JSON, its visits as CSV. Clinicians only."""

import csv
import io
import json

from records import audit
from records.access.actors import CLINICIAN, Actor
from records.audit import safe_cell
from records.clinic import series
from records.clinic.series import LesionPage
from records.database import Database
from records.keeping.dossier import NOTICE, plain

COLUMNS = (
    "visit", "day", "photos", "magnification", "polarisation", "contact", "device", "note",
    "field_mm", "field_within_mm", "diagnosis_confirmed", "notice",
)  # fmt: skip


def as_json(database: Database, *, actor: Actor, lesion_id: str) -> bytes:
    """All that is kept of a lesion and whose it is, but the photos and heat maps themselves.

    NotFound for an id that is missing, deleted or guessed.
    """
    page = _page(database, actor, lesion_id, "json")
    values = {"notice": NOTICE, "exported_at": database.now(), **page.__dict__}
    return json.dumps(plain(values), indent=2, ensure_ascii=False, allow_nan=False).encode()


def as_csv(database: Database, *, actor: Actor, lesion_id: str) -> bytes:
    """A line for each visit, in time order. No cell can run as a formula."""
    page = _page(database, actor, lesion_id, "csv")
    current = next((one.fields for one in page.confirmations if one.current), None)
    confirmed = (current.other or current.code) if current else ""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")  # RFC 4180
    writer.writerow(COLUMNS)
    for number, one in enumerate(page.visits, start=1):
        fields = one.visit.fields
        how = map(safe_cell, (fields.polarisation, fields.contact, fields.device, fields.note))
        rest = map(safe_cell, (confirmed, NOTICE))
        day = fields.day.isoformat() if fields.day else ""
        power, *field = (
            "" if value is None else f"{value:g}"
            for value in (fields.magnification, fields.field_mm, fields.field_within_mm)
        )
        writer.writerow((number, day, len(one.photos), power, *how, *field, *rest))
    return file.getvalue().encode()


def _page(database: Database, actor: Actor, lesion_id: str, kind: str) -> LesionPage:
    actor.require(CLINICIAN)
    page = series.page(database, actor=actor, lesion_id=lesion_id)
    audit.note(
        database, actor=actor, kind="lesion exported", object_id=lesion_id, detail={"as": kind}
    )
    return page

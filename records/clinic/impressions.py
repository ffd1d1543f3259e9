"""The clinician's own impression, recorded before the result is shown. Clinicians only."""

import datetime
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from records import audit, lookup, receipts
from records.access.actors import CLINICIAN, Actor
from records.database import Database
from records.fields import Form
from records.tables import ImpressionRow


@dataclass(frozen=True)
class Impression:
    """What was thought before: a diagnosis' code, how sure in percent, and why. Never changed."""

    id: str
    code: str
    confidence: int | None
    note: str
    at: datetime.datetime
    account_id: str


def record(
    database: Database,
    *,
    actor: Actor,
    lesion_id: str | None,
    code: str,
    confidence: int | None = None,
    note: str = "",
    codes: Collection[str],
    save_key: str,
) -> Impression:
    """Records an impression; `lesion_id` may follow when the assessment is saved.

    `codes` are those of the program's class list, and UNK for "none of these".
    """
    actor.require(CLINICIAN)
    form = Form()
    sure = form.number("confidence", confidence, least=0, most=100)
    checked = {
        "code": form.choice("code", code, codes),
        "confidence": None if sure is None else int(sure),
        "note": form.text("note", note, most=1000, lines=True),
    }
    form.finish()
    content = {"form": "impression", "lesion": lesion_id, **checked}
    with database.write() as session:
        if lesion_id is not None:
            lookup.lesion(session, lesion_id)
        made = receipts.earlier(session, actor=actor, key=save_key, content=content)
        if made:
            return read_impression(session.get_one(ImpressionRow, made))
        row = ImpressionRow(
            lesion_id=lesion_id, **checked, at=database.now(), account_id=actor.account_id
        )
        receipts.add(database, session, row, actor=actor, key=save_key, content=content)
        audit.did(database, session, actor=actor, kind="impression recorded", object_id=row.id)
        return read_impression(row)


def of_lesion(session: Session, lesion_id: str) -> list[Impression]:
    """All impressions of a lesion, oldest first, also those without an assessment."""
    rows = session.scalars(
        select(ImpressionRow)
        .where(ImpressionRow.lesion_id == lesion_id)
        .order_by(ImpressionRow.at, ImpressionRow.id)
    )
    return [read_impression(row) for row in rows]


def read_impression(row: ImpressionRow) -> Impression:
    """A row as the value that pages get."""
    return Impression(row.id, row.code, row.confidence, row.note, row.at, row.account_id)

"""Confirmed diagnoses: may be corrected, but what stood before stays readable. Clinicians only."""

import datetime
from collections.abc import Collection
from dataclasses import asdict, dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from records import editions, lookup
from records.access.actors import CLINICIAN, Actor
from records.database import Database
from records.errors import InvalidRecord
from records.fields import Form
from records.tables import ConfirmationRow

METHODS = ("histopathology", "follow-up", "consensus", "other")
OTHER = "OTHER"  # a diagnosis beside the model's, written out in `other`


@dataclass(frozen=True)
class ConfirmationFields:
    """A diagnosis and how it was confirmed.

    `code` is one of the model's diagnoses (MEL, NV ...) or OTHER. `confirmed_on` is the day of the
    finding. `reason` says why an earlier diagnosis is corrected.
    """

    code: str
    method: str
    confirmed_on: datetime.date | None = None
    other: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Confirmation:
    """A confirmed diagnosis; `current` unless a later one corrects it."""

    id: str
    lesion_id: str
    fields: ConfirmationFields
    replaces_id: str | None
    current: bool
    at: datetime.datetime
    account_id: str


def confirm(
    database: Database,
    *,
    actor: Actor,
    lesion_id: str,
    fields: ConfirmationFields,
    replaces_id: str | None = None,
    codes: Collection[str],
    save_key: str,
) -> Confirmation:
    """Records a lesion's diagnosis; `codes` are those of the program's class list.

    The first has no `replaces_id`. A correction names the one that is current and needs a reason;
    Conflict if somebody else has confirmed or corrected meanwhile.
    """
    actor.require(CLINICIAN)
    with database.write() as session:
        lesion = lookup.lesion(session, lesion_id)
        born = lookup.patient(session, lesion.patient_id).year_of_birth
        checked = _checked(database, fields, born, codes, correction=replaces_id is not None)
        content = {
            "form": "confirmation",
            "lesion": lesion_id,
            "replaces": replaces_id,
            **asdict(checked),
        }
        row = editions.keep(
            database,
            session,
            ConfirmationRow(lesion_id=lesion_id, **asdict(checked), replaces_id=replaces_id),
            actor=actor,
            among=ConfirmationRow.lesion_id == lesion_id,
            about=lesion_id,
            kind="diagnosis corrected" if replaces_id else "diagnosis confirmed",
            key=save_key,
            content=content,
        )
        return _value(row)


def of_lesion(session: Session, lesion_id: str) -> list[Confirmation]:
    """All confirmed diagnoses of a lesion, the corrected ones too, oldest first."""
    rows = editions.every(session, ConfirmationRow, ConfirmationRow.lesion_id == lesion_id)
    return [_value(row) for row in rows]


def current_confirmations(session: Session, lesion_ids: Collection[str]) -> dict[str, Confirmation]:
    """The diagnoses that hold, by lesion."""
    rows = session.scalars(
        select(ConfirmationRow).where(
            ConfirmationRow.lesion_id.in_(lesion_ids), ConfirmationRow.current
        )
    )
    return {row.lesion_id: _value(row) for row in rows}


def _value(row: ConfirmationRow) -> Confirmation:
    fields = ConfirmationFields(row.code, row.method, row.confirmed_on, row.other, row.reason)
    return Confirmation(
        row.id, row.lesion_id, fields, row.replaces_id, row.current, row.at, row.account_id
    )


def _checked(
    database: Database,
    fields: ConfirmationFields,
    born: int | None,
    codes: Collection[str],
    *,
    correction: bool,
) -> ConfirmationFields:
    form = Form()
    checked = ConfirmationFields(
        code=form.choice("code", fields.code, (*codes, OTHER)),
        method=form.choice("method", fields.method, METHODS),
        confirmed_on=form.past("confirmed_on", fields.confirmed_on, database.today(), born),
        other=form.text(
            "other",
            fields.other,
            most=200,
            needed="Write the diagnosis out." if fields.code == OTHER else "",
        ),
        reason=form.text(
            "reason",
            fields.reason,
            most=1000,
            needed="Say why the diagnosis is corrected." if correction else "",
            lines=True,
        ),
    )
    form.finish()
    if checked.other and checked.code != OTHER:
        raise InvalidRecord({"other": "Leave this blank, or choose another diagnosis."})
    return checked

"""What is to be done with a lesion, and the lists of what is due. Clinicians only.

A plan holds until it is done or another takes its place. Adding photos does not end it: only a
clinician knows whether a visit was the one that was planned.
"""

import datetime
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from records import audit, editions, lookup, receipts
from records.access.actors import CLINICIAN, Actor
from records.database import Database
from records.errors import InvalidRecord
from records.fields import Form
from records.tables import ConfirmationRow, LesionRow, PatientRow, PlanRow

ACTIONS = ("excise", "biopsy", "monitor", "discharge")
FURTHEST = datetime.timedelta(days=3660)
SOON = 14  # days ahead that count as due


@dataclass(frozen=True)
class PlanFields:
    """What to do; `due_on` is needed to monitor, and optional to excise or take a biopsy."""

    action: str
    due_on: datetime.date | None = None
    note: str = ""


@dataclass(frozen=True)
class Plan:
    """A plan; `current` until another takes its place, `done_on` once it was carried out."""

    id: str
    lesion_id: str
    fields: PlanFields
    done_on: datetime.date | None
    current: bool
    at: datetime.datetime
    account_id: str


@dataclass(frozen=True)
class Reminder:
    """A line of the lists: whose lesion, and its plan."""

    patient_id: str
    clinic_id: str
    lesion_label: str
    plan: Plan


@dataclass(frozen=True)
class Reminders:
    """What waits: past its day, due within a fortnight, without a day, and without a finding."""

    overdue: tuple[Reminder, ...]
    due: tuple[Reminder, ...]
    undated: tuple[Reminder, ...]
    awaiting_histology: tuple[Reminder, ...]


def make(
    database: Database, *, actor: Actor, lesion_id: str, fields: PlanFields, save_key: str
) -> Plan:
    """A new plan in place of the one that holds."""
    actor.require(CLINICIAN)
    checked = _checked(database, fields)
    content = {"form": "plan", "lesion": lesion_id, **asdict(checked)}
    with database.write() as session:
        lookup.lesion(session, lesion_id)
        made = receipts.earlier(session, actor=actor, key=save_key, content=content)
        if made:
            return _value(session.get_one(PlanRow, made))
        for before in _current(session, [lesion_id]):
            before.current = False
        row = PlanRow(
            lesion_id=lesion_id,
            **asdict(checked),
            current=True,
            at=database.now(),
            account_id=actor.account_id,
        )
        receipts.add(database, session, row, actor=actor, key=save_key, content=content)
        audit.did(
            database,
            session,
            actor=actor,
            kind="plan made",
            object_id=lesion_id,
            detail={"action": checked.action},
        )
        return _value(row)


def done(database: Database, *, actor: Actor, plan_id: str, done_on: datetime.date) -> Plan:
    """Notes the day a plan was carried out; an excision marks the lesion as excised.

    Done once: a second call changes nothing.
    """
    actor.require(CLINICIAN)
    with database.write() as session:
        row = session.get(PlanRow, plan_id)
        lesion = lookup.lesion(session, row.lesion_id if row else "")
        assert row
        if row.done_on:
            return _value(row)
        form = Form()
        born = lookup.patient(session, lesion.patient_id).year_of_birth
        form.past("done_on", done_on, database.today(), born)
        if not row.current:
            form.problems["done_on"] = "Another plan has taken this one's place."
        form.finish()
        row.done_on = done_on
        if row.action == "excise":
            lesion.excised_on = done_on
            lesion.edition += 1
        audit.did(
            database,
            session,
            actor=actor,
            kind="plan done",
            object_id=lesion.id,
            detail={"action": row.action},
        )
        return _value(row)


def reminders(database: Database, *, actor: Actor) -> Reminders:
    """What waits in the whole clinic, soonest first."""
    actor.require(CLINICIAN)
    today = database.today()
    soon = today + datetime.timedelta(days=SOON)
    open_plans = _listed().where(
        PlanRow.current, PlanRow.done_on.is_(None), PlanRow.action != "discharge"
    )
    found_since = (
        exists()
        .where(
            ConfirmationRow.lesion_id == PlanRow.lesion_id,
            ConfirmationRow.current,
            ConfirmationRow.method == "histopathology",
            ConfirmationRow.at >= PlanRow.at,
        )
        .correlate(PlanRow)
    )
    waiting = (  # also where another plan holds by now
        _listed()
        .where(PlanRow.done_on.is_not(None), PlanRow.action.in_(("excise", "biopsy")))
        .where(~found_since)
        .order_by(PlanRow.done_on)
    )
    with database.read() as session:
        dated = _read(session, open_plans.where(PlanRow.due_on <= soon).order_by(PlanRow.due_on))
        undated = _read(session, open_plans.where(PlanRow.due_on.is_(None)).order_by(PlanRow.at))
        histology = _read(session, waiting)
    late = [one for one in dated if one.plan.fields.due_on and one.plan.fields.due_on < today]
    return Reminders(
        overdue=tuple(late),
        due=tuple(dated[len(late) :]),
        undated=tuple(undated),
        awaiting_histology=tuple(histology),
    )


def of_lesion(session: Session, lesion_id: str) -> list[Plan]:
    """All plans of a lesion, oldest first."""
    rows = editions.every(session, PlanRow, PlanRow.lesion_id == lesion_id)
    return [_value(row) for row in rows]


def current_plans(session: Session, lesion_ids: Collection[str]) -> dict[str, Plan]:
    """The plans that hold, by lesion."""
    return {row.lesion_id: _value(row) for row in _current(session, lesion_ids)}


def _current(session: Session, lesion_ids: Collection[str]) -> Iterable[PlanRow]:
    return session.scalars(
        select(PlanRow).where(PlanRow.lesion_id.in_(lesion_ids), PlanRow.current)
    ).all()


def _listed() -> Select[PlanRow, str, str, str]:
    return (
        select(PlanRow, PatientRow.id, PatientRow.clinic_id, LesionRow.label)
        .join(LesionRow, PlanRow.lesion_id == LesionRow.id)
        .join(PatientRow, LesionRow.patient_id == PatientRow.id)
        .where(LesionRow.deleted_at.is_(None), PatientRow.deleted_at.is_(None))
    )


def _read(session: Session, wanted: Select[PlanRow, str, str, str]) -> list[Reminder]:
    return [
        Reminder(patient_id, clinic_id, label, _value(row))
        for row, patient_id, clinic_id, label in session.execute(wanted)
    ]


def _value(row: PlanRow) -> Plan:
    fields = PlanFields(row.action, row.due_on, row.note)
    return Plan(row.id, row.lesion_id, fields, row.done_on, row.current, row.at, row.account_id)


def _checked(database: Database, fields: PlanFields) -> PlanFields:
    form, today = Form(), database.today()
    action = form.choice("action", fields.action, ACTIONS)
    note = form.text("note", fields.note, most=1000, lines=True)
    due_on = fields.due_on
    if action == "monitor" and due_on is None:
        form.problems["due_on"] = "Choose the day until which to monitor."
    elif due_on is not None and not today <= due_on <= today + FURTHEST:
        form.problems["due_on"] = "Choose a day from today on, at most ten years ahead."
    form.finish()
    if action == "discharge" and due_on is not None:
        raise InvalidRecord({"due_on": "A discharged lesion has no day that is due."})
    return PlanFields(action, due_on, note)

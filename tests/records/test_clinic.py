"""Patients, lesions and plans: saved once, changed by one at a time, found, and never guessed."""

import datetime
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from records import audit, chain, preferences
from records.access.actors import Actor
from records.clinic import (
    confirmations,
    deletion,
    impressions,
    lesions,
    moves,
    overviews,
    patients,
    photos,
    plans,
    search,
    series,
    visits,
)
from records.clinic.confirmations import ConfirmationFields
from records.clinic.lesions import LesionFields
from records.clinic.patients import PatientFields
from records.clinic.plans import PlanFields
from records.clinic.visits import VisitFields
from records.errors import Conflict, InvalidRecord, NotAllowed, NotFound
from tests.records.clinic import CLINIC, CODES, DAY, OFFICE, Clinic, picture


def found(clinic: Clinic, text: str, **rest: Any) -> list[str]:
    hits = search.patients(clinic.database, actor=CLINIC, text=text, **rest)
    return [hit.fields.clinic_id for hit in hits]


def test_a_double_click_saves_once(clinic: Clinic) -> None:
    fields = PatientFields("4711", "Ana", 1958, "female", 2)
    add = {"actor": CLINIC, "fields": fields, "save_key": "one form"}
    first = patients.add(clinic.database, **add)
    assert patients.add(clinic.database, **add) == first
    assert first.fields == fields
    with pytest.raises(Conflict, match="already, with other contents"):
        patients.add(clinic.database, **add | {"fields": replace(fields, name="Eva")})
    with pytest.raises(InvalidRecord) as refused:
        clinic.patient(" 4711 ")
    assert refused.value.fields == {"clinic_id": "Another patient has this id already."}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (PatientFields(""), {"clinic_id": "Enter the clinic's own id."}),
        (PatientFields("\u202e \x00"), {"clinic_id": "Enter the clinic's own id."}),
        (PatientFields("1", "x" * 10_000), {"name": "At most 200 characters; this has 10000."}),
        (
            PatientFields("1", year_of_birth=2026),
            {"year_of_birth": "The year of birth lies in the future."},
        ),
        (
            PatientFields("1", year_of_birth=1875),
            {"year_of_birth": "The year of birth is more than 130 years ago."},
        ),
        (PatientFields("1", phototype=7), {"phototype": "Between 1 and 6."}),
        (PatientFields("1", sex="f"), {"sex": "Choose one of: female, male, other, unknown."}),
    ],
)
def test_fields_that_make_no_sense_are_named(
    clinic: Clinic, fields: PatientFields, problem: dict[str, str]
) -> None:
    with pytest.raises(InvalidRecord) as refused:
        patients.add(clinic.database, actor=CLINIC, fields=fields, save_key="one form")
    assert refused.value.fields == problem


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "O'Brien; DROP TABLE patient", "مريم", "李 小龍", "İpek Straße"],
)
def test_any_name_is_kept_and_found(clinic: Clinic, name: str) -> None:
    saved = clinic.patient(name=name + "\u200b\x00")
    assert saved.fields.name == name
    for word in name.split():
        assert found(clinic, word[:2].upper()) == ["4711"]


def test_search_finds_beginnings_of_all_words(clinic: Clinic) -> None:
    clinic.patient("A-17", name="Ana Maria Lima")
    clinic.patient("A-18", name="Maria Berg")
    clinic.patient("B-1", name="")
    assert sorted(found(clinic, "mar")) == ["A-17", "A-18"]
    assert found(clinic, "mar li") == ["A-17"]
    assert found(clinic, "a-1 berg") == ["A-18"]
    assert found(clinic, "a", limit=1) == ["A-17"]
    assert found(clinic, "lim ana") == ["A-17"]
    assert found(clinic, "mar ria") == found(clinic, "mar %") == found(clinic, "mar l_") == []
    assert found(clinic, " ") == found(clinic, "aria") == found(clinic, "%") == []


def test_recent_are_those_this_account_opened(clinic: Clinic) -> None:
    ids = [clinic.patient(str(number)).id for number in range(3)]
    other = Actor("another", CLINIC.roles)
    for one in (ids[0], ids[2], ids[0]):
        clinic.clock.pass_by(minutes=1)
        patients.get(clinic.database, actor=CLINIC, patient_id=one)
    opened = search.recent(clinic.database, actor=CLINIC)
    assert [one.id for one in opened] == [ids[0], ids[2]]
    assert search.recent(clinic.database, actor=other) == []
    clinic.clock.pass_by(minutes=1)
    clinic.page(clinic.lesion(clinic.patient("4")))  # whoever opens a lesion has the patient open
    assert search.recent(clinic.database, actor=CLINIC)[0].fields.clinic_id == "4"


def test_two_who_change_the_same_do_not_overwrite_each_other(clinic: Clinic) -> None:
    patient = clinic.patient()
    change = {"actor": CLINIC, "patient_id": patient.id, "edition": patient.edition}
    new = replace(patient.fields, name="Eva Lima")
    changed = patients.change(clinic.database, fields=new, **change)
    assert patients.change(clinic.database, fields=new, **change) == changed  # a double click
    with pytest.raises(Conflict):
        patients.change(clinic.database, fields=replace(new, sex="male"), **change)
    assert found(clinic, "lima") == ["4711"]


def test_a_lesion_stands_on_the_patients_page(clinic: Clinic) -> None:
    patient = clinic.patient()
    lesion = clinic.lesion(
        patient,
        site="lower extremity",
        map_view="back",
        map_x=0.4,
        map_y=0.8,
        history="Since\n1999",
    )
    clinic.lesion(patient, "B")
    clinic.save(lesion, picture(1), day=datetime.date(2024, 10, 2))
    newest = clinic.save(lesion, picture(2)).photo_ids[0]
    clinic.save(lesion, picture(3), day=None)
    shown, summaries = lesions.of_patient(clinic.database, actor=CLINIC, patient_id=patient.id)
    first, second = summaries
    assert shown == patient and first.lesion == lesion
    assert (first.visits, first.last_day, first.photo_id) == (3, DAY, newest)
    assert (second.visits, second.last_day, second.photo_id) == (0, None, None)


def test_a_place_on_the_body_map_is_whole(clinic: Clinic) -> None:
    patient = clinic.patient()
    for place in ({"map_view": "front"}, {"map_x": 0.5, "map_y": 0.5}, {"map_x": float("nan")}):
        with pytest.raises(InvalidRecord):
            clinic.lesion(patient, **place)


def test_a_correction_never_hides_what_stood_before(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient())

    def confirm(code: str, replaces: str | None = None, reason: str = "", **rest: Any) -> Any:
        return confirmations.confirm(
            clinic.database,
            actor=CLINIC,
            lesion_id=lesion.id,
            fields=ConfirmationFields(code, "histopathology", DAY, reason=reason, **rest),
            replaces_id=replaces,
            codes=CODES,
            save_key=clinic.key(),
        )

    first = confirm("NV")
    with pytest.raises(Conflict):
        confirm("MEL")
    with pytest.raises(InvalidRecord, match="Say why"):
        confirm("MEL", first.id)
    with pytest.raises(InvalidRecord, match="Write the diagnosis out"):
        confirm("OTHER", first.id, "x")
    second = confirm("OTHER", first.id, "Second opinion", other="Spitz tumour")
    with pytest.raises(Conflict):
        confirm("MEL", first.id, "Late")
    shown = clinic.page(lesion).confirmations
    assert [(one.id, one.current) for one in shown] == [(first.id, False), (second.id, True)]
    assert shown[0].fields.code == "NV" and shown[1].replaces_id == first.id


def test_reminders_list_what_waits(clinic: Clinic) -> None:
    patient = clinic.patient()
    today = clinic.database.today()

    def plan(label: str, action: str, days: int | None) -> plans.Plan:
        due = None if days is None else today + datetime.timedelta(days=days)
        return plans.make(
            clinic.database,
            actor=CLINIC,
            lesion_id=clinic.lesion(patient, label).id,
            fields=PlanFields(action, due),
            save_key=clinic.key(),
        )

    plan("soon", "monitor", 10)
    plan("later", "monitor", 100)
    plan("no day", "biopsy", None)
    plan("over", "discharge", None)
    excision = plan("excised", "excise", 3)
    plans.done(clinic.database, actor=CLINIC, plan_id=excision.id, done_on=today)
    again = plans.done(clinic.database, actor=CLINIC, plan_id=excision.id, done_on=DAY)
    assert again.done_on == today
    listed = plans.reminders(clinic.database, actor=CLINIC)
    assert [one.lesion_label for one in listed.due] == ["soon"]
    assert [one.lesion_label for one in listed.undated] == ["no day"]
    assert [one.lesion_label for one in listed.awaiting_histology] == ["excised"]
    assert listed.overdue == () and listed.due[0].clinic_id == "4711"
    clinic.clock.pass_by(days=11)
    plans.make(  # another plan does not make the finding arrive
        clinic.database,
        actor=CLINIC,
        lesion_id=excision.lesion_id,
        fields=PlanFields("discharge"),
        save_key=clinic.key(),
    )
    listed = plans.reminders(clinic.database, actor=CLINIC)
    assert [one.lesion_label for one in listed.overdue] == ["soon"] and listed.due == ()
    assert [one.lesion_label for one in listed.awaiting_histology] == ["excised"]
    confirmations.confirm(
        clinic.database,
        actor=CLINIC,
        lesion_id=excision.lesion_id,
        fields=ConfirmationFields("NV", "histopathology"),
        codes=CODES,
        save_key=clinic.key(),
    )
    assert plans.reminders(clinic.database, actor=CLINIC).awaiting_histology == ()


@pytest.mark.parametrize(
    "fields",
    [
        PlanFields("monitor"),
        PlanFields("monitor", DAY),
        PlanFields("wait"),
        PlanFields("discharge", datetime.date(2025, 4, 1)),
    ],
)
def test_plans_that_make_no_sense_are_refused(clinic: Clinic, fields: PlanFields) -> None:
    lesion = clinic.lesion(clinic.patient())
    with pytest.raises(InvalidRecord):
        plans.make(
            clinic.database,
            actor=CLINIC,
            lesion_id=lesion.id,
            fields=fields,
            save_key=clinic.key(),
        )


Call = Callable[[Clinic, Actor, str], object]


def every_call() -> dict[str, Call]:
    """Each call of a clinician that takes an id, with any id."""
    key = {"save_key": "some form"}
    plain = PatientFields("1")

    def call(function: Callable[..., object], **rest: Any) -> Call:
        stored = rest.pop("stored", False)
        named = rest.pop("named", "")

        def run(clinic: Clinic, actor: Actor, one: str) -> object:
            given = (clinic.database, clinic.store) if stored else (clinic.database,)
            return function(*given, actor=actor, **rest, **({named: one} if named else {}))

        return run

    confirmation = ConfirmationFields("NV", "other")
    return {
        "get": call(patients.get, named="patient_id"),
        "change": call(patients.change, named="patient_id", fields=plain, edition=1),
        "of_patient": call(lesions.of_patient, named="patient_id"),
        "add lesion": call(lesions.add, named="patient_id", fields=LesionFields("A"), **key),
        "change lesion": call(
            lesions.change, named="lesion_id", fields=LesionFields("A"), edition=1
        ),
        "page": call(series.page, named="lesion_id"),
        "save": call(series.save, stored=True, named="lesion_id", **key),
        "visit": call(visits.change, named="visit_id", fields=VisitFields(), edition=1),
        "settings": call(visits.last_settings, named="lesion_id"),
        "photo": call(photos.read, stored=True, named="photo_id"),
        "overview": call(overviews.read, stored=True, named="overview_id"),
        "overviews": call(overviews.of_patient, named="patient_id"),
        "impression": call(impressions.record, named="lesion_id", code="NV", codes=CODES, **key),
        "confirm": call(
            confirmations.confirm, named="lesion_id", fields=confirmation, codes=CODES, **key
        ),
        "plan": call(plans.make, named="lesion_id", fields=PlanFields("excise"), **key),
        "done": call(plans.done, named="plan_id", done_on=DAY),
        "delete": call(deletion.delete, named="object_id", kind="lesion"),
        "undo": call(deletion.undo, named="deletion_id"),
        "move": call(moves.move_lesion, named="lesion_id", patient_id="x"),
        "move photo": call(moves.move_photo, named="photo_id", lesion_id="x"),
    }


@pytest.mark.parametrize("name", every_call())
def test_guessed_ids_and_wrong_roles_reveal_nothing(sqlite_clinic: Clinic, name: str) -> None:
    call = every_call()[name]
    for guess in ("0" * 32, "'; --", sqlite_clinic.patient().id[::-1]):
        with pytest.raises(NotFound, match=NotFound.sentence):
            call(sqlite_clinic, CLINIC, guess)
        sqlite_clinic.clock.pass_by(days=1)
        break
    with pytest.raises(NotAllowed):
        call(sqlite_clinic, OFFICE, "0" * 32)


def test_calls_without_an_id_check_the_role_too(sqlite_clinic: Clinic) -> None:
    database = sqlite_clinic.database
    with pytest.raises(NotAllowed):
        patients.add(database, actor=OFFICE, fields=PatientFields("1"), save_key="some form")
    for call in (search.recent, plans.reminders, deletion.undoable):
        with pytest.raises(NotAllowed):
            call(database, actor=OFFICE)
    with pytest.raises(NotAllowed):
        search.patients(database, actor=OFFICE, text="a")
    with pytest.raises(NotAllowed):
        preferences.change(database, actor=CLINIC, name=preferences.IMPRESSION_FIRST, value=True)


def test_everything_done_is_in_the_audit_log_without_names(clinic: Clinic) -> None:
    patient = clinic.patient("secret-7", name="Ana Lima")
    lesion = clinic.lesion(patient, "left calf")
    clinic.assess(lesion, picture(1))
    clinic.page(lesion)
    entries = audit.entries(clinic.database, actor=OFFICE)
    assert [one.kind for one in entries[::-1]] == [
        "patient added",
        "lesion added",
        "visit added",
        "photo added",
        "assessment saved",
        "lesion viewed",
    ]
    assert {one.account_id for one in entries} == {CLINIC.account_id}
    assert chain.verify(clinic.database, actor=OFFICE).sound
    text = audit.to_csv(entries)
    assert not any(word in text for word in ("secret", "Ana", "calf", "IMG", "MEL"))

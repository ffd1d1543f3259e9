"""Patients, lesions and what is saved to them, run by Streamlit itself without a browser."""

import datetime
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pages.components.examination import keeping, opening, saving
from pages.components.examination.tray import Opened, Result, Tray
from pages.components.frame import serving
from records.access.actors import ADMIN
from records.access.sessions import SignedIn
from records.clinic import assessments, deletion, lesions, moves, patients, photos, series
from records.clinic.lesions import LesionFields
from records.clinic.patients import PatientFields
from records.clinic.photos import KnownPhoto
from records.clinic.series import Saved
from records.clinic.visits import VisitFields
from skinmodel.analysis import analyse
from tests import signing
from tests.pages.test_examine import MAIN, jpeg, labels, says

KEY = "a-save-key-of-a-test"
MARCH, JUNE = datetime.date(2025, 3, 12), datetime.date(2025, 6, 1)


def open_page(page: str, **address: str) -> AppTest:
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    app.switch_page(f"clinic/{page}.py")
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def add_lesion(person: SignedIn, clinic_id: str = "4711") -> Opened:
    database, actor = serving.database(), person.actor
    fields = PatientFields(clinic_id, year_of_birth=1958, sex="female")
    patient = patients.add(database, actor=actor, fields=fields, save_key=f"{KEY}-{clinic_id}")
    lesion = lesions.add(
        database,
        actor=actor,
        patient_id=patient.id,
        fields=LesionFields("A", "lower extremity", "front", 0.4, 0.8),
        save_key=f"{KEY}-{clinic_id}-a",
    )
    return Opened(patient, lesion)


def examined(*files: bytes) -> tuple[Tray, Result]:
    """Photos taken in and analysed, as the page does it."""
    tray = Tray()
    for place, data in enumerate(files):
        photo = serving.decoder().read(data)
        tray.add(photo, f"photo-{place}.jpg", photo.taken_on, data=data)
    model = serving.model()
    return tray, tray.keep(tray.key(model), analyse(model, tray.series()))


def save(
    person: SignedIn,
    tray: Tray,
    result: Result,
    opened: Opened,
    key: str = KEY,
    known: bool = False,
) -> Saved:
    return saving.save(
        person.actor,
        tray,
        result,
        opened,
        how=VisitFields(magnification=10),
        day=None,
        although_known=known,
        save_key=key,
    )


def banner(page: AppTest) -> str:
    """Whose record the page says is open."""
    said = [
        json.loads(one.proto.json)
        for one in page.get("bidi_component")
        if one.proto.component_name.endswith("banner")
    ]
    return str(said[0]["patient"])


def kept(person: SignedIn, opened: Opened) -> series.LesionPage:
    database = serving.database()
    return series.page(database, actor=person.actor, lesion_id=opened.lesion.id)


def test_an_examination_is_kept_whole_and_once(person: SignedIn) -> None:
    opened = add_lesion(person)
    files = jpeg(1, MARCH), jpeg(2, JUNE)
    tray, result = examined(*files)
    first = save(person, tray, result, opened)
    assert save(person, tray, result, opened) == first  # a double click
    other_tab, other_result = examined(*files)
    again = save(person, other_tab, other_result, opened, "a-key-of-another-tab")
    assert again.photo_ids == () and again.assessment_id is None and len(again.already) == 2
    page = kept(person, opened)
    assert [one.visit.fields.day for one in page.visits] == [MARCH, JUNE]
    assert [one.visit.fields.magnification for one in page.visits] == [10, 10]
    found = [photo for one in page.visits for photo in one.photos]
    read = [
        photos.read(serving.database(), serving.store(), actor=person.actor, photo_id=photo.id)
        for photo in found
    ]
    assert read == list(files)  # the original bytes
    assert len(page.assessments) == 1
    assert not page.assessments[0].outdated


def test_a_kept_analysis_says_what_it_said(person: SignedIn) -> None:
    opened = add_lesion(person)
    tray, result = examined(jpeg(1, MARCH), jpeg(2, JUNE))
    save(person, tray, result, opened)
    assessment = kept(person, opened).assessments[0]
    raw = assessments.maps(
        serving.database(), serving.store(), actor=person.actor, assessment_id=assessment.id
    )
    by_hash = {photo.sha256: photo for photo in tray.series()}
    restored = keeping.restored(assessment.result, by_hash, raw)
    for name, value in vars(result.analysis).items():
        now = getattr(restored, name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(now, value, err_msg=name)
        else:
            assert now == value, name


def test_a_photo_of_another_patient_is_a_question_that_names_nobody(person: SignedIn) -> None:
    first, second = add_lesion(person), add_lesion(person, "4712")
    tray, result = examined(jpeg(1, MARCH))
    save(person, tray, result, first)
    with pytest.raises(KnownPhoto) as question:
        save(person, tray, result, second, "another-save-key")
    assert "another patient" in str(question.value) and "4711" not in str(question.value)
    assert kept(person, second).visits == ()
    save(person, tray, result, second, "another-save-key", known=True)
    assert len(kept(person, second).visits) == 1


def test_earlier_photos_are_decoded_once_for_all_visits_that_follow(
    person: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = add_lesion(person)
    save(person, *examined(jpeg(3141, MARCH), jpeg(3142, JUNE)), opened)
    decoder, read = serving.decoder(), []

    def spy(data: bytes, *, name: str) -> object:
        read.append(name)
        return decode(data, name=name)

    decode = decoder.read
    monkeypatch.setattr(decoder, "read", spy)
    trays = [opening.load(person.actor, opened.lesion.id, uploader=n) for n in range(2)]
    assert read == ["photo-0.jpg", "photo-1.jpg"]
    assert [len(tray.items) for tray in trays] == [2, 2]


def test_days_make_visits_and_undated_photos_one_each(person: SignedIn) -> None:
    tray, _ = examined(jpeg(1, MARCH), jpeg(2, MARCH), jpeg(3), jpeg(4))
    days = [(v.fields.day, len(v.photos)) for v in saving.new_visits(tray, VisitFields(), None)]
    assert days == [(MARCH, 2), (None, 1), (None, 1)]
    with_day = saving.new_visits(tray, VisitFields(), JUNE)
    assert [(v.fields.day, len(v.photos)) for v in with_day] == [(MARCH, 2), (JUNE, 2)]


def test_an_opened_lesion_brings_its_photos_and_refuses_them_twice(person: SignedIn) -> None:
    opened = add_lesion(person)
    tray, result = examined(jpeg(1, MARCH))
    save(person, tray, result, opened)
    loaded = opening.load(person.actor, opened.lesion.id, uploader=0)
    assert [(item.kept, item.taken_on, item.data) for item in loaded.items] == [(True, MARCH, b"")]
    assert opening.unsaved(loaded) == 0
    loaded.add(serving.decoder().read(jpeg(1, MARCH)), "again.jpg", MARCH)
    assert loaded.refused[0].reason.startswith("Already on this lesion")
    page = open_page("examine", lesion=opened.lesion.id)
    assert "Analyse 1 photo" in labels(page)
    assert "12 Mar 2025, on the lesion" in says(page)


def test_a_lesion_moved_or_deleted_meanwhile_is_never_shown_as_the_old_patients(
    person: SignedIn,
) -> None:
    first, second = add_lesion(person), add_lesion(person, "4712")
    save(person, *examined(jpeg(1, MARCH)), first)
    page = open_page("examine", lesion=first.lesion.id)
    assert banner(page).startswith("Patient 4711")
    database, lesion_id = serving.database(), first.lesion.id
    moves.move_lesion(
        database, actor=person.actor, lesion_id=lesion_id, patient_id=second.patient.id
    )
    assert banner(page.run()).startswith("Patient 4712")
    deletion.delete(database, actor=person.actor, kind="lesion", object_id=lesion_id)
    page.run()
    assert len(page.error) == 1 and "on the lesion" not in says(page)
    assert "lesion" not in page.query_params


def test_the_lesion_page_has_an_address_and_says_what_changed(person: SignedIn) -> None:
    opened = add_lesion(person)
    save(person, *examined(jpeg(1, MARCH)), opened)
    page = open_page("lesion", lesion=opened.lesion.id)
    assert "Lesion A" in says(page) and "12 Mar 2025" in says(page)
    assert "Analyse again" not in labels(page)
    save(person, *examined(jpeg(2, JUNE)), opened, "a-second-save-key")
    page = open_page("lesion", lesion=opened.lesion.id)
    assert "outdated: 1 photo was added since" in says(page)
    assert {"Analyse again", "Add visit", "Confirm a diagnosis", "Make a plan"} <= set(labels(page))
    listed = open_page("lesion", patient=opened.patient.id)
    assert "Lesion A\\, lower extremity" in labels(listed)


@pytest.mark.parametrize("address", [{"lesion": "0" * 32}, {"patient": "guessed"}, {}])
def test_a_guessed_address_leads_nowhere(person: SignedIn, address: dict[str, str]) -> None:
    add_lesion(person)
    page = open_page("lesion", **address)
    assert len(page.error) == 1
    assert "4711" not in says(page)


def test_patients_are_found_as_one_types(person: SignedIn) -> None:
    assert "You have opened none yet" in says(open_page("patients"))
    add_lesion(person), add_lesion(person, "5000")
    page = open_page("patients")
    page.text_input(key="find-patient").input("47").run()
    assert [link.proto.label for link in page.get("page_link")] == ["4711\\, born 1958\\, female"]


@pytest.mark.parametrize("page", ["patients", "lesion"])
def test_administrators_see_no_patients(
    person: SignedIn, sign_in: Callable[..., None], page: str
) -> None:
    opened = add_lesion(person)
    sign_in(replace(person, account=signing.somebody(ADMIN).account))
    app = AppTest.from_file(str(MAIN), default_timeout=60).switch_page(f"clinic/{page}.py")
    app.query_params["lesion"] = opened.lesion.id
    app.run()
    assert "4711" not in says(app) and "Lesion A" not in says(app)

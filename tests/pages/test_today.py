"""A morning's photos: each given to its lesion, then all analysed and saved."""

import pytest
from streamlit.testing.v1 import AppTest

from pages.components.frame import serving
from records import preferences
from records.access.actors import ROLES
from records.access.sessions import SignedIn
from records.preferences import IMPRESSION_FIRST
from skinmodel import analysis
from tests import signing
from tests.pages.test_examine import jpeg, press, says, upload
from tests.pages.test_records import (
    MARCH,
    add_lesion,
    examined,
    kept,
    open_page,
    save,
)


def give(page: AppTest, lesion_id: str) -> AppTest:
    return page.button(key=f"give-{lesion_id}").click().run()


def choose(page: AppTest, patient_id: str) -> AppTest:
    page.text_input[0].input("47").run()
    return page.radio[0].set_value(patient_id).run()


def test_two_clicks_give_a_photo_to_a_known_lesion_and_one_saves_all(
    person: SignedIn,
) -> None:
    known, other = add_lesion(person), add_lesion(person, "4712")
    save(person, *examined(jpeg(1, MARCH)), known)
    page = upload(open_page("today"), *((f"{seed}.jpg", jpeg(seed)) for seed in range(2, 6)))
    assert "4 photos without a lesion" in [one.value for one in page.header]
    choose(page, known.patient.id)
    give(page, known.lesion.id)  # the first photo is picked already
    press(page, "Another patient")
    choose(page, other.patient.id)
    page.checkbox[1].check().run()
    give(page, other.lesion.id)
    assert not page.exception and "2 lesions" in [one.value for one in page.header]
    press(page, "Analyse and save 2 lesions")
    assert not page.exception and "Malignant in total" in says(page)
    press(page, "Put these away")
    assert "1 photo without a lesion" in [one.value for one in page.header]  # not lost
    joined, new = kept(person, known), kept(person, other)
    assert [len(one.photos) for one in joined.visits] == [1, 1]
    assert len(joined.assessments[-1].result.photos) == 2  # with the earlier photo
    # as the photos were taken the last time
    assert [one.visit.fields.magnification for one in joined.visits] == [10, 10]
    assert sum(len(one.photos) for one in new.visits) == 2 and len(new.assessments) == 1


def test_photos_can_be_taken_back(person: SignedIn) -> None:
    opened = add_lesion(person)
    page = upload(open_page("today"), ("a.jpg", jpeg(2)))
    choose(page, opened.patient.id)
    give(page, opened.lesion.id)
    press(page, "Take the photos back")
    assert "1 photo without a lesion" in [one.value for one in page.header]
    assert kept(person, opened).visits == ()


def test_what_fails_waits_and_nothing_is_lost(
    person: SignedIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = add_lesion(person)
    page = upload(open_page("today"), ("a.jpg", jpeg(2)))
    choose(page, opened.patient.id)
    give(page, opened.lesion.id)
    with monkeypatch.context() as patch:
        patch.setattr(analysis, "analyse", lambda *a, **k: fail())
        press(page, "Analyse and save 1 lesion")
    assert "Nothing was lost." in says(page).replace("\\", "") and kept(person, opened).visits == ()
    press(page, "Analyse and save 1 lesion")
    assert len(kept(person, opened).assessments) == 1


def fail() -> None:
    raise analysis.AnalysisFailed


def test_a_photo_of_another_patient_is_asked_about(person: SignedIn) -> None:
    first, second = add_lesion(person), add_lesion(person, "4712")
    save(person, *examined(jpeg(5)), first)
    page = upload(open_page("today"), ("a.jpg", jpeg(5)))
    choose(page, second.patient.id)
    give(page, second.lesion.id)
    press(page, "Analyse and save 1 lesion")
    assert "identical to a photo of another patient" in says(page)
    assert kept(person, second).visits == ()
    page.checkbox(key=f"known-{second.lesion.id}").check().run()
    press(page, "Analyse and save 1 lesion")
    assert len(kept(person, second).assessments) == 1


def test_where_impressions_come_first_photos_are_saved_without_results(
    person: SignedIn,
) -> None:
    admin = signing.add(serving.database(), *ROLES, name="Ada")
    preferences.change(
        serving.database(), actor=SignedIn("x", admin).actor, name=IMPRESSION_FIRST, value=True
    )
    opened = add_lesion(person)
    page = upload(open_page("today"), ("a.jpg", jpeg(2)))
    choose(page, opened.patient.id)
    give(page, opened.lesion.id)
    press(page, "Save 1 lesion")
    found = kept(person, opened)
    assert len(found.visits) == 1 and found.assessments == ()

"""Overview photos of a patient: kept, enlarged, deleted, never analysed."""

import datetime

import pytest

from pages.components.frame import serving
from pages.components.patient.overviews import keep
from records.access.sessions import SignedIn
from records.clinic import overviews
from records.clinic.overviews import NewOverview
from records.clinic.photos import KnownPhoto
from skinmodel.images import InvalidImage
from tests.pages.test_examine import jpeg, press
from tests.pages.test_records import KEY, add_lesion, open_page

MARCH = datetime.date(2025, 3, 12)


def test_overview_photos_are_shown_with_day_and_words(person: SignedIn) -> None:
    patient = add_lesion(person).patient
    page = open_page("lesion", patient=patient.id)
    assert "0 overview photos" in [one.value for one in page.header]
    photo = NewOverview(jpeg(3), "back.jpg", "", MARCH, "Back")
    keep(person.actor, patient, photo, although=False, save_key=KEY)
    page = open_page("lesion", patient=patient.id)
    assert "1 overview photo" in [one.value for one in page.header]
    assert any(one.value == "**12 Mar 2025**  \nBack" for one in page.caption)
    assert not press(page, "Enlarge").exception


def test_what_cannot_be_read_or_is_known_is_not_kept(person: SignedIn) -> None:
    first, second = add_lesion(person).patient, add_lesion(person, "4712").patient
    photo = NewOverview(jpeg(3), "back.jpg", "", MARCH)
    keep(person.actor, first, photo, although=False, save_key=f"{KEY}-1")
    with pytest.raises(KnownPhoto):
        keep(person.actor, second, photo, although=False, save_key=f"{KEY}-2")
    with pytest.raises(InvalidImage):
        text = NewOverview(b"no photo", "text.jpg", "", MARCH)
        keep(person.actor, second, text, although=False, save_key=f"{KEY}-3")
    database = serving.database()
    assert not overviews.of_patient(database, actor=person.actor, patient_id=second.id)
    keep(person.actor, second, photo, although=True, save_key=f"{KEY}-4")
    found = overviews.of_patient(database, actor=person.actor, patient_id=second.id)
    assert [one.media_type for one in found] == ["image/jpeg"]

"""Whose photo a DICOM file says it is, against the open record and the photos already there."""

import dataclasses
import datetime

import pytest

from pages.components.examination.saving import as_taken, others
from pages.components.examination.tray import Doubt, Opened, Tray
from pages.components.examination.uploads import ANOTHER, _refuse_another, contradictions
from records.clinic.patients import Patient, PatientFields
from records.clinic.visits import VisitFields
from skinmodel.drawn import draw_lesion
from skinmodel.images import InvalidImage, Photo
from skinmodel.reading.dicom import Dicom

NOW = datetime.datetime(2025, 3, 12, tzinfo=datetime.UTC)


def photo(patient_id: str = "", **facts: object) -> Photo:
    picture = draw_lesion(1, size=(64, 64))
    plain = Photo(picture, patient_id or "none", (64, 64), None, (), ())
    return dataclasses.replace(plain, dicom=Dicom(patient_id=patient_id, **facts))  # type: ignore[arg-type]


def test_photos_of_two_patients_are_not_one_examination() -> None:
    tray = Tray()
    for same in (photo("4711"), photo(), dataclasses.replace(photo(), dicom=None)):
        _refuse_another(tray, same)
        tray.add(same, "a.dcm", None)
    _refuse_another(tray, photo("4711"))
    with pytest.raises(InvalidImage, match=ANOTHER):
        _refuse_another(tray, photo("4712"))


def test_a_file_that_names_another_patient_is_asked_about_and_left_out_by_default() -> None:
    patient = Patient("p", PatientFields("4711", name="Jane Doe"), NOW, 1)
    assert contradictions(photo("4711", patient_name="Doe Jane"), patient) == ()
    said = contradictions(photo("4712"), patient)
    assert said == ("The file's patient id is 4712, the open record's is 4711.",)
    tray = Tray(opened=Opened(patient, None))  # type: ignore[arg-type]
    doubt = Doubt(photo("4712"), "a.dcm", b"data", said)
    tray.doubts = [doubt]
    assert tray.size == 4
    tray.answer(doubt, take=False)
    assert not tray.items and not tray.doubts
    tray.doubts = [doubt]
    tray.answer(doubt, take=True)
    assert tray.items[0].vouched and not tray.doubts
    assert others(tray, tray.opened) == []  # asked once is enough
    tray.items[0].vouched = False
    assert others(tray, tray.opened) == list(said)


def test_what_all_files_say_of_how_they_were_taken_comes_first() -> None:
    last = VisitFields(magnification=10, contact="contact", device="old")
    tray = Tray()
    tray.add(photo("a", device="HD 1000", magnification=20.0), "a.dcm", None)
    tray.add(dataclasses.replace(photo(), dicom=None), "b.jpg", None)
    assert as_taken(tray.new, last) == VisitFields(None, 20, "unknown", "contact", "HD 1000")
    tray.add(photo("c", device="HD 2000", magnification=20.0), "c.dcm", None)
    assert as_taken(tray.new, None) == VisitFields(magnification=20)

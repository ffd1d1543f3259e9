"""Whose photo a DICOM file says it is, against the open record and the photos already there."""

import dataclasses
import datetime

import pytest

from pages.components.tray import Opened, Tray
from pages.components.uploads import ANOTHER, OTHER_RECORD, _refuse_another
from records.patients import Patient, PatientFields
from skinmodel.dicom import Dicom
from skinmodel.drawn import draw_lesion
from skinmodel.images import InvalidImage, Photo

NOW = datetime.datetime(2025, 3, 12, tzinfo=datetime.UTC)


def photo(patient_id: str = "", **facts: str) -> Photo:
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


def test_a_photo_of_another_patient_does_not_enter_the_open_record() -> None:
    patient = Patient("p", PatientFields("4711", name="Jane Doe"), NOW, 1)
    tray = Tray(opened=Opened(patient, None))  # type: ignore[arg-type]
    _refuse_another(tray, photo("4711", patient_name="Doe Jane"))
    with pytest.raises(InvalidImage) as caught:
        _refuse_another(tray, photo("4712"))
    assert str(caught.value) == (
        f"The file's patient id is 4712, the open record's is 4711. {OTHER_RECORD}"
    )

"""Which confirmed lesions are learned from, and that erasure reaches what was made of them."""

import datetime
from pathlib import Path

import pytest

from records import preferences
from records.clinic import confirmations
from records.clinic.confirmations import ConfirmationFields
from records.clinic.lesions import Lesion
from records.clinic.photos import NewPhoto
from records.errors import NotAllowed
from records.keeping import erasure
from records.models import cases
from records.models.cases import Cases
from tests.records.clinic import CLINIC, CODES, DAY, OFFICE, Clinic, picture

MALIGNANT = ("MEL", "BCC", "SCC")
JPEG = b"\xff\xd8\xff\xe1\0\x10Exif\0\0secret!!\xff\xda\0\2abc\xff\xd9"


def confirm(clinic: Clinic, lesion: Lesion, code: str, method: str = "histopathology") -> None:
    confirmations.confirm(
        clinic.database,
        actor=CLINIC,
        lesion_id=lesion.id,
        fields=ConfirmationFields(code, method, other="x" if code == "OTHER" else ""),
        codes=CODES,
        save_key=clinic.key(),
    )


def taken(clinic: Clinic) -> Cases:
    return cases.confirmed(clinic.database, actor=OFFICE, codes=CODES, malignant=MALIGNANT)


def test_confirmed_lesions_come_with_days_and_without_names(clinic: Clinic) -> None:
    patient = clinic.patient(name="Vera Lind", sex="female")
    lesion = clinic.lesion(patient, site="anterior torso")
    clinic.save(lesion, picture(1))
    clinic.save(lesion, picture(2), day=DAY - datetime.timedelta(days=300))
    confirm(clinic, lesion, "MEL")
    clinic.save(clinic.lesion(patient, "B"), picture(3))  # nobody knows what it is
    first, second = taken(clinic).photos
    assert (first.code, first.day, first.age, first.sex) == (
        "MEL",
        DAY - datetime.timedelta(days=300),
        65,
        "female",
    )
    assert (second.day, second.lesion_id, second.patient_id) == (DAY, lesion.id, patient.id)
    assert "Vera" not in repr(first) and "4711" not in repr(first)


def test_malignant_ones_need_histopathology_unless_somebody_says_otherwise(
    clinic: Clinic,
) -> None:
    patient = clinic.patient()
    for number, (code, method) in enumerate(
        [("MEL", "consensus"), ("NV", "consensus"), ("SCC", "histopathology"), ("OTHER", "other")]
    ):
        lesion = clinic.lesion(patient, code)
        clinic.save(lesion, picture(number))
        confirm(clinic, lesion, code, method)
    found = taken(clinic)
    assert {one.code for one in found.photos} == {"NV", "SCC"}
    assert found.notes == (
        "Left aside: 1 lesion with a diagnosis other than the eight.",
        "Left aside: 1 lesion called malignant without histopathology.",
    )
    preferences.change(clinic.database, actor=OFFICE, name=preferences.UNPROVEN, value=True)
    assert {one.code for one in taken(clinic).photos} == {"MEL", "NV", "SCC"}


def test_photos_after_the_excision_are_left_aside(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient(), excised_on=DAY)
    clinic.save(lesion, picture(1))
    clinic.save(lesion, picture(2), day=DAY + datetime.timedelta(days=1))
    confirm(clinic, lesion, "MEL")
    found = taken(clinic)
    assert [one.day for one in found.photos] == [DAY]
    assert found.notes == ("Left aside: 1 photo taken after an excision.",)


def test_what_was_corrected_counts_as_it_is_now(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient())
    clinic.save(lesion, picture(1))
    confirm(clinic, lesion, "NV")
    (before,) = clinic.page(lesion).confirmations
    confirmations.confirm(
        clinic.database,
        actor=CLINIC,
        lesion_id=lesion.id,
        fields=ConfirmationFields("MEL", "histopathology", reason="second look"),
        replaces_id=before.id,
        codes=CODES,
        save_key=clinic.key(),
    )
    assert [one.code for one in taken(clinic).photos] == ["MEL"]


def test_clinicians_do_not_take_them(clinic: Clinic) -> None:
    with pytest.raises(NotAllowed):
        cases.confirmed(clinic.database, actor=CLINIC, codes=CODES, malignant=())


def test_files_come_without_what_the_camera_wrote_and_missing_ones_not(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient())
    clinic.save(lesion, NewPhoto(JPEG, "a.jpg", "image/jpeg", 640, 480))
    confirm(clinic, lesion, "NV")
    (photo,) = taken(clinic).photos
    data = cases.read(clinic.database, clinic.store, actor=OFFICE, photo=photo)
    assert data is not None and b"secret" not in data and b"abc" in data
    clinic.store.remove(photo.sha256)
    assert cases.read(clinic.database, clinic.store, actor=OFFICE, photo=photo) is None


def test_erasure_reaches_the_data_set(clinic: Clinic, tmp_path: Path) -> None:
    patient = clinic.patient()
    lesion = clinic.lesion(patient)
    clinic.save(lesion, picture(1))
    confirm(clinic, lesion, "NV")
    (photo,) = taken(clinic).photos
    folder = tmp_path / "datasets" / "clinic"
    (folder / "photos").mkdir(parents=True)
    for name in ("dataset.json", "report.json", f"photos/{photo.sha256}.jpg"):
        (folder / name).write_text("{}")
    row = f"{photo.id},photos/{photo.sha256}.jpg,NV,{lesion.id},{patient.id}"
    (folder / "manifest.csv").write_text(
        f"image,path,diagnosis,lesion,patient\n{row}\nb,c,NV,d,e\n"
    )
    done = erasure.erase(
        clinic.database,
        clinic.store,
        actor=OFFICE,
        patient_id=patient.id,
        folders=[tmp_path / "datasets"],
    )
    assert done.models == ()  # a data set is no model
    assert done.manifests == ("clinic/manifest.csv",)
    assert sorted(one.name for one in folder.rglob("*") if one.is_file()) == [
        "dataset.json",
        "manifest.csv",
    ]
    assert (folder / "manifest.csv").read_text().count("\n") == 2

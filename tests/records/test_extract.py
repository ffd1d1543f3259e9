"""A lesion taken away as JSON, CSV and DICOM: all of it, safe for a spreadsheet, naming nobody."""

import csv
import io
import json
from dataclasses import replace

import pytest
from PIL import Image
from pydicom import dcmread

from records import audit
from records.clinic import visits
from records.errors import NotAllowed, NotFound
from records.reports import dicom, extract
from records.reports.dicom import About
from skinmodel.drawn import draw_lesion
from skinmodel.images import read_photo
from tests.records.clinic import CLINIC, DAY, OFFICE, Clinic, picture
from tests.skinmodel.test_dicom import dicom as foreign
from tests.skinmodel.test_dicom import encoded

ABOUT = About("4711", "a-lesion", "a-visit", 1, DAY, magnification=10)
SKIN = draw_lesion(3, size=(160, 120))


def test_everything_of_a_lesion_is_in_the_json(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient(name="Ünal 山田"), history="Itches.")
    clinic.assess(lesion, picture(1))
    data = extract.as_json(clinic.database, actor=CLINIC, lesion_id=lesion.id)
    values = json.loads(data)
    assert values["notice"] == "Decision support, not a diagnosis"
    assert values["patient"]["fields"]["name"] == "Ünal 山田"
    assert values["lesion"]["fields"]["history"] == "Itches."
    assert values["visits"][0]["photos"][0]["sha256"] == picture(1).sha256
    assert values["assessments"][0]["result"]["probabilities"][0][0] == 0.65
    assert {"confirmations", "impressions", "plans"} <= values.keys()
    (entry,) = audit.entries(clinic.database, actor=OFFICE, kind="lesion exported")
    assert (entry.object_id, entry.detail) == (lesion.id, {"as": "json"})


@pytest.mark.parametrize("text", ["=1+1", "+49", "-cmd", "@SUM(A1)"])
def test_no_cell_of_the_csv_runs_as_a_formula(clinic: Clinic, text: str) -> None:
    lesion = clinic.lesion(clinic.patient())
    clinic.save(lesion, picture(1))
    visit = clinic.page(lesion).visits[0].visit
    fields = replace(visit.fields, note=text, device=text)
    visits.change(clinic.database, actor=CLINIC, visit_id=visit.id, fields=fields, edition=1)
    data = extract.as_csv(clinic.database, actor=CLINIC, lesion_id=lesion.id).decode()
    (row,) = csv.DictReader(io.StringIO(data))
    assert row["note"] == row["device"] == f"'{text}"
    assert (row["day"], row["photos"]) == (DAY.isoformat(), "1")


def test_only_clinicians_take_a_lesion_away(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient())
    for make in (extract.as_json, extract.as_csv):
        with pytest.raises(NotAllowed):
            make(clinic.database, actor=OFFICE, lesion_id=lesion.id)
        with pytest.raises(NotFound):
            make(clinic.database, actor=CLINIC, lesion_id="0" * 32)
    assert audit.entries(clinic.database, actor=OFFICE, kind="lesion exported") == []


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_a_jpeg_comes_back_from_dicom_as_it_was(mode: str, subsampling: int) -> None:
    jpeg = encoded("JPEG", SKIN.convert(mode), quality=90, subsampling=subsampling)
    made = dicom.from_jpeg(jpeg, ABOUT)
    photo = read_photo(made)
    assert photo.picture.tobytes() == read_photo(jpeg).picture.tobytes()
    assert photo.dicom and photo.dicom.patient_id == "4711"
    assert (photo.dicom.patient_name, photo.dicom.born_on, photo.dicom.sex) == ("", None, "")
    assert (photo.taken_on, photo.dicom.magnification) == (DAY, 10)
    assert not photo.warnings or mode == "L"


def test_a_dicom_file_has_valid_identifiers_that_stay_the_same() -> None:
    jpeg = encoded("JPEG", SKIN)
    first, again = (dcmread(io.BytesIO(dicom.from_jpeg(jpeg, ABOUT))) for _ in range(2))
    other = dcmread(io.BytesIO(dicom.from_jpeg(jpeg, replace(ABOUT, visit_id="another"))))
    names = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
    for name in names:
        assert first[name].value.is_valid and first[name].value == again[name].value
    assert len({first[name].value for name in names}) == 3
    assert other.StudyInstanceUID != first.StudyInstanceUID
    assert first.SOPClassUID.name == "VL Photographic Image Storage"
    assert first.file_meta.MediaStorageSOPInstanceUID == first.SOPInstanceUID


@pytest.mark.parametrize("options", [{"progressive": True}, {}])
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_only_a_baseline_jpeg_is_taken_as_it_is(form: str, options: dict[str, bool]) -> None:
    data = encoded(form, SKIN, **options)
    assert dicom.is_baseline(data) is (form == "JPEG" and not options)
    if not dicom.is_baseline(data):
        with pytest.raises(ValueError, match="no baseline JPEG"):
            dicom.from_jpeg(data, ABOUT)


def test_a_cut_or_strange_jpeg_is_not_taken() -> None:
    jpeg = encoded("JPEG", SKIN)
    assert not any(
        dicom.is_baseline(jpeg[:end]) for end in range(0, jpeg.index(b"\xff\xc0") + 8, 7)
    )
    assert not dicom.is_baseline(encoded("JPEG", Image.new("CMYK", (80, 80))))


def test_what_another_program_wrote_is_left_behind() -> None:
    def private(data: object) -> None:
        block = data.private_block(0x0011, "Maker", create=True)  # type: ignore[attr-defined]
        block.add_new(0x01, "LO", "Anna Berg")

    original = foreign(
        SpecificCharacterSet="ISO_IR 192",
        PatientID="foreign-1",
        PatientName="Berg^Anna",
        PatientBirthDate="19580312",
        InstitutionName="Clinic",
        PixelSpacing=["0.02", "0.02"],
        PixelSpacingCalibrationType="FIDUCIAL",
        BurnedInAnnotation="YES",
        change=private,
    )
    made = dicom.from_dicom(original, replace(ABOUT, magnification=None))
    for secret in (b"Berg", b"Anna", b"foreign-1", b"1958", b"Clinic", b"Maker"):
        assert secret in original and secret not in made
    photo, before = read_photo(made), read_photo(original)
    assert photo.picture.tobytes() == before.picture.tobytes()
    assert photo.dicom and photo.dicom.patient_id == "4711"
    assert photo.dicom.pixel_spacing_mm == (0.02, 0.02)
    assert any("burned into" in warning for warning in photo.warnings)


def test_what_is_no_dicom_cannot_be_made_one() -> None:
    with pytest.raises(ValueError, match="cannot be followed"):
        dicom.from_dicom(b"nothing", ABOUT)


@pytest.mark.parametrize(
    ("calibrated", "kept", "spacing", "kind"),
    [
        ("marked", False, 0.01, "FIDUCIAL"),
        ("marked", True, 0.01, "FIDUCIAL"),
        ("field", False, 0.01, "GEOMETRY"),
        ("field", True, 0.02, "FIDUCIAL"),
    ],
)
def test_a_scale_given_by_hand_goes_along(
    calibrated: str, kept: bool, spacing: float, kind: str
) -> None:
    """One marked holds before the file's own scale, which holds before a field of view."""
    about = replace(ABOUT, mm_per_pixel=0.01, calibrated=calibrated)
    if kept:
        original = foreign(PixelSpacing=["0.02", "0.02"], PixelSpacingCalibrationType="FIDUCIAL")
        made = dicom.from_dicom(original, about)
    else:
        made = dicom.from_jpeg(encoded("JPEG"), about)
    found = dcmread(io.BytesIO(made))
    assert found.PixelSpacing == [spacing, spacing]
    assert found.get("PixelSpacingCalibrationType") == kind
    read = read_photo(made).dicom
    assert read is not None and read.pixel_spacing_mm == (spacing, spacing)

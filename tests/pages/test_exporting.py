"""A lesion taken away from its page: every photo as DICOM, everything as JSON, visits as CSV."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.components.frame import serving
from pages.components.report import exporting
from pages.components.report.exporting import File
from records.access.sessions import SignedIn
from records.clinic import photos, series
from records.clinic.photos import NewPhoto
from records.clinic.series import NewVisit
from records.clinic.visits import VisitFields
from records.errors import RecordError
from records.keeping import blobs
from skinmodel.drawn import draw_lesion
from skinmodel.images import read_photo
from tests.pages.test_examine import labels, press
from tests.pages.test_records import KEY, MARCH, add_lesion, open_page
from tests.skinmodel.test_dicom import dicom as foreign

SKIN = draw_lesion(3, size=(160, 120))


def stored(form: str, **options: object) -> bytes:
    file = io.BytesIO()
    SKIN.save(file, form, **options)
    return file.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker of Anna"
    return stored("JPEG", exif=exif, quality=95)


def kept(person: SignedIn, *files: tuple[bytes, str, int]) -> str:
    """The id of a lesion with these photos."""
    opened = add_lesion(person)
    new = [
        NewPhoto(data, f"Anna-{n}.jpg", kind, *SKIN.size, orientation=orientation)
        for n, (data, kind, orientation) in enumerate(files)
    ]
    series.save(
        serving.database(),
        serving.store(),
        actor=person.actor,
        lesion_id=opened.lesion.id,
        new=[NewVisit(VisitFields(MARCH, magnification=20), tuple(new))] if new else (),
        save_key=KEY,
    )
    return opened.lesion.id


def make(lesion_id: str, kind: str) -> File:
    return exporting.make(lesion_id, kind, lambda *_: None)


def test_every_photo_becomes_a_dicom_file_that_names_nobody(person: SignedIn) -> None:
    files = (
        (stored("JPEG", comment=b"Anna"), "image/jpeg", 1),
        (turned(), "image/jpeg", 6),
        (stored("PNG"), "image/png", 1),
        (foreign(PatientName="Berg^Anna", PatientID="other"), "application/dicom", 1),
    )
    made = make(kept(person, *files), "dicom")
    assert made.problems == ()
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        found = [archive.read(name) for name in archive.namelist()]
        assert archive.namelist() == ["001.dcm", "002.dcm", "003.dcm", "004.dcm"]
    for data, (original, _, _) in zip(found, files, strict=True):
        assert b"Anna" not in data and b"other" not in data
        photo, before = read_photo(data), read_photo(original)
        assert photo.dicom and photo.dicom.patient_id == "4711"
        assert (photo.taken_on, photo.dicom.magnification) == (MARCH, 20)
        pictures = [np.asarray(one.picture, float) for one in (photo, before)]
        assert pictures[0].shape == pictures[1].shape
        assert np.abs(pictures[0] - pictures[1]).mean() < 2


def test_a_damaged_original_is_named_and_costs_no_other(
    person: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesion_id = kept(person, (stored("JPEG"), "image/jpeg", 1), (stored("PNG"), "image/png", 1))
    read, asked = photos.read, []

    def sometimes(*values: object, **named: object) -> bytes:
        asked.append(named)
        if len(asked) % 2:
            raise blobs.PhotoUnusable("The original file is changed since 3 May 2025.")
        return read(*values, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(photos, "read", sometimes)
    made = make(lesion_id, "dicom")
    sentence = "Photo 1 is not in the file. The original file is changed since 3 May 2025."
    assert made.problems == (sentence,)
    assert zipfile.ZipFile(io.BytesIO(made.data)).namelist() == ["002.dcm"]


def test_a_lesion_without_photos_says_so(person: SignedIn) -> None:
    with pytest.raises(RecordError, match="has no photos"):
        make(kept(person), "dicom")


def test_the_dialog_prepares_and_offers_what_was_chosen(person: SignedIn) -> None:
    lesion_id = kept(person, (stored("JPEG"), "image/jpeg", 1))
    assert "Export" in labels(open_page("lesion", lesion=lesion_id))
    script = f"from pages.components.report import exporting\nexporting.ask({lesion_id!r})"
    page = AppTest.from_string(script, default_timeout=60).run()
    for kind in ("json", "csv", "dicom"):
        page.radio(key="export-kind").set_value(kind).run()
        assert not page.get("download_button")
        page = press(page, "Prepare")
        assert len(page.get("download_button")) == 1
    assert json.loads(make(lesion_id, "json").data)["lesion"]["id"] == lesion_id

"""Outlines drawn on photos larger than they are shown, and sizes in millimetres."""

import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from pages.components.comparison import changelist, comparing
from records.clinic.photos import Photo
from skinmodel.drawn import draw_lesion
from skinmodel.images import Photo as ReadPhoto
from skinmodel.reading.dicom import Dicom

DAY = datetime.datetime(2025, 3, 12, tzinfo=datetime.UTC)
SQUARE = ((400.0, 250.0), (800.0, 250.0), (800.0, 650.0), (400.0, 650.0))
MODEL: Any = SimpleNamespace(sha256="f" * 64)  # not asked: the outline is drawn by hand


def read(picture: Image.Image, spacing: tuple[float, float] | None) -> ReadPhoto:
    dicom = Dicom(pixel_spacing_mm=spacing)
    return ReadPhoto(picture, "a", (1200, 900), None, (), (), dicom=dicom)


def test_an_outline_is_of_the_photo_as_kept_and_not_as_shown() -> None:
    photo = Photo(
        "p", "l", "v", "a" * 64, "a.jpg", "image/jpeg", (1200, 900), 1, None, (), (), DAY, "",
        outline=SQUARE,
    )  # fmt: skip
    reader: Any = None
    found = comparing.examined(reader, MODEL, photo, read(draw_lesion(5), None))  # 600 x 450
    assert found.measures is not None
    assert found.measures.area == pytest.approx(200 * 200, rel=0.02)


def test_millimetres_come_from_a_dicom_file_and_follow_the_reduction() -> None:
    picture = draw_lesion(5)  # half of the 1200 x 900 that the file holds
    assert read(picture, (0.02, 0.02)).mm_per_pixel == pytest.approx(0.04)
    assert read(picture, (0.02, 0.03)).mm_per_pixel is None
    assert read(picture, None).mm_per_pixel is None


def test_millimetres_are_said_only_where_both_files_have_a_scale() -> None:
    one: Any = SimpleNamespace(area=40_000.0, longest=250.0)
    said = changelist.millimetres(["12 Mar 2025", "1 Jun 2025"], [one, one], [0.02, 0.04])
    assert "12 Mar 2025: 5.0 mm across at most, 16.0 mm²." in said
    assert "1 Jun 2025: 10.0 mm across at most, 64.0 mm²." in said
    for scales in ([None, None], [0.02, None]):
        said = changelist.millimetres(["a", "b"], [one, one], scales)
        assert said.startswith("Sizes are relative") and "mm²" not in said

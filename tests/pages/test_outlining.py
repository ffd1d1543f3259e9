"""Outlines drawn on photos larger than they are shown, and the scale in a file."""

import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from pages.components.comparison import comparing
from pages.components.comparison.pairs import Shot
from records.clinic.photos import Photo
from records.clinic.visits import Visit, VisitFields
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
    shot = Shot(Visit("v", "l", VisitFields(), 1), photo)
    found = comparing.examined(reader, MODEL, shot, read(draw_lesion(5), None))  # 600 x 450
    assert found.measures is not None
    assert found.measures.area == pytest.approx(200 * 200, rel=0.02)


def test_millimetres_come_from_a_dicom_file_and_follow_the_reduction() -> None:
    picture = draw_lesion(5)  # half of the 1200 x 900 that the file holds
    assert read(picture, (0.02, 0.02)).mm_per_pixel == pytest.approx(0.04)
    assert read(picture, (0.02, 0.03)).mm_per_pixel is None
    assert read(picture, None).mm_per_pixel is None

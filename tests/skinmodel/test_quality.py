"""Warnings about photos: what is made worse is named, and untouched photos are left in peace."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.quality import WORDS, WORSE, Pixels, said, share
from skinmodel.drawn import draw_series
from skinmodel.quality import faults, measure, photo_warnings

LEAST = {  # of photos made worse that are named
    "blurred, sigma 1 px": 0.9,
    "blurred, sigma 3 px": 0.9,
    "blurred, sigma 8 px": 0.8,
    "a seventh of the light": 0.9,
    "three times the light": 0.75,
    "three bright reflections": 0.9,
    "ink drawn on it": 0.65,
    "a scale drawn on it": 0.75,
    "10 hairs drawn on it": 0.5,
    "20 hairs drawn on it": 0.95,
}


@pytest.fixture(scope="module")
def photos(real_data: Path) -> list[Pixels]:
    """150 public photos, none of which set a limit for sharpness and light."""
    paths = sorted((real_data / "isic2019").glob("*Input/*.jpg"))[7::60]
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


@pytest.fixture(scope="module")
def untouched(photos: list[Pixels]) -> list[str]:
    return said(photos)


@pytest.mark.parametrize("warning", WORDS)
def test_untouched_photos_are_left_in_peace(untouched: list[str], warning: str) -> None:
    assert share(untouched, warning)[0] <= 0.03  # about 2 %, give or take one photo in a hundred


@pytest.mark.parametrize("what", LEAST)
def test_photos_made_worse_are_named(photos: list[Pixels], what: str) -> None:
    warning, make = WORSE[what]
    assert share(said(photos[:60], make), warning)[0] >= LEAST[what]


def test_what_lies_on_a_drawn_lesion_is_named() -> None:
    picture = draw_series(1)[0][0].resize((200, 150), Image.Resampling.BOX)
    plain = [np.asarray(picture)] * 6
    for what in ("ink drawn on it", "a scale drawn on it", "20 hairs drawn on it"):
        warning, make = WORSE[what]
        assert share(said(plain[:1]), warning)[0] == 0
        assert share(said(plain, make), warning)[0] >= 0.5


def test_nothing_to_see_is_said() -> None:
    for grey in (0, 255):
        found = photo_warnings([faults(measure(Image.new("RGB", (300, 200), (grey,) * 3)))])[0]
        assert any("shows little or no lesion" in text for text in found)
        assert any("too dark" in text or "overexposed" in text for text in found)
        assert all(text.startswith("The photo ") for text in found)


def test_size_hardly_matters(photos: list[Pixels]) -> None:
    for photo in photos[:5]:
        small = Image.fromarray(photo)
        large = small.resize((small.width * 8, small.height * 8), Image.Resampling.BICUBIC)
        assert faults(measure(large)) == faults(measure(small))

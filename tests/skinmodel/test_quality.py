"""Warnings about photos: what is made worse is named, and untouched photos are left in peace."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from skinmodel.quality import faults, measure, photo_warnings

Pixels = NDArray[np.uint8]
Make = Callable[[Pixels], Pixels]


def blurred(sigma: float) -> Make:
    return lambda pixels: np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), dtype=np.uint8)


def lit(times: float) -> Make:
    """As if the light were so many times as strong."""

    def make(pixels: Pixels) -> Pixels:
        linear = (pixels / 255) ** 2.2 * times
        return np.asarray((linear.clip(0, 1) ** (1 / 2.2) * 255).round(), dtype=np.uint8)

    return make


def reflecting(pixels: Pixels) -> Pixels:
    """Three bright spots near the middle."""
    changed = pixels.copy()
    height, width = pixels.shape[:2]
    for x, y in ((0.4, 0.4), (0.6, 0.5), (0.5, 0.65)):
        centre = round(width * x), round(height * y)
        cv2.circle(changed, centre, height // 25, (255, 255, 255), -1)
    return np.asarray(cv2.GaussianBlur(changed, (0, 0), 0.7), dtype=np.uint8)


@pytest.fixture(scope="module")
def photos(real_data: Path) -> list[Pixels]:
    """150 public photos, none of which set a limit."""
    paths = sorted((real_data / "isic2019").glob("*Input/*.jpg"))[7::60]
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


def share(photos: list[Pixels], word: str, make: Make = lambda pixels: pixels) -> float:
    said = [" ".join(faults(measure(Image.fromarray(make(photo))))) for photo in photos]
    return sum(word in one for one in said) / len(said)


@pytest.mark.parametrize("word", ["blurred", "dark", "overexposed", "reflections", "little"])
def test_untouched_photos_are_left_in_peace(photos: list[Pixels], word: str) -> None:
    assert share(photos, word) <= 0.03  # about 2 %, give or take one photo in a hundred


@pytest.mark.parametrize(
    ("word", "make", "least"),
    [
        ("blurred", blurred(1.0), 0.9),
        ("blurred", blurred(3.0), 0.9),
        ("blurred", blurred(8.0), 0.8),
        ("dark", lit(0.15), 0.9),
        ("overexposed", lit(3), 0.75),
        ("reflections", reflecting, 0.9),
    ],
)
def test_photos_made_worse_are_named(
    photos: list[Pixels], word: str, make: Make, least: float
) -> None:
    assert share(photos[:60], word, make) >= least


def test_nothing_to_see_is_said() -> None:
    for grey in (0, 255):
        said = photo_warnings([faults(measure(Image.new("RGB", (300, 200), (grey,) * 3)))])[0]
        assert any("shows little or no lesion" in text for text in said)
        assert any("too dark" in text or "overexposed" in text for text in said)
        assert all(text.startswith("The photo ") for text in said)


def test_size_hardly_matters(photos: list[Pixels]) -> None:
    for photo in photos[:5]:
        small = Image.fromarray(photo)
        large = small.resize((small.width * 8, small.height * 8), Image.Resampling.BICUBIC)
        assert faults(measure(large)) == faults(measure(small))

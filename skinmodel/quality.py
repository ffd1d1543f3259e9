"""Is the photo sharp, well lit, and the lesion in free view? Warnings a photographer can act on.

Everything is measured at the size of the public photos, 150 pixels on the short side, inside the
ellipse that touches the edges, so that dark corners of a dermatoscope do not count.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skinmodel.markings import ink, scale_ticks
from skinmodel.occlusion import hair

SHORT_SIDE = 150  # pixels
# Limits set on 500 public photos so that each warns about 1 % of them or fewer. What they do to
# other photos, as they are and made worse, is measured by `python -m benchmarks quality`.
BLURRED, SMEARED = -0.22, -3.10
DARK, BRIGHT = 95.0, 225.0
BURNT = 0.02
GLARE = 0.002
LITTLE = 0.06
INKED = 0.001
TICKS = 4
HAIRY = 0.065

Field = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What is measured of one photo.

    `sharpness`: logarithm of the finest detail's energy over that of the next coarser; `detail`:
    over that of all up to a fourfold coarser, which tells heavy blur.
    `brightness`: median grey, 0 to 255. `burnt`: share of pixels with no colour left, all white.
    `glare`: share that is nearly white and far brighter than the photo's middle.
    `lesion`: share that differs in colour from the skin around it. `ink`: share that looks drawn
    with a skin marker. `ticks`: how many stand in a row as on a ruler. `hair`: share under hair.
    """

    sharpness: float
    detail: float
    brightness: float
    burnt: float
    glare: float
    lesion: float
    ink: float
    ticks: int
    hair: float


def measure(picture: Image.Image) -> Quality:
    """The measures of an upright RGB picture."""
    pixels = np.asarray(_small(picture))
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    away = _from_centre(grey.shape)
    seen = away < 0.85  # of the ellipse, clear of a vignette's soft edge
    fine = cv2.GaussianBlur(grey, (0, 0), 1)
    finest = _energy(grey - fine, seen)
    middle = float(np.median(grey[seen]))
    red, green, blue = cv2.split(pixels)
    darkest = np.minimum(np.minimum(red, green), blue)
    white = darkest >= 235
    return Quality(
        sharpness=math.log(finest / _energy(fine - cv2.GaussianBlur(grey, (0, 0), 2), seen)),
        detail=math.log(finest / _energy(fine - cv2.GaussianBlur(grey, (0, 0), 6), seen)),
        brightness=middle,
        burnt=float((darkest >= 250)[seen].mean()),
        glare=float((white & (grey > middle + 45))[seen].mean()),
        lesion=_lesion(pixels, away, seen),
        ink=ink(pixels, away),
        ticks=scale_ticks(pixels),
        hair=float(hair(pixels)[seen].mean()),
    )


def faults(quality: Quality) -> tuple[str, ...]:
    """What is wrong with a photo and what to do, each to follow its name: "is blurred: …"."""
    found = []
    if quality.sharpness < BLURRED or quality.detail < SMEARED:
        found.append("is blurred: hold the dermatoscope still and focus again.")
    if quality.brightness < DARK:
        found.append("is too dark: turn the dermatoscope's light up, or expose longer.")
    elif quality.brightness > BRIGHT or quality.burnt > BURNT:
        found.append("is overexposed: turn the light down, or expose for a shorter time.")
    elif quality.glare > GLARE:
        found.append("has bright reflections: use contact fluid or polarised light.")
    if quality.lesion < LITTLE:
        found.append("shows little or no lesion: move closer and centre it.")
    if quality.ink > INKED:
        found.append("shows ink on the skin: wipe it off, or take the photo before marking.")
    if quality.ticks >= TICKS:
        found.append("shows a scale or ruler: take one photo without it.")
    if quality.hair > HAIRY:
        found.append("has hair over the lesion: part it, or press it flat with contact fluid.")
    return tuple(found)


def photo_warnings(found: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """The `faults` of each photo of a series as whole sentences that name it by its number."""
    names = [f"Photo {i}" for i in range(1, len(found) + 1)] if found[1:] else ["The photo"]
    return tuple(
        tuple(f"{name} {fault}" for fault in each) for name, each in zip(names, found, strict=True)
    )


def _small(picture: Image.Image) -> Image.Image:
    ratio = SHORT_SIDE / min(picture.size)
    size = max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio))
    if size == picture.size:
        return picture
    return picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=3)


def _from_centre(shape: tuple[int, ...]) -> Field:
    """Squared distance from the middle (h, w): 1 on the ellipse that touches the edges."""
    height, width = shape[:2]
    rows, columns = np.ogrid[0:height, 0:width]
    down = (rows + 0.5) / height * 2 - 1
    across = (columns + 0.5) / width * 2 - 1
    return np.asarray(down**2 + across**2, dtype=np.float32)


def _energy(detail: Field, seen: NDArray[np.bool_]) -> float:
    return float(np.square(detail[seen]).mean()) + 1e-3


def _lesion(pixels: NDArray[np.uint8], away: Field, seen: NDArray[np.bool_]) -> float:
    soft = cv2.GaussianBlur(pixels, (0, 0), 1.5)
    lab = cv2.cvtColor(soft, cv2.COLOR_RGB2LAB).astype(np.float32)
    skin = np.median(lab[seen & (away > 0.6)], axis=0)
    light, green, blue = cv2.split(np.square(lab - skin))
    return float((0.6 * light + green + blue > 12**2)[seen].mean())

"""Photographs a lesion again, and makes it grow by a known amount.

No public photos show one lesion growing with dates. What a comparison finds can therefore be tested
only on lesions changed by a known map.
"""

from io import BytesIO
from math import cos, exp, log, radians, sin

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from skinmodel.outline import Mask

Pixels = NDArray[np.uint8]
# Around a growing lesion, in its radii: its blurred rim grows along, the skin beyond gives way.
RIM, BAND = 0.35, 0.6


def rephotographed(pixels: Pixels, random: Generator) -> Pixels:
    """The same skin again: turned, nearer or farther by a tenth, shifted, other light and focus.

    With noise of its own, and stored as JPEG.
    """
    height, width = pixels.shape[:2]
    angle, scale = radians(random.normal(0, 15)), exp(random.uniform(log(0.9), log(1.1)))
    turn = scale * np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    centre = np.array([width - 1, height - 1]) / 2
    shift = random.uniform(-0.06, 0.06, size=2) * (width, height)
    matrix = np.column_stack([turn, centre + shift - turn @ centre])
    moved = cv2.warpAffine(
        pixels,
        matrix,
        (width, height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    light = random.uniform(0.88, 1.12) * random.uniform(0.96, 1.04, size=3)
    lit = np.clip(moved * light + random.uniform(-8, 8), 0, 255).astype(np.uint8)
    seen = cv2.GaussianBlur(lit, (0, 0), random.uniform(0.3, 0.8))
    # Without noise of its own a photo would be aligned by the first one's.
    noise = random.normal(0, random.uniform(1, 2.5), seen.shape)
    noisy = np.clip(seen + noise, 0, 255).round().astype(np.uint8)
    quality = int(random.integers(85, 96))
    with BytesIO() as stored:
        Image.fromarray(noisy).save(stored, "JPEG", quality=quality)
        return np.array(Image.open(stored))


def grown(
    pixels: Pixels, mask: Mask, area: float, *, towards: float | None = None
) -> tuple[Pixels, Mask]:
    """The lesion enlarged by the fraction `area`, or smaller if negative; its true new outline.

    The rim grows along, and the skin beyond gives way smoothly: a rim pressed together would make
    the border look farther out than it is. With `towards`, an angle in radians, it grows there
    only, and by less than `area` in all: the returned mask has the true size.
    """
    height, width = mask.shape
    moments = cv2.moments(mask.astype(np.uint8), binaryImage=True)
    centre = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    radius = float(np.sqrt(mask.sum() / np.pi))
    y, x = np.mgrid[:height, :width].astype(np.float64)
    by = np.stack([x - centre[0], y - centre[1]], axis=-1)
    most = np.sqrt(1 + area)
    factor = np.full(mask.shape, most)
    if towards is not None:
        toward = np.arctan2(by[..., 1], by[..., 0]) - towards
        factor = 1 + (most - 1) * np.exp(3 * (np.cos(toward) - 1))

    def source(factor: NDArray[np.float64]) -> NDArray[np.float32]:
        return (by / factor[..., None] + centre).astype(np.float32)

    wide = source(factor)
    new = cv2.remap(mask.astype(np.float32), wide, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
    outside = cv2.distanceTransform((new <= 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    fading = np.clip(1 - (outside / radius - RIM) / BAND, 0, 1)
    fading = fading**2 * (3 - 2 * fading)
    at = source(1 + (factor - 1) * fading)
    moved = cv2.remap(pixels, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)  # type: ignore[call-overload]
    return np.asarray(moved, dtype=np.uint8), np.asarray(new > 0.5)


def stained(
    pixels: Pixels, mask: Mask, shift: NDArray[np.float64], towards: float
) -> tuple[Pixels, float]:
    """Half of the lesion in another colour, and by how much that moves its mean colour (CIE 1976).

    `shift` (3,) in CIE L*a*b*; the half lies `towards` an angle in radians.
    """
    height, width = mask.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    centre = np.argwhere(mask).mean(axis=0)
    inside = ((x - centre[1]) * cos(towards) + (y - centre[0]) * sin(towards) > 0) & mask
    # Soft where it ends, as pigment does; and not on the border, which it would move.
    deep = cv2.erode(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    share = cv2.GaussianBlur((inside & deep).astype(np.float32), (0, 0), 2.0)[..., None]
    before = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    after = before + share * shift.astype(np.float32)
    changed = cv2.cvtColor(after, cv2.COLOR_Lab2RGB).clip(0, 1)
    seen = cv2.cvtColor(changed, cv2.COLOR_RGB2Lab)  # what lies outside sRGB was cut off
    moved = float(np.linalg.norm((seen - before)[mask].mean(axis=0)))
    return (changed * 255).round().astype(np.uint8), moved

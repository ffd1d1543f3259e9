"""Random changes that leave the diagnosis as it is: how the photo was taken, stored and resized.

OpenCV does the pixel work: it is fast on one thread and gives up the interpreter lock. All colour
changes are one 3x4 matrix; hue alone would cost eight times the rest of torchvision's ColorJitter.
"""

from math import cos, exp, radians, sin

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
FILTERS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_LANCZOS4)
LUMA = np.array([0.299, 0.587, 0.114])


def augment(pixels: Pixels, size: int, random: Generator, strength: float = 1.0) -> Pixels:
    """One photo (h, w, 3) at the training scale to a changed one (size, size, 3).

    `strength` 0 only mirrors it and turns it by quarters; 2 changes twice as much and as often.
    """
    if random.random() < 0.25 * strength:
        pixels = _stored_otherwise(pixels, random)
    changed = _crop_and_turn(pixels, size, random, strength)
    changed = recolour(changed, random, strength)
    if random.random() < 0.15 * strength:
        changed = _sharpen_or_blur(changed, random)
    return changed


def _stored_otherwise(pixels: Pixels, random: Generator) -> Pixels:
    """As if exported at another size by another filter, as a JPEG of another quality."""
    height, width = pixels.shape[:2]
    scale = exp(random.uniform(np.log(0.6), np.log(2.5)))
    there = FILTERS[random.integers(len(FILTERS))]
    size = round(width * scale), round(height * scale)
    other = np.asarray(cv2.resize(pixels, size, interpolation=there), dtype=np.uint8)
    if random.random() < 0.6:
        quality = int(random.integers(60, 96))
        _, stored = cv2.imencode(".jpg", other, [cv2.IMWRITE_JPEG_QUALITY, quality])
        other = np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), dtype=np.uint8)
    back = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(other, (width, height), interpolation=back), dtype=np.uint8)


def _crop_and_turn(pixels: Pixels, size: int, random: Generator, strength: float) -> Pixels:
    """A part of the photo, stretched and turned a little, then flipped and turned by quarters."""
    height, width = pixels.shape[:2]
    side = random.uniform(1 - 0.4 * strength, 1.0) ** 0.5
    stretch = exp(strength * random.uniform(-0.12, 0.12))
    crop_w, crop_h = min(1.0, side * stretch) * width, min(1.0, side / stretch) * height
    centre_x = random.uniform(crop_w / 2, width - crop_w / 2)
    centre_y = random.uniform(crop_h / 2, height - crop_h / 2)
    angle = radians(strength * random.uniform(-20, 20)) if random.random() < 0.3 else 0.0
    step_x, step_y = crop_w / size, crop_h / size
    # From output pixel to source pixel, about the crop's centre.
    turn = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]]) @ np.diag(
        [step_x, step_y]
    )
    middle = (size - 1) / 2
    shift = np.array([centre_x - 0.5, centre_y - 0.5]) - turn @ np.array([middle, middle])
    square = cv2.warpAffine(
        pixels,
        np.column_stack([turn, shift]),
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    if random.random() < 0.5:
        square = square[:, ::-1]
    return np.ascontiguousarray(np.rot90(square, int(random.integers(4))))


def recolour(pixels: Pixels, random: Generator, strength: float = 1.0) -> Pixels:
    """Other light: white balance, saturation, contrast, brightness, gamma."""
    saturation = 1 + strength * random.uniform(-0.15, 0.15)
    matrix = saturation * np.eye(3) + (1 - saturation) * np.tile(LUMA, (3, 1))
    contrast = 1 + strength * random.uniform(-0.15, 0.18)
    balance = 1 + strength * random.uniform(-0.08, 0.08, size=3)
    matrix = contrast * balance[:, None] * matrix
    # 140: skin's mid grey in these photos
    offset = (1 - contrast) * 140 + strength * random.uniform(-18, 18)
    changed = cv2.transform(pixels, np.column_stack([matrix, np.full(3, offset)]))
    if random.random() < 0.5:
        gamma = exp(strength * random.uniform(-0.15, 0.15))
        table = (np.linspace(0, 1, 256) ** gamma * 255).round().astype(np.uint8)
        changed = cv2.LUT(changed, table)
    return np.asarray(changed, dtype=np.uint8)


def _sharpen_or_blur(pixels: Pixels, random: Generator) -> Pixels:
    """Blend with a blurred copy, towards it (blur) or away from it (sharpening)."""
    blurred = cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.6, 1.4))
    amount = random.uniform(-1.0, 1.0)
    return np.asarray(cv2.addWeighted(pixels, 1 - amount, blurred, amount, 0), dtype=np.uint8)

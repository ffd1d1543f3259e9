"""Photos with their outlines drawn by people, as pairs of equal changes for training."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import cos, exp, radians, sin
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from training.data.manifest import InvalidData
from training.learning.augment import recolour
from training.learning.dataset import Cache

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Examples:
    """Outlines as uint8 masks (h, w), 255 = lesion, of the photos at the same cache indices."""

    photos: tuple[int, ...]
    masks: tuple[Pixels, ...]
    lesions: tuple[str, ...]


def read_masks(folder: Path, images: Sequence[str]) -> list[Pixels | None]:
    """The outline `<image>.png` of each photo, or None where there is none.

    InvalidData lists files that are no pictures.
    """
    masks: list[Pixels | None] = []
    bad = []
    for image in images:
        path = folder / f"{image}.png"
        if not path.is_file():
            masks.append(None)
            continue
        try:
            with Image.open(path, formats=["PNG"]) as picture:
                masks.append(np.asarray(picture.convert("L")))
        except (OSError, ValueError) as error:
            bad.append(f"The outline {path.name} cannot be read: {error}")
    if bad:
        raise InvalidData(bad)
    return masks


def batches(
    examples: Examples,
    cache: Cache,
    *,
    size: tuple[int, int],
    batch: int,
    random: Generator,
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch: pixels (N, 3, h, w) uint8 and masks (N, 1, h, w) in [0, 1], prepared ahead.

    `size` is (h, w). A last batch of less than half is left out, for batch norm's sake.
    """
    cv2.setNumThreads(1)
    order = random.permutation(len(examples.photos))
    parts = [order[i : i + batch] for i in range(0, len(order), batch)]
    if len(parts) > 1 and len(parts[-1]) < batch // 2:
        parts.pop()
    seeds = random.integers(2**63, size=len(parts))

    def load(part: NDArray[np.int64], seed: int) -> tuple[Tensor, Tensor]:
        own = np.random.default_rng(seed)
        pairs = [changed(cache[examples.photos[i]], examples.masks[i], size, own) for i in part]
        pixels = torch.from_numpy(np.stack([p for p, _ in pairs])).permute(0, 3, 1, 2)
        masks = torch.from_numpy(np.stack([m for _, m in pairs]))[:, None].float() / 255
        return pixels, masks

    with ThreadPoolExecutor(1) as pool:
        ahead = [pool.submit(load, p, int(s)) for p, s in zip(parts[:2], seeds[:2], strict=True)]
        for place in range(len(parts)):
            if place + 2 < len(parts):
                ahead.append(pool.submit(load, parts[place + 2], int(seeds[place + 2])))
            yield ahead.pop(0).result()


def changed(
    pixels: Pixels, mask: Pixels, size: tuple[int, int], random: Generator
) -> tuple[Pixels, Pixels]:
    """A photo and its outline, turned, scaled, shifted and flipped alike; other light, hair."""
    height, width = pixels.shape[:2]
    to_h, to_w = size
    zoom = exp(random.uniform(-0.35, 0.25))  # below 1: a part fills the picture
    angle = radians(random.uniform(-180, 180) if random.random() < 0.3 else random.normal(0, 8))
    flip = random.choice([-1.0, 1.0], size=2)
    scale = np.diag([width / to_w * zoom * flip[0], height / to_h * zoom * flip[1]])
    turn = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]]) @ scale
    centre = np.array([width, height]) * (0.5 + random.uniform(-0.12, 0.12, size=2)) - 0.5
    shift = centre - turn @ np.array([(to_w - 1) / 2, (to_h - 1) / 2])
    matrix = np.column_stack([turn, shift])
    moved, outline = (
        cv2.warpAffine(
            each,
            matrix,
            (to_w, to_h),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        for each in (pixels, mask)
    )
    seen = recolour(np.asarray(moved, dtype=np.uint8), random)
    if random.random() < 0.15:
        seen = _with_hair(seen, random)
    if random.random() < 0.1:
        seen = _with_dark_corners(seen, random)
    return seen, np.asarray(outline, dtype=np.uint8)


def _with_hair(pixels: Pixels, random: Generator) -> Pixels:
    """A few dark strands across the photo."""
    height, width = pixels.shape[:2]
    drawn = np.ascontiguousarray(pixels)
    for _ in range(random.integers(2, 9)):
        start, bend, end = random.uniform(-0.1, 1.1, size=(3, 2)) * (width, height)
        t = np.linspace(0, 1, 12)[:, None]
        curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
        colour = tuple(int(c) for c in random.integers(10, 70, size=3))
        cv2.polylines(drawn, [curve.round().astype(np.int32)], False, colour, 1, cv2.LINE_AA)
    return drawn


def _with_dark_corners(pixels: Pixels, random: Generator) -> Pixels:
    """The black frame around a dermatoscope's round field of view."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width]
    radius = random.uniform(0.5, 0.62) * width
    inside = (x - width / 2) ** 2 + (y - height / 2) ** 2 < radius**2
    return np.where(inside[..., None], pixels, 8).astype(np.uint8)

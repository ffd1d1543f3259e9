"""Where two aligned photos of a lesion differ in colour, with the light evened out."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skinmodel.occlusion import corners, hidden
from skinmodel.outline import Mask, Outline
from skinmodel.registration import Registration

Array = NDArray[np.float64]
Map = NDArray[np.float32]

SIDE = 300  # pixels, short side of the map
BLUR = 2.5  # pixels; what remains of a misalignment is smaller
MARGIN = 9  # pixels around an outline that are not yet skin
LEAST_SKIN = 400  # pixels, to tell the light by


def difference(
    before: tuple[Image.Image, Outline | None],
    after: tuple[Image.Image, Outline | None],
    registration: Registration,
) -> Map:
    """Colour differences (h, w), CIE 1976, over the whole earlier photo; NaN where unknown.

    Unknown is what only one of the photos shows, or hides under hair beside the lesion. The light
    is told by the skin outside both outlines, or by everything where there is too little.
    `registration` lays the later photo on the earlier one; ValueError if it is a refusal.
    """
    if registration.matrix is None:
        raise ValueError(registration.refusal)
    ratio = SIDE / min(before[0].size)
    size = round(before[0].width * ratio), round(before[0].height * ratio)
    moves = np.eye(3), np.vstack([registration.matrix, [0.0, 0.0, 1.0]])
    one, other = (
        _seen(*photo, _scaling(ratio) @ move, size)
        for photo, move in zip((before, after), moves, strict=True)
    )
    known = one[1] & other[1]
    lesion = (one[2] | other[2]).astype(np.uint8)
    skin = known & (cv2.dilate(lesion, np.ones((2 * MARGIN + 1,) * 2, np.uint8)) == 0)
    change = other[0] - one[0]
    change -= _light(change, skin if skin.sum() >= LEAST_SKIN else known)
    shares = cv2.GaussianBlur(known.astype(np.float32), (0, 0), BLUR)[..., None]
    smooth = cv2.GaussianBlur(np.where(known[..., None], change, 0), (0, 0), BLUR)
    distance = np.linalg.norm(smooth / np.maximum(shares, 1e-3), axis=2)
    return np.where(known, distance, np.nan).astype(np.float32)


def _seen(
    picture: Image.Image, outline: Outline | None, move: Array, size: tuple[int, int]
) -> tuple[Map, Mask, Mask]:
    """A moved photo: CIE L*a*b* (h, w, 3), where its skin is in sight, and where lesion is.

    `move` (3, 3) takes the photo's own pixels to the map's.
    """
    ratio = SIDE / min(picture.size)  # reduced first: warping skips a large photo's pixels
    small = np.array(
        picture.resize(
            (round(picture.width * ratio), round(picture.height * ratio)),
            Image.Resampling.BILINEAR,
        )
    )
    place = (move @ np.linalg.inv(_scaling(ratio)))[:2]
    moved = np.asarray(cv2.warpAffine(small, place, size, flags=cv2.INTER_LINEAR), dtype=np.uint8)
    inside = cv2.warpAffine(np.ones(small.shape[:2], np.uint8), place, size)
    lesion = np.zeros(inside.shape, dtype=np.uint8)
    if outline is not None:
        left, top, right, _bottom = outline.frame
        unit = (right - left) / outline.mask.shape[1]
        from_mask = _scaling(unit) + np.array([[0, 0, left], [0, 0, top], [0, 0, 0]])
        cv2.warpAffine(
            outline.mask.astype(np.uint8), (move @ from_mask)[:2], size, dst=lesion,
            flags=cv2.INTER_NEAREST,
        )  # fmt: skip
    lab = cv2.cvtColor(moved.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    # Not `hidden` on the lesion: a pigment network looks like hair.
    hair = hidden(moved) & (lesion == 0)
    return np.asarray(lab), (inside > 0) & ~corners(moved) & ~hair, lesion > 0


def _light(change: Map, skin: Mask) -> Map:
    """What other light alone does to each channel: a plane through the skin's differences."""
    height, width = skin.shape
    down, across = np.mgrid[0:height, 0:width].astype(np.float32) / SIDE
    plane = np.stack([np.ones_like(across), across, down], axis=2)  # (h, w, 3)
    if not skin.any():
        return np.zeros_like(change)
    fit, *_ = np.linalg.lstsq(plane[skin], change[skin], rcond=None)
    light: Map = (plane @ fit).astype(np.float32)
    return light


def _scaling(ratio: float) -> Array:
    """From a photo's pixels to those of the photo scaled; pixel centres lie at half integers."""
    return np.array([[ratio, 0, (ratio - 1) / 2], [0, ratio, (ratio - 1) / 2], [0, 0, 1.0]])

"""What can be measured on one outlined lesion: size, shape and colour.

Lengths are in pixels of the photo; `compare` in changes.py brings two photos to one scale. None of
these numbers comes from the classifier.
"""

from dataclasses import dataclass
from math import pi, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skinmodel.occlusion import hidden
from skinmodel.outline import Mask, Outline

Array = NDArray[np.float64]

# Typical colours of the dermoscopic ABCD rule (Stolz et al. 1994), as CIE L*a*b* differences from
# the surrounding skin: white is lighter, red is redder, the others darker in this order.
PALETTE = {
    "white": (14.0, -10.0, -8.0),
    "red": (-18.0, 24.0, 8.0),
    "light brown": (-16.0, 0.0, 8.0),
    "dark brown": (-41.0, -2.0, -2.0),
    "blue-grey": (-27.0, -14.0, -26.0),
    "black": (-60.0, -12.0, -14.0),
}
COLOUR_SHARE = 0.05  # of the lesion's area that makes a colour count
ANGLES = np.deg2rad(np.arange(0, 180, 2))


class NotMeasurable(ValueError):
    """A lesion cannot be measured; the text says why, in one sentence."""


@dataclass(frozen=True)
class Measures:
    """One lesion in one photo.

    `area` in square pixels; `longest` and `shortest` diameter (Feret) in pixels, all of the
    photo's own pixels. `asymmetry`: area that the lesion and its mirror image do not share, over
    its area, mean of both principal axes: 0 is symmetric. `irregularity`: how much longer the
    border is than that of an ellipse of the same diameters and area: 0 is smooth. `colours`: those
    of the ABCD rule seen on at least 5 % of the lesion. `tone` (3,): mean CIE L*a*b* of the lesion
    less that of the skin around it.
    """

    area: float
    longest: float
    shortest: float
    asymmetry: float
    irregularity: float
    colours: tuple[str, ...]
    tone: tuple[float, float, float]


def measure(picture: Image.Image, outline: Outline) -> Measures:
    """The measures of an outlined lesion in an upright RGB photo.

    NotMeasurable if nothing was outlined or the lesion reaches the edge of the photo.
    """
    mask = outline.mask
    if not mask.any():
        raise NotMeasurable("No lesion was found in this photo.")
    if touches_edge(mask):
        raise NotMeasurable("The lesion reaches the edge of this photo, so it cannot be measured.")
    left, _top, right, _bottom = outline.frame
    unit = (right - left) / mask.shape[1]  # the photo's pixels per pixel of the mask
    border = _smooth_border(mask)
    area = float(cv2.contourArea(border.astype(np.float32)))
    widths = np.ptp(border @ np.stack([np.cos(ANGLES), np.sin(ANGLES)]), axis=0)
    longest, shortest = float(widths.max()), float(widths.min())
    pixels = _framed(picture, outline)
    tones, skin = _tones(pixels, mask)
    lesion = tones[mask & ~hidden(pixels)]
    if not len(lesion):
        raise NotMeasurable("Hair or dark corners hide the lesion in this photo.")
    mean = (lesion - skin).mean(axis=0)
    return Measures(
        area=area * unit**2,
        longest=longest * unit,
        shortest=shortest * unit,
        asymmetry=_asymmetry(mask),
        irregularity=_irregularity(border, area, longest),
        colours=_colours(lesion - skin),
        tone=(float(mean[0]), float(mean[1]), float(mean[2])),
    )


def touches_edge(mask: Mask) -> bool:
    """Whether more than a few pixels of the lesion lie on the photo's edge."""
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return int(edge.sum()) > 4


def contour(outline: Outline) -> Array:
    """The outline's smooth border (N, 2) on the photo, where whole numbers are corners of pixels.

    Empty if nothing was outlined.
    """
    if not outline.mask.any():
        return np.zeros((0, 2))
    left, top, right, _bottom = outline.frame
    unit = (right - left) / outline.mask.shape[1]
    return (_smooth_border(outline.mask) + 0.5) * unit + np.array([left, top])


def corners(outline: Outline) -> Array:
    """The border as a polygon with few points (N, 2), to be corrected by hand."""
    border = contour(outline)
    if not len(border):
        return border
    closed = border.astype(np.float32)[:, None]
    return np.asarray(
        cv2.approxPolyDP(closed, 0.004 * cv2.arcLength(closed, True), True)[:, 0], dtype=np.float64
    )


def _smooth_border(mask: Mask) -> Array:
    """The border as points (N, 2), of the mask blurred so that pixel steps do not count."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2.0)
    edges, _ = cv2.findContours(
        (soft > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    border = max(edges, key=cv2.contourArea)[:, 0].astype(np.float64)
    # A moving average over 9 points takes out what is left of the pixel grid.
    ends = np.concatenate([border[-4:], border, border[:4]])
    kernel = np.full(9, 1 / 9)
    smooth = np.column_stack([np.convolve(ends[:, i], kernel, mode="valid") for i in (0, 1)])
    # Contours run through the centres of the border pixels: half a pixel inside the true border.
    centre = smooth.mean(axis=0)
    outward = smooth - centre
    return smooth + outward / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9) / 2


def _irregularity(border: Array, area: float, longest: float) -> float:
    """Length of the border over that of an ellipse of this area and longest diameter, less 1."""
    length = float(cv2.arcLength(border.astype(np.float32)[:, None], True))
    a = longest / 2
    b = min(a, area / (pi * a))
    h = ((a - b) / (a + b)) ** 2
    ellipse = pi * (a + b) * (1 + 3 * h / (10 + sqrt(4 - 3 * h)))  # Ramanujan 1914
    return max(0.0, length / ellipse - 1)


def _asymmetry(mask: Mask) -> float:
    """Mean over both principal axes of what a fold along the axis leaves uncovered."""
    moments = cv2.moments(mask.astype(np.uint8), binaryImage=True)
    centre = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    angle = 0.5 * np.arctan2(2 * moments["mu11"], moments["mu20"] - moments["mu02"])
    left_over = []
    for axis in (angle, angle + pi / 2):
        c, s = np.cos(2 * axis), np.sin(2 * axis)
        flip = np.array([[c, s], [s, -c]])
        matrix = np.column_stack([flip, centre - flip @ centre])
        height, width = mask.shape
        mirrored = cv2.warpAffine(
            mask.astype(np.uint8), matrix, (width, height), flags=cv2.INTER_NEAREST
        ).astype(bool)
        left_over.append(float((mask ^ mirrored).sum()) / 2 / float(mask.sum()))
    return float(np.mean(left_over))


def _framed(picture: Image.Image, outline: Outline) -> NDArray[np.uint8]:
    """The photo in the mask's own pixels."""
    height, width = outline.mask.shape
    return np.array(picture.resize((width, height), Image.Resampling.BILINEAR, box=outline.frame))


def _tones(pixels: NDArray[np.uint8], mask: Mask) -> tuple[Array, Array]:
    """CIE L*a*b* of every pixel (h, w, 3), and the median of the skin around the lesion (3,).

    The skin's median brings photos under different light together.
    """
    blurred = cv2.GaussianBlur(pixels, (0, 0), 1.5)
    lab = cv2.cvtColor(blurred.astype(np.float32) / 255, cv2.COLOR_RGB2Lab).astype(np.float64)
    width = max(5, round(0.12 * sqrt(float(mask.sum()))))
    near = cv2.dilate(mask.astype(np.uint8), _disc(width)).astype(bool)
    far = cv2.dilate(mask.astype(np.uint8), _disc(3 * width)).astype(bool)
    ring = far & ~near & ~hidden(pixels)
    if ring.sum() < 50:
        ring = ~near & ~hidden(pixels)
    if ring.sum() < 50:
        raise NotMeasurable("Too little skin around the lesion is in this photo.")
    return lab, np.median(lab[ring], axis=0)


def _disc(radius: int) -> NDArray[np.uint8]:
    shape = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(shape, dtype=np.uint8)


def _colours(tones: Array) -> tuple[str, ...]:
    """Names of the palette nearest to at least 5 % of the lesion's pixels (N, 3)."""
    palette = np.array(list(PALETTE.values()))
    distance = np.linalg.norm(tones[:, None] - palette[None], axis=2)  # (N, 6)
    # Pixels that look like the skin itself are no colour of the lesion.
    near_skin = np.linalg.norm(tones, axis=1) < distance.min(axis=1)
    share = np.bincount(distance.argmin(axis=1)[~near_skin], minlength=len(palette)) / len(tones)
    names = list(PALETTE)
    return tuple(names[i] for i in range(len(names)) if share[i] >= COLOUR_SHARE)

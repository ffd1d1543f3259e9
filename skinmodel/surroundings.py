"""Lays a photo on another by the skin around the lesion alone.

A lesion that grew evenly looks like one photographed from nearer: its own features would pull the
scale along and hide the growth. Only skin tells the two apart. The scale is searched about the
lesion's centre, then position, angle and scale are fitted on the skin's pixels (Lucas, Kanade 1981)
with weights that leave out what does not agree (Cauchy's), such as skin that gave way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from skinmodel.registration import TOLERANCE, Array, Mask, Prepared, coarse_similarity, matches

Pixels = NDArray[np.float32]

MARGIN = 0.3  # around an outline, in radii: moves with the lesion rather than with the skin
SWEEP = np.exp(np.arange(-0.30, 0.301, 0.02))  # factors of the first estimate's scale
COARSE, FINE = (2.5, 10.0), (1.0, 6.0)  # pixels, the band of detail that is aligned
FINALISTS = 3
STEPS = 20
# Of a photo. Beside a larger lesion all skin in sight may have moved along with it: of simulated
# growth up to here at most 4 % of area is taken for a photo from nearer, beyond it all of it.
LARGEST = 0.36
LEAST_SKIN = 2000  # pixels, of some 120,000
# Correlation of the skin's fine detail after alignment. From here the scale of simulated pairs is
# right to half a percent, also of blurred and noisy ones; below 0.4 it is often wrong by as much as
# the lesion grew.
LEAST_AGREEMENT = 0.45


@dataclass(frozen=True)
class Skin:
    """A photo's skin, made ready: detail of two sizes, zero where there is no skin to see."""

    seen: Pixels = field(repr=False)
    coarse: Pixels = field(repr=False)
    fine: Pixels = field(repr=False)


def align_by_skin(
    photo: Prepared, lesion: Mask, reference: Prepared, reference_lesion: Mask, first: Array
) -> Array | None:
    """The similarity (2, 3) in prepared pixels, or None where too little skin agrees.

    `first` is an estimate whose scale may be wrong by a third. Masks are of the prepared size.
    """
    if max(lesion.mean(), reference_lesion.mean()) > LARGEST:
        return None
    there, here = _skin(photo, lesion), _skin(reference, reference_lesion)
    guesses = [*_by_points(photo, there, reference, here), *_sweep(first, lesion)]
    scores = [_agreement(guess, there.coarse, there, here.coarse, here) for guess in guesses]
    found: tuple[float, Array] | None = None
    for place in np.argsort(scores)[::-1][:FINALISTS]:
        fitted: Array | None = guesses[place]
        for band in ("coarse", "fine"):
            if fitted is not None:
                fitted = _fit(fitted, getattr(there, band), there, getattr(here, band), here)
        if fitted is None:
            continue
        score = _agreement(fitted, there.fine, there, here.fine, here)
        if found is None or score > found[0]:
            found = score, fitted
    return found[1] if found is not None and found[0] >= LEAST_AGREEMENT else None


def _skin(photo: Prepared, lesion: Mask) -> Skin:
    radius = max(4, round(MARGIN * float(np.sqrt(lesion.sum() / np.pi))))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    near = cv2.dilate(lesion.astype(np.uint8), disc) > 0
    seen = (photo.usable & ~near).astype(np.float32)
    return Skin(seen, _detail(photo.grey, seen, *COARSE), _detail(photo.grey, seen, *FINE))


def _detail(grey: NDArray[np.uint8], seen: Pixels, small: float, large: float) -> Pixels:
    """What is larger than `small` and smaller than `large`, evened out, from the skin alone."""

    def mean(values: Pixels, width: float) -> Pixels:
        weight = np.maximum(cv2.GaussianBlur(seen, (0, 0), width), 1e-3)
        return np.asarray(cv2.GaussianBlur(values * seen, (0, 0), width) / weight)

    pixels = grey.astype(np.float32)
    band = (mean(pixels, small) - mean(pixels, large)) * seen
    return np.asarray(band / (np.sqrt(mean(band**2, 2 * large)) + 1.0) * seen)


def _by_points(photo: Prepared, there: Skin, reference: Prepared, here: Skin) -> Sequence[Array]:
    """The similarity that the keypoints on skin agree on, if there is one."""
    one, other = _on(photo.points, there.seen), _on(reference.points, here.seen)
    pairs = matches(photo.descriptors[one], reference.descriptors[other])
    found = coarse_similarity(
        photo.points[one][pairs[:, 0]], reference.points[other][pairs[:, 1]], TOLERANCE
    )
    return [] if found is None else [found[0]]


def _on(points: Array, seen: Pixels) -> Mask:
    """Which points (N, 2) lie on seen skin."""
    height, width = seen.shape
    at = np.clip(points.round().astype(int), 0, (width - 1, height - 1))
    return np.asarray(seen[at[:, 1], at[:, 0]] > 0)


def _sweep(first: Array, lesion: Mask) -> list[Array]:
    """The first estimate at other scales; the lesion's centre stays where it came to lie."""
    centre = np.argwhere(lesion).mean(axis=0)[::-1] if lesion.any() else np.zeros(2)
    stays = first[:, :2] @ centre + first[:, 2]
    scaled = [first[:, :2] * factor for factor in SWEEP]
    return [np.column_stack([turn, stays - turn @ centre]) for turn in scaled]


def _agreement(matrix: Array, moving: Pixels, there: Skin, still: Pixels, here: Skin) -> float:
    """Correlation of the detail where both show skin; -1 where too little is in both."""
    size = still.shape[1], still.shape[0]
    both = (cv2.warpAffine(there.seen, matrix, size) > 0.99) & (here.seen > 0)
    if both.sum() < LEAST_SKIN:
        return -1.0
    one, other = cv2.warpAffine(moving, matrix, size)[both], still[both]
    one, other = one - one.mean(), other - other.mean()
    return float(one @ other / np.sqrt((one @ one) * (other @ other) + 1e-9))


def _fit(matrix: Array, moving: Pixels, there: Skin, still: Pixels, here: Skin) -> Array | None:
    """The similarity near `matrix` that makes the skin's detail most alike; None if it is lost."""
    height, width = still.shape
    middle, unit = np.array([width / 2, height / 2]), height / 2
    down, across = np.mgrid[:height, :width].astype(np.float32)
    u, v = (across - middle[0]) / unit, (down - middle[1]) / unit
    back = np.asarray(cv2.invertAffineTransform(matrix))  # the reference's pixels to the photo's
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for _ in range(STEPS):
        moved = cv2.warpAffine(moving, back, (width, height), flags=flags)
        both = cv2.warpAffine(there.seen, back, (width, height), flags=flags) > 0.99
        both &= here.seen > 0
        if both.sum() < LEAST_SKIN:
            return None
        off = still[both] - moved[both]
        weight = 1 / (1 + (off / (2.2 * np.median(np.abs(off)) + 1e-6)) ** 2)
        x = cv2.Sobel(moved, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)[both]
        y = cv2.Sobel(moved, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)[both]
        # How the pixels change with scale, angle and shift of the place they are taken from.
        slopes = np.stack([x * u[both] + y * v[both], y * u[both] - x * v[both], x, y], axis=1)
        weighted = slopes * weight[:, None]
        step = np.linalg.solve(weighted.T @ slopes + 1e-6 * np.eye(4), weighted.T @ off)
        a, b = 1 + step[0] / unit, step[1] / unit
        turn = np.array([[a, -b], [b, a]])
        move = np.vstack(
            [np.column_stack([turn, middle - turn @ middle + step[2:]]), [0.0, 0.0, 1.0]]
        )
        back = (np.vstack([back, [0.0, 0.0, 1.0]]) @ move)[:2]
        if np.abs(step).max() < 0.01:
            break
    return np.asarray(cv2.invertAffineTransform(back))

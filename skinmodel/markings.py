"""What people lay on the skin beside a lesion: ink of a skin marker, and the ticks of a scale.

Photos are looked at with a short side of 150 pixels, as the limits were set.
"""

from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from skinmodel.occlusion import brightest, corners

Pixels = NDArray[np.uint8]
Field = NDArray[np.float32]

# Ink in CIELAB, in its units: by how much bluer or greener than the skin, and darker, and where on
# the axes from blue to yellow and green to red. Pigment and blood are never there; hair, which has
# no colour, is kept out by the second limit.
BLUER, BLUE = 12, 0
GREENER, GREEN = 10, 5
DARKER = 10
BLACK = 60  # brightest channel of what is too dark to have a colour
SMALLEST = 15  # pixels of a mark
RIM = 25  # pixels: twice how far a dermatoscope's dark rim tinges what it borders on
AROUND, SKIN = (5, 11), 14  # pixels of what surrounds a mark; how near to skin it must be
CENTRE = 0.1  # of `away`: what reaches the photo's middle is the lesion, as in blue nevi

TICK_WIDTH, TICK_CONTRAST = 7, 20  # pixels, grey levels
TICK_AREA = (5, 60)  # pixels
TICK_LENGTH = (3.0, 18.0)
SLENDER = 1.5  # length over width
LINE = 21  # pixels: what is straight for longer is a scale's base line, or hair
GAP = (3.5, 18.0)  # pixels between two ticks
PARALLEL, ACROSS = 0.94, 0.5  # cosines: of two ticks, and of a tick with the line they stand on
OFF = 0.15  # of a gap that the next tick may be off, or a pixel
MOST = 30  # ticks that are counted


def ink(pixels: Pixels, away: Field) -> float:
    """The share of an RGB photo (h, w, 3) that looks like ink.

    `away` (h, w) is the squared distance from the middle, 1 on the ellipse that touches the edges.
    """
    soft = cv2.GaussianBlur(pixels, (0, 0), 1).astype(np.float32) / 255
    lab = cv2.cvtColor(soft, cv2.COLOR_RGB2LAB)
    from_skin = lab - np.median(lab[(away > 0.4) & (away < 0.85)], axis=0)
    blue = (from_skin[..., 2] < -BLUER) & (lab[..., 2] < BLUE)
    green = (from_skin[..., 1] < -GREENER) & (lab[..., 1] < GREEN)
    dark = (from_skin[..., 0] < -DARKER) & (brightest(pixels) > BLACK)
    rim = cv2.dilate(corners(pixels).astype(np.uint8), np.ones((RIM, RIM), np.uint8)) > 0
    marked = (blue | green) & dark & ~rim & (away < 1.15)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(marked.astype(np.uint8))
    kept = stats[:, cv2.CC_STAT_AREA] >= SMALLEST
    kept[labels[away < CENTRE]] = False
    kept[0] = False
    marks = (labels == place for place in np.flatnonzero(kept))
    return float(sum(mark.mean() for mark in marks if _on_skin(mark, from_skin)))


def _on_skin(mark: NDArray[np.bool_], from_skin: Field) -> bool:
    """Whether what surrounds a mark (h, w) is skin, and not a lesion it is a part of."""
    near, far = (
        cv2.dilate(mark.astype(np.uint8), np.ones((width, width), np.uint8)) > 0 for width in AROUND
    )
    around = from_skin[far & ~near]
    return bool(np.median(np.linalg.norm(around, axis=1)) < SKIN)


class _Ticks(NamedTuple):
    """Short dark strokes: middles (N, 2) and directions (N, 2), x before y."""

    middles: NDArray[np.float64]
    directions: NDArray[np.float64]


def scale_ticks(pixels: Pixels) -> int:
    """How many ticks stand in a row, parallel and equally far apart, as on a ruler; 0 without."""
    ticks = _ticks(pixels)
    if len(ticks.middles) < 2:
        return 0
    apart = ticks.middles[None] - ticks.middles[:, None]  # (N, N, 2), from the first to the second
    gaps = np.hypot(apart[..., 0], apart[..., 1])
    parallel = np.abs(ticks.directions @ ticks.directions.T) > PARALLEL
    along = np.abs((apart * ticks.directions[:, None]).sum(axis=-1)) / np.maximum(gaps, 1e-6)
    starts = (gaps > GAP[0]) & (gaps < GAP[1]) & parallel & (along < ACROSS)
    rows = (_row(ticks.middles, parallel[i], j, apart[i, j]) for i, j in np.argwhere(starts))
    return max(rows, default=0)


def _row(
    middles: NDArray[np.float64], parallel: NDArray[np.bool_], at: int, gap: NDArray[np.float64]
) -> int:
    """The length of the row of ticks that begins one gap before the tick `at`."""
    length = 2
    while length < MOST:
        off = np.where(parallel, np.hypot(*(middles - middles[at] - gap).T), np.inf)
        following = int(off.argmin())
        if following == at or off[following] > max(1.0, OFF * float(np.hypot(*gap))):
            break
        gap = (gap + middles[following] - middles[at]) / 2  # a scale on skin is bent a little
        at, length = following, length + 1
    return length


def _ticks(pixels: Pixels) -> _Ticks:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    round_ = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (TICK_WIDTH, TICK_WIDTH))
    thin = (cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, round_) > TICK_CONTRAST).astype(np.uint8)
    lines = np.zeros_like(thin)
    for line in _lines():
        lines = np.maximum(lines, cv2.morphologyEx(thin, cv2.MORPH_OPEN, line))
    thin &= 1 - lines
    _, labels, stats, found = cv2.connectedComponentsWithStats(thin)
    middles = np.asarray(found, dtype=np.float64)
    area = stats[:, cv2.CC_STAT_AREA]
    sized = (area >= TICK_AREA[0]) & (area <= TICK_AREA[1])
    # A bar of length l has the variance l**2 / 12 along itself; a pixel has one of its own.
    variances, axes = np.linalg.eigh(_covariances(labels, middles, sized) + np.eye(2) / 12)
    short, long = np.sqrt(12 * variances).T
    straight = (long >= TICK_LENGTH[0]) & (long <= TICK_LENGTH[1]) & (long >= SLENDER * short)
    return _Ticks(middles[sized][straight], axes[straight][..., 1])


def _covariances(
    labels: NDArray[Any], middles: NDArray[np.float64], chosen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """How the pixels (x, y) of each chosen region lie around its middle: (N, 2, 2)."""
    y, x = np.nonzero(chosen[labels])
    own = labels[y, x]
    across, down = np.stack([x, y]) - middles[own].T
    count = len(middles)

    def summed(products: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(own, products, minlength=count)[chosen], dtype=np.float64)

    both = summed(across * down)
    parts = np.stack([summed(across**2), both, both, summed(down**2)], axis=-1)
    pixels = np.bincount(own, minlength=count)[chosen]
    return (parts / (pixels[:, None] - 1)).reshape(-1, 2, 2)


@cache
def _lines() -> tuple[Pixels, ...]:
    """Straight lines in twelve directions, as kernels."""
    kernels = []
    for angle in np.arange(12) * np.pi / 12:
        kernel = np.zeros((LINE, LINE), np.uint8)
        half = LINE // 2
        x, y = round(half * np.cos(angle)), round(half * np.sin(angle))
        cv2.line(kernel, (half - x, half - y), (half + x, half + y), 1, 1)
        kernels.append(kernel)
    return tuple(kernels)

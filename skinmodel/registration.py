"""Brings a photo of a lesion into the frame of another photo of it, or says that it cannot.

Only turned, scaled and shifted (a similarity): an affine or elastic transform would hide growth.
SIFT keypoints (Lowe 2004) are matched on lesion and skin, outliers removed by RANSAC (Fischler,
Bolles 1981), and the result refined on the pixels themselves by ECC (Evangelidis, Psarakis 2008).
"""

from dataclasses import dataclass, field
from math import atan2, degrees, hypot

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skinmodel.occlusion import hidden

Array = NDArray[np.float64]
Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]

SIDE = 300  # pixels, short side of the photos compared
RATIO = 0.85  # a match must be this much nearer than the second best
TOLERANCE = 3.0  # pixels at SIDE
LEAST_INLIERS = 12
LEAST_OVERLAP = 0.3  # of the reference, covered by the moved photo
LEAST_AGREEMENT = 0.35  # correlation of the pixels after alignment
SCALES = 0.5, 2.0
ECC_STEPS = 40


@dataclass(frozen=True)
class Registration:
    """How a photo lies on a reference, or why that is not known.

    `matrix` (2, 3) takes the photo's pixels to the reference's pixels; None if `refusal`, one
    sentence, says why not. `inliers` counts the matched points that it brings together, `residual`
    is the median distance left between those, in hundredths of the reference's short side;
    `overlap` the share of the reference that is covered, `agreement` the correlation of the pixels.
    `matched` are the points of both photos in prepared pixels, x and y here and there.
    """

    matrix: Array | None = field(repr=False)
    inliers: int
    overlap: float
    residual: float
    agreement: float
    refusal: str | None
    matched: Array = field(repr=False, default_factory=lambda: np.zeros((0, 4)))  # (M, 4)

    @property
    def scale(self) -> float:
        """Size of the photo's content in the reference's frame: 2 is twice as large."""
        return hypot(self.matrix[0, 0], self.matrix[1, 0]) if self.matrix is not None else 1.0

    @property
    def placement(self) -> Array | None:
        """The matrix for a canvas, where whole numbers are the corners of pixels."""
        if self.matrix is None:
            return None
        middle = np.array([0.5, 0.5])
        shift = self.matrix[:, 2] + middle - self.matrix[:, :2] @ middle
        return np.column_stack([self.matrix[:, :2], shift])

    @property
    def turned(self) -> float:
        """Degrees by which the photo is turned to fit, in (-180, 180]."""
        if self.matrix is None:
            return 0.0
        return degrees(atan2(self.matrix[1, 0], self.matrix[0, 0]))


@dataclass(frozen=True)
class Prepared:
    """A photo made ready to be registered with any number of others."""

    grey: Grey = field(repr=False)
    usable: Mask = field(repr=False)
    points: Array = field(repr=False)  # (N, 2)
    descriptors: NDArray[np.float32] = field(repr=False)  # (N, 128)
    ratio: float  # pixels here per pixel of the photo


def prepare(picture: Image.Image) -> Prepared:
    """Keypoints of an upright RGB photo, away from hair and dark corners."""
    ratio = SIDE / min(picture.size)
    size = round(picture.width * ratio), round(picture.height * ratio)
    pixels = np.array(picture.resize(size, Image.Resampling.BILINEAR))
    usable = ~hidden(pixels)
    grey = cv2.createCLAHE(clipLimit=3.0, tileGridSize=(6, 6)).apply(
        cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    )
    sift = cv2.SIFT.create(nfeatures=3000, contrastThreshold=0.012, edgeThreshold=15, sigma=1.2)
    found, descriptors = sift.detectAndCompute(grey, usable.astype(np.uint8))
    points = np.array([point.pt for point in found], dtype=np.float64).reshape(-1, 2)
    if not found:
        descriptors = np.zeros((0, 128), dtype=np.float32)
    # Hellinger distance (RootSIFT; Arandjelovic, Zisserman 2012) tells more than Euclid's.
    rooted = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9))
    return Prepared(np.asarray(grey), usable, points, rooted.astype(np.float32), ratio)


def register(photo: Prepared, reference: Prepared) -> Registration:
    """How the photo lies on the reference; its `refusal` says so where it could not be aligned."""
    pairs = matches(photo.descriptors, reference.descriptors)
    here, there = photo.points[pairs[:, 0]], reference.points[pairs[:, 1]]
    agreed = coarse_similarity(here, there, TOLERANCE)
    if agreed is None:
        return _refused(0, "too few points in common")
    coarse, inlier = agreed
    inliers = len(np.unique(here[inlier].round(), axis=0))
    if inliers < LEAST_INLIERS:
        return _refused(inliers, "too few points in common")
    scale = hypot(coarse[0, 0], coarse[1, 0])
    if not SCALES[0] <= scale <= SCALES[1]:
        return _refused(inliers, "the magnification differs too much")
    fine = _refined(coarse, photo, reference)
    found = placed(fine, np.hstack([here, there]), photo, reference)
    if found.agreement < LEAST_AGREEMENT:
        return _refused(inliers, "the photos differ too much")
    if found.overlap < LEAST_OVERLAP:
        return _refused(inliers, "too little of the skin is in both photos")
    return found


def placed(matrix: Array, matched: Array, photo: Prepared, reference: Prepared) -> Registration:
    """How well a similarity (2, 3) in prepared pixels lays the photo on the reference.

    Judged by the `matched` points (M, 4) of both, and by all pixels that both show.
    """
    overlap, agreement = _agreement(matrix, photo, reference)
    here, there = matched[:, :2], matched[:, 2:]
    off = np.linalg.norm(here @ matrix[:, :2].T + matrix[:, 2] - there, axis=1)
    near = off <= TOLERANCE
    return Registration(
        matrix=in_own_pixels(matrix, photo.ratio, reference.ratio),
        # Several descriptors may lie on one point.
        inliers=len(np.unique(here[near].round(), axis=0)),
        overlap=overlap,
        residual=float(np.median(off[near])) / SIDE * 100 if near.any() else 0.0,
        agreement=agreement,
        refusal=None,
        matched=matched,
    )


def coarse_similarity(here: Array, there: Array, tolerance: float) -> tuple[Array, Mask] | None:
    """What most pairs of points (N, 2) agree on, and which do; None where nothing can be said."""
    if len(here) < 3:
        return None
    cv2.setRNGSeed(0)  # the same photos, the same answer
    found, chosen = cv2.estimateAffinePartial2D(
        here, there, method=cv2.RANSAC, ransacReprojThreshold=tolerance,
        maxIters=5000, confidence=0.999,
    )  # fmt: skip
    matrix = np.asarray(found, dtype=np.float64)
    if not np.all(np.isfinite(matrix)) or not matrix[:, :2].any():  # None becomes NaN
        return None
    return matrix, chosen[:, 0].astype(bool)


def _refused(inliers: int, why: str) -> Registration:
    return Registration(None, inliers, 0.0, 0.0, 0.0, f"These photos could not be aligned: {why}.")


def matches(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.int64]:
    """Pairs (M, 2) that are each other's nearest, and clearly so."""
    if len(one) < 2 or len(other) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    likeness = one @ other.T  # of unit vectors: distance**2 = 2 - 2 * likeness
    best = likeness.argmax(axis=1)
    back = likeness.argmax(axis=0)
    rows = np.arange(len(one))
    top = likeness[rows, best]
    likeness[rows, best] = -1.0
    second = likeness.max(axis=1)
    distance = np.sqrt(np.maximum(2 - 2 * top, 0))
    kept = (back[best] == rows) & (distance < RATIO * np.sqrt(np.maximum(2 - 2 * second, 1e-12)))
    return np.column_stack([rows[kept], best[kept]])


def _refined(coarse: Array, photo: Prepared, reference: Prepared) -> Array:
    """The similarity nearest to what ECC finds from the coarse one, if that agrees better."""
    try:
        _, inverse = cv2.findTransformECC(
            reference.grey,
            photo.grey,
            _inverse(coarse).astype(np.float32),
            cv2.MOTION_AFFINE,
            (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ECC_STEPS, 1e-5),
            reference.usable.astype(np.uint8),
            5,
        )
    except cv2.error:  # it did not converge
        return coarse
    fine = _nearest_similarity(_inverse(np.asarray(inverse, dtype=np.float64)), photo)
    better = _agreement(fine, photo, reference)[1] > _agreement(coarse, photo, reference)[1]
    return fine if better else coarse


def _nearest_similarity(affine: Array, photo: Prepared) -> Array:
    """The similarity that moves the photo's middle alike and its surroundings as nearly as can be.

    Least squares over a disc about the middle.
    """
    height, width = photo.grey.shape
    middle = np.array([width / 2, height / 2])
    a = (affine[0, 0] + affine[1, 1]) / 2
    b = (affine[1, 0] - affine[0, 1]) / 2
    turn = np.array([[a, -b], [b, a]])
    return np.column_stack([turn, affine[:, :2] @ middle + affine[:, 2] - turn @ middle])


def _agreement(matrix: Array, photo: Prepared, reference: Prepared) -> tuple[float, float]:
    """Share of the reference that the moved photo covers, and the pixels' correlation there."""
    height, width = reference.grey.shape
    moved = cv2.warpAffine(photo.grey, matrix, (width, height), flags=cv2.INTER_LINEAR)
    seen = cv2.warpAffine(
        photo.usable.astype(np.uint8), matrix, (width, height), flags=cv2.INTER_NEAREST
    )
    covered = cv2.warpAffine(
        np.ones_like(photo.grey), matrix, (width, height), flags=cv2.INTER_NEAREST
    )
    both = (seen > 0) & reference.usable
    if both.sum() < 100:
        return float((covered > 0).mean()), 0.0
    one, other = (
        cv2.GaussianBlur(grey, (0, 0), 2.0)[both].astype(np.float64)
        for grey in (np.asarray(moved), reference.grey)
    )
    one -= one.mean()
    other -= other.mean()
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((covered > 0).mean()), float(one @ other) / norm if norm else 0.0


def _inverse(matrix: Array) -> Array:
    return np.asarray(cv2.invertAffineTransform(matrix), dtype=np.float64)


def in_own_pixels(matrix: Array, photo: float, reference: float) -> Array:
    """The same transform between the photos' own pixels; pixel centres lie at half integers."""
    whole = np.linalg.inv(_scaling(reference)) @ _lifted(matrix) @ _scaling(photo)
    return np.asarray(whole[:2])


def in_prepared_pixels(matrix: Array, photo: float, reference: float) -> Array:
    """The inverse of `in_own_pixels`."""
    whole = _scaling(reference) @ _lifted(matrix) @ np.linalg.inv(_scaling(photo))
    return np.asarray(whole[:2])


def _lifted(matrix: Array) -> Array:
    return np.vstack([matrix, [0.0, 0.0, 1.0]])


def _scaling(ratio: float) -> Array:
    # Centre of pixel i lies at (i + 1/2): in pixels here, (i + 1/2) * ratio - 1/2.
    return np.array([[ratio, 0, (ratio - 1) / 2], [0, ratio, (ratio - 1) / 2], [0, 0, 1.0]])

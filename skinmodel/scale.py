"""How many millimetres a photo's pixel is, from where that is known, and how surely."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, hypot, log, sqrt
from typing import Literal

from skinmodel.changes import BOUND

Source = Literal["marked", "file", "field"]
Point = tuple[float, float]

# Assumed, not measured. A hand places each end of a distance to within two pixels of a photo shown
# 600 high. A ruler lies a little over or under the skin, and lenses distort: one in a hundred.
# DICOM files do not say how exact their pixel spacing is: one in a hundred as well.
PLACED = 1 / 300  # of the short side
PLANE = 0.01
FILE = 0.01
SURELY = 3.0  # standard deviations beyond which two scales contradict each other
SKIN = 0.01  # of the scale between two photos that their skin tells
BY: dict[Source, str] = {
    "marked": "marked by hand",
    "file": "of the DICOM file",
    "field": "of the visit's field of view",
}


@dataclass(frozen=True)
class Scale:
    """Millimetres per pixel; `error` is one standard deviation of it, as a fraction."""

    mm_per_pixel: float
    error: float
    source: Source


def marked(ends: Sequence[Point], millimetres: float, size: tuple[int, int]) -> Scale:
    """From a known distance between two points, in the pixels of a photo of that size."""
    (x, y), (u, v) = ends
    length = hypot(u - x, v - y)
    placed = sqrt(2) * PLACED * min(size) / length
    return Scale(millimetres / length, hypot(placed, PLANE), "marked")


def field_of_view(width: float, within: float, size: tuple[int, int]) -> Scale:
    """From the millimetres along the longer side of an uncropped photo, known to within some."""
    return Scale(width / max(size), hypot(within / width / BOUND, PLANE), "field")


def of_file(mm_per_pixel: float) -> Scale:
    """From the pixel spacing that a file states."""
    return Scale(mm_per_pixel, FILE, "file")


def chosen(known: Sequence[Scale]) -> tuple[Scale | None, str]:
    """The first of a photo's scales, and a sentence where another one contradicts it."""
    if not known:
        return None, ""
    first, *others = known
    for other in others:
        apart = log(other.mm_per_pixel / first.mm_per_pixel)
        if abs(apart) > SURELY * hypot(first.error, other.error):
            return first, (
                f"The scale {BY[first.source]} and that {BY[other.source]} differ by"
                f" {100 * (exp(abs(apart)) - 1):.0f} %; the first is used. Check them."
            )
    return first, ""


def between(before: Scale, after: Scale) -> tuple[float, float]:
    """How many of the earlier photo's pixels one of the later's is, and its error (a fraction).

    Where one field of view was entered for both, how exactly it was read cancels out.
    """
    error = hypot(before.error, after.error)
    if before.source == "field" and before == after:
        error = hypot(PLANE, PLANE)
    return after.mm_per_pixel / before.mm_per_pixel, error

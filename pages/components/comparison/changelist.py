"""What changed between two photos, in words and numbers with their own error."""

import math
from collections.abc import Sequence
from typing import Any

from pages.components.frame.words import NARROW_SPACE, at_least, change
from skinmodel.changes import Change
from skinmodel.comparison import Comparison
from skinmodel.measures import Measures

NAMES = {
    "area": "Area",
    "longest": "Longest diameter",
    "shortest": "Shortest diameter",
    "asymmetry": "Asymmetry",
    "irregularity": "Border",
    "tone": "Colour",
}
SIZES = ("area", "longest", "shortest")
SAME = "no change seen"
COLOURS_NOTE = "Colours are counted by the ABCD rule; how well that repeats was not measured."


def headline(changes: Sequence[Change]) -> str:
    """What the sizes say together, where none has changed visibly."""
    sizes = [one for one in changes if one.measure in SIZES]
    if not sizes or any(one.seen for one in sizes):
        return ""
    limit = next(one.limit for one in sizes if one.measure == "area")
    return (
        f"No size change detected; changes under {at_least(limit)} cannot be seen."
        " Check structure and colour yourself."
    )


def rows(comparison: Comparison, before: Measures, after: Measures) -> list[dict[str, Any]]:
    """Each compared measure's name, change and error, and the colours."""
    found = [row(one) for one in comparison.changes]
    colours = {
        "name": "Colours",
        "value": _counted(before.colours, after.colours),
        "error": _named(before.colours, after.colours),
        "seen": before.colours != after.colours,
    }
    return [*found, colours]


def millimetres(
    labels: Sequence[str], measured: Sequence[Measures | None], scales: Sequence[float | None]
) -> str:
    """Sizes in millimetres where both photos' files say their scale; else that there is none."""
    parts = []
    for label, one, scale in zip(labels, measured, scales, strict=True):
        if one is None or scale is None:
            return "Sizes are relative: the files do not say how many millimetres a pixel is."
        area, longest = one.area * scale**2, one.longest * scale
        parts.append(f"{label}: {longest:.1f} mm across at most, {area:.1f} mm\N{SUPERSCRIPT TWO}.")
    return " ".join((*parts, "Millimetres by the scale in the DICOM files."))


def quality(comparison: Comparison) -> str:
    """How well the photos were aligned."""
    found = comparison.registration
    if found.matrix is None:
        return ""
    parts = [
        f"{found.inliers:,} matches",
        f"{round(100 * found.overlap)}{NARROW_SPACE}% in common",
        f"residual {found.residual:.1f}{NARROW_SPACE}% of the short side",
    ]
    if abs(found.turned) >= 1:
        parts.append(f"turned by {abs(found.turned):.0f}°")
    if abs(found.scale - 1) >= 0.02:
        parts.append(f"scaled by {found.scale:.2f}")
    return f"Aligned: {', '.join(parts)}."


def row(one: Change) -> dict[str, Any]:
    """A measure with its change and error, or with the change that it could not have shown."""
    if one.kind == "ratio":
        value, error, limit = change(one.value), at_least(one.error), at_least(one.limit)
    elif one.measure == "tone":
        value = f"{one.value:.0f} units"
        error, limit = (f"{math.ceil(size)} units" for size in (one.error, one.limit))
    else:
        sign = "+" if one.value > 0 else "\N{MINUS SIGN}"
        value = f"{sign}{abs(one.value):.2f}"
        error, limit = (f"{math.ceil(100 * size) / 100:.2f}" for size in (one.error, one.limit))
    return {
        "name": NAMES[one.measure],
        "value": value if one.seen else SAME,
        "error": f"(repeat error {error})" if one.seen else f"under {limit} unseen",
        "seen": one.seen,
    }


def _counted(before: Sequence[str], after: Sequence[str]) -> str:
    if len(before) == len(after):
        return str(len(after))
    return f"{len(before)} \N{RIGHTWARDS ARROW} {len(after)}"


def _named(before: Sequence[str], after: Sequence[str]) -> str:
    """Which colours came and went, else which there are."""
    new = [one for one in after if one not in before]
    gone = [one for one in before if one not in after]
    parts = [f"new: {', '.join(new)}"] if new else []
    parts += [f"gone: {', '.join(gone)}"] if gone else []
    return "; ".join(parts) or ", ".join(after)

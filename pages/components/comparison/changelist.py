"""What changed between two photos, in words and numbers with their own error."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pages.components.frame.words import NARROW_SPACE, at_least, change
from skinmodel.changes import BOUND, Change
from skinmodel.comparison import Comparison, Examined
from skinmodel.measures import Measures
from skinmodel.scale import BY, Scale
from skinmodel.sizes import Size

NAMES = {
    "area": "Area",
    "longest": "Longest diameter",
    "shortest": "Shortest diameter",
    "asymmetry": "Asymmetry",
    "irregularity": "Border",
    "tone": "Colour",
}
SIZES = ("area", "longest", "shortest")
SQUARE = "mm\N{SUPERSCRIPT TWO}"
MILLIMETRES = {"longest": "Longest, in mm", "area": f"Area, in {SQUARE}"}
SAME = "no change seen"
ARROW = "\N{RIGHTWARDS ARROW}"
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


def millimetres(labels: Sequence[str], sides: Sequence[Mapping[str, Size]]) -> list[dict[str, Any]]:
    """Rows of both photos' sizes; none where neither photo's scale is known."""
    there = [(label, one) for label, one in zip(labels, sides, strict=True) if one]
    if not there:
        return []
    return [_in_millimetres(name, text, there) for name, text in MILLIMETRES.items()]


def _in_millimetres(
    name: str, text: str, there: Sequence[tuple[str, Mapping[str, Size]]]
) -> dict[str, Any]:
    values, errors = zip(*(_digits(one[name]) for _, one in there), strict=True)
    within = f"\N{PLUS-MINUS SIGN}\N{NO-BREAK SPACE}{errors[0]}"
    if len(there) == 1:
        within = f"{within}, {there[0][0]} only"
    elif errors[0] != errors[1]:
        within = f"{within}, then {errors[1]}"
    value = f" {ARROW} ".join(values)
    return {"name": text, "value": value, "error": f"({within})", "seen": False}


def size(one: Mapping[str, Size]) -> str:
    """One photo's sizes in words."""
    said = []
    for name, unit in (("longest", "mm at most"), ("shortest", "mm at least"), ("area", SQUARE)):
        value, error = _digits(one[name])
        said.append(f"{value} \N{PLUS-MINUS SIGN} {error} {unit}")
    return f"{said[0]} and {said[1]} across, {said[2]}"


def _digits(one: Size) -> tuple[str, str]:
    """A size and its error with the digits they deserve; the error is rounded up."""
    digits = 0 if one.within >= 1 else 1
    unit = 10**-digits
    return f"{one.value:.{digits}f}", f"{math.ceil(one.within / unit - 1e-9) * unit:.{digits}f}"


def scales(labels: Sequence[str], sides: Sequence[Examined]) -> str:
    """Where the millimetres come from, or that there are none."""
    known = [(label, one.scale) for label, one in zip(labels, sides, strict=True) if one.scale]
    if not known:
        return "Sizes are relative: no scale is known of these photos."
    by = [f"{_scale(one)} of {label}" for label, one in known]
    if len({_scale(one) for _, one in known}) == 1 and len(known) == len(labels):
        by = [_scale(known[0][1])]
    bounds = f"\N{PLUS-MINUS SIGN} are 95{NARROW_SPACE}% bounds"
    return f"Millimetres by the scale {', '.join(by)}; {bounds}."


def _scale(one: Scale) -> str:
    """Whose scale it is, and how exact: marked by hand (± 3 %)."""
    exact = at_least(BOUND * one.error)
    return f"{BY[one.source]} (\N{PLUS-MINUS SIGN}{NARROW_SPACE}{exact})"


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
    return f"{len(before)} {ARROW} {len(after)}"


def _named(before: Sequence[str], after: Sequence[str]) -> str:
    """Which colours came and went, else which there are."""
    new = [one for one in after if one not in before]
    gone = [one for one in before if one not in after]
    parts = [f"new: {', '.join(new)}"] if new else []
    parts += [f"gone: {', '.join(gone)}"] if gone else []
    return "; ".join(parts) or ", ".join(after)

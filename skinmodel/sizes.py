"""A lesion's size in millimetres, and how exactly it is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot, sqrt

from skinmodel.changes import BOUND, POWERS, Repeatability
from skinmodel.comparison import Examined, errors_of


@dataclass(frozen=True)
class Size:
    """Millimetres, or square millimetres of an area; 95 % of such values are right to `within`."""

    value: float
    within: float


def sizes(
    one: Examined, repeatability: Mapping[str, Mapping[str, Repeatability]]
) -> dict[str, Size]:
    """The area and both diameters of an outlined lesion; empty where they are not known.

    The errors are those of the scale and of outlining the lesion once.
    """
    known = errors_of(one, one, repeatability)
    if one.measures is None or one.scale is None or not known:
        return {}
    found = {}
    for name, power in POWERS.items():
        value = getattr(one.measures, name) * one.scale.mm_per_pixel**power
        error = hypot(power * one.scale.error, known[name].error / sqrt(2))  # of one of a pair
        found[name] = Size(value, BOUND * error * value)
    return found

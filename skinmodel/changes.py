"""How a lesion changed between two photos, with the error that such a number carries.

A change counts only if it is larger than what photographing the same lesion again does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from skinmodel.measures import Measures

Kind = Literal["ratio", "difference"]
HANDS = "one", "both"  # of two outlines, how many were drawn by hand
POWERS = {"area": 2, "longest": 1, "shortest": 1}  # of a length
BOUND = 1.96  # standard deviations: 95 % lie within


@dataclass(frozen=True)
class Repeatability:
    """What two photos of an unchanged lesion differ by: from `pairs` re-photographs.

    `error` is one standard deviation; 95 % of the differences are smaller than `limit`, so that a
    smaller change cannot be seen. Ratios are in logarithms.
    """

    error: float
    limit: float
    pairs: int


@dataclass(frozen=True)
class Change:
    """One measure of the later photo against the earlier one.

    `value` is a fraction of the earlier one (0.12: 12 % more) for a ratio, else the difference.
    `error` and `limit` are in the same unit; `seen` if the value is beyond the limit.
    """

    measure: str
    kind: Kind
    value: float
    error: float
    limit: float

    @property
    def seen(self) -> bool:
        """Whether the change is larger than an unchanged lesion's re-photograph shows."""
        return abs(self.value) > self.limit


def compare(
    before: Measures,
    after: Measures,
    scale: float | None,
    repeatability: Mapping[str, Repeatability],
    *,
    scale_error: float = 0.0,
) -> tuple[Change, ...]:
    """Every measure's change, the later photo brought to the earlier one's scale.

    `scale` is how many of the earlier photo's pixels one of the later's is; where it is not known
    (None) shape and colour alone are compared. `scale_error`, one standard deviation as a fraction,
    adds to the errors of sizes.
    """
    ratios = log_ratios(before, after, scale) if scale else {}
    changes = []
    for name, log_ratio in ratios.items():
        known, off = repeatability[name], POWERS[name] * scale_error
        changes.append(
            Change(
                name,
                "ratio",
                float(np.expm1(log_ratio)),
                float(np.expm1(np.hypot(known.error, off))),
                float(np.expm1(np.hypot(known.limit, BOUND * off))),
            )
        )
    for name, difference in differences(before, after).items():
        known = repeatability[name]
        changes.append(Change(name, "difference", difference, known.error, known.limit))
    return tuple(changes)


def log_ratios(before: Measures, after: Measures, scale: float) -> dict[str, float]:
    """Logarithms of the sizes' ratios; `scale` brings the later photo's lengths to the earlier."""
    return {
        name: float(np.log(getattr(after, name) * scale**power / getattr(before, name)))
        for name, power in POWERS.items()
    }


def differences(before: Measures, after: Measures) -> dict[str, float]:
    """Differences of shape, and the distance in colour (CIE 1976), later less earlier."""
    tone = float(np.linalg.norm(np.subtract(after.tone, before.tone)))
    return {
        "asymmetry": after.asymmetry - before.asymmetry,
        "irregularity": after.irregularity - before.irregularity,
        "tone": tone,
    }

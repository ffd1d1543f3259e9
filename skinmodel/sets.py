"""Prediction sets: the diagnoses that together hold the right one in nine results of ten.

Split conformal prediction: a diagnosis belongs to the set if its probability reaches a threshold
found on lesions kept apart. A set is never empty.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skinmodel.diagnoses import CODES
from skinmodel.plain import tuples


@dataclass(frozen=True, kw_only=True)
class SetTest:
    """Sets of test lesions shown with `photos` photos (the largest number: that many or more).

    `contained` of `cases` sets held the diagnosis; of `melanomas`, `melanomas_contained`.
    """

    photos: int
    cases: int
    contained: int
    melanomas: int
    melanomas_contained: int

    def __post_init__(self) -> None:
        counts = (self.melanomas_contained, self.melanomas, self.contained, self.cases, self.photos)
        if not all(type(count) is int and count >= 0 for count in counts) or not (
            self.melanomas_contained <= self.melanomas <= self.cases >= self.contained
        ):
            raise ValueError("The counts of the tested sets do not fit together.")


@dataclass(frozen=True, kw_only=True)
class SetRule:
    """When a diagnosis belongs to the set; saved in the model's card.

    `coverage` is the share of sets meant to hold the diagnosis, `thresholds` the least probability
    (training mix) of each of the eight, `tested` by number of photos, from one upwards.
    """

    coverage: float
    thresholds: tuple[float, ...]
    tested: tuple[SetTest, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.coverage < 1:
            raise ValueError("The sets' coverage must lie between 0 and 1.")
        if len(self.thresholds) != len(CODES) or not all(map(math.isfinite, self.thresholds)):
            raise ValueError(f"The sets need {len(CODES)} thresholds.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The rule from a card's JSON; TypeError for unknown names."""
        tested = tuple(SetTest(**test) for test in values.get("tested", ()))
        return cls(**tuples(values) | {"tested": tested})

    def members(self, probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which diagnoses belong to each set (..., 8); the likeliest always does."""
        inside = probabilities >= np.array(self.thresholds)
        np.put_along_axis(inside, probabilities.argmax(axis=-1)[..., None], True, axis=-1)
        return inside

    def codes(self, probabilities: NDArray[np.float64]) -> tuple[str, ...]:
        """The set of one result (8,), likeliest first."""
        inside = self.members(probabilities)
        return tuple(CODES[i] for i in np.argsort(-probabilities, kind="stable") if inside[i])

    def test(self, photos: int) -> SetTest | None:
        """What was found in testing with so many photos, or with the nearest fewer."""
        tested = [test for test in self.tested if test.photos <= photos and test.cases]
        return max(tested, key=lambda test: test.photos, default=None)

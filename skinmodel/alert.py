"""The alert line: the share of malignancy from which a result asks for action.

It keeps a stated sensitivity on lesions kept apart, for melanoma alone and for all malignant
diagnoses together. It uses the probabilities at the training mix, whatever mix is shown.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from skinmodel.plain import tuples


@dataclass(frozen=True, kw_only=True)
class AlertTest:
    """Test lesions shown with `photos` photos (the largest number: that many or more).

    Of `melanomas`, `malignant` (melanomas among them) and `benign` (all others), how many fell
    below the line. One that was refused is below no line.
    """

    photos: int
    melanomas: int
    melanomas_below: int
    malignant: int
    malignant_below: int
    benign: int
    benign_below: int

    def __post_init__(self) -> None:
        counts = tuple(vars(self).values())
        if not all(type(count) is int and count >= 0 for count in counts) or not (
            self.melanomas_below <= self.melanomas <= self.malignant >= self.malignant_below
            and self.benign_below <= self.benign
        ):
            raise ValueError("The counts of the tested alert line do not fit together.")


@dataclass(frozen=True, kw_only=True)
class AlertLine:
    """The least probability of malignancy that raises an alert; saved in the model's card.

    `sensitivity` is what it was set to keep; `tested` by number of photos, from one upwards.
    """

    sensitivity: float
    threshold: float
    tested: tuple[AlertTest, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.sensitivity < 1:
            raise ValueError("The alert line's sensitivity must lie between 0 and 1.")
        if not (math.isfinite(self.threshold) and 0 <= self.threshold <= 1):
            raise ValueError("The alert line must be a probability.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The line from a card's JSON; TypeError for unknown names."""
        tested = tuple(AlertTest(**test) for test in values.get("tested", ()))
        return cls(**tuples(values) | {"tested": tested})

    def test(self, photos: int) -> AlertTest | None:
        """What was found in testing with so many photos, or with the nearest fewer."""
        tested = [test for test in self.tested if test.photos <= photos and test.malignant]
        return max(tested, key=lambda test: test.photos, default=None)

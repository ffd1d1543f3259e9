"""From logits to probabilities: how sharp they are, and whose mix of diagnoses they assume.

The network is trained on `logits + log(class frequencies)` (logit adjustment, Menon et al. 2021,
https://arxiv.org/abs/2007.07314), so its bare logits assume that all diagnoses are equally
frequent. Adding the training data's frequencies back gives the posterior for that mix.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinmodel.alert import AlertLine
from skinmodel.casemix import CaseMix
from skinmodel.diagnoses import CODES, MALIGNANT
from skinmodel.plain import tuples
from skinmodel.sets import SetRule

Prior = Literal["training", "balanced"] | CaseMix
Probabilities = NDArray[np.float64]

PHOTO_GROUPS = 3  # one photo, two, three or more
CONFIDENT = 4  # power of the leading probability: 0.95 counts as 0.81, 0.7 as 0.24


@dataclass(frozen=True)
class Calibration:
    """How logits become probabilities, and probabilities sets and alerts; saved in the card.

    Logits are divided by `temperature`, times its factor in `by_photos` for one, two, and three or
    more photos, and multiplied by what `confidence` adds where the bare logits are sure; then each
    one's `shift`, where there are any, is added. `prior_training`: the eight
    diagnoses' frequencies in the training data, in their order. `sets` and `alert` are fitted to
    the probabilities at that mix; None in a model without them.
    """

    temperature: float = 1.0
    prior_training: tuple[float, ...] = (1 / len(CODES),) * len(CODES)
    by_photos: tuple[float, ...] = (1.0,) * PHOTO_GROUPS
    shift: tuple[float, ...] = ()
    confidence: float = 0.0
    sets: SetRule | None = None
    alert: AlertLine | None = None

    def __post_init__(self) -> None:
        if len(self.by_photos) != PHOTO_GROUPS or not all(
            math.isfinite(t) and t > 0 for t in (self.temperature, *self.by_photos)
        ):
            raise ValueError("The temperature and its factors must be positive numbers.")
        if not (math.isfinite(self.confidence) and self.confidence >= 0):
            raise ValueError("What confidence adds must be a number, 0 or more.")
        if len(self.shift) not in (0, 1, len(CODES)) or not all(map(math.isfinite, self.shift)):
            raise ValueError(f"The shift must be a number, or {len(CODES)}.")
        if len(self.prior_training) != len(CODES) or not all(p > 0 for p in self.prior_training):
            raise ValueError(f"The prior must be {len(CODES)} positive numbers.")
        if abs(sum(self.prior_training) - 1) > 1e-3:
            raise ValueError("The prior must sum to 1.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The calibration from a card's JSON; TypeError for unknown names."""
        fields = tuples(values)
        if fields.get("sets") is not None:
            fields["sets"] = SetRule.from_dict(fields["sets"])
        if fields.get("alert") is not None:
            fields["alert"] = AlertLine.from_dict(fields["alert"])
        return cls(**fields)

    def to_dict(self) -> dict[str, Any]:
        """The calibration as plain values for JSON."""
        return asdict(self)

    def probabilities(
        self, logits: ArrayLike, *, prior: Prior = "training", photos: ArrayLike = 1
    ) -> Probabilities:
        """Logits (..., 8) to probabilities of the same shape, float64; eight of them sum to 1.

        A binary network's logits (..., 1) become the probability of a malignant diagnosis. `photos`
        is how many each row of logits was computed from, a number or (...,).
        """
        bare = np.asarray(logits, dtype=np.float64)
        factors = np.array(self.by_photos)[photo_group(photos)]
        scaled = bare / (self.temperature * factors[..., None])
        if self.confidence:
            scaled = scaled + bare * self.confidence * confident(bare, self.prior_training)
        if self.shift:
            scaled = scaled + np.array(self.shift)
        if isinstance(prior, CaseMix):
            scaled = scaled + log_odds(prior.shares, scaled.shape[-1])
        elif prior == "training":
            scaled = scaled + log_odds(self.prior_training, scaled.shape[-1])
        elif prior != "balanced":
            raise ValueError(f"Unknown prior {prior!r}: training, balanced or a case mix.")
        return _normalised(scaled)


def photo_group(photos: ArrayLike) -> NDArray[np.int64]:
    """Which of `by_photos` is for results of so many photos, each at least 1."""
    return np.minimum(np.asarray(photos, dtype=np.int64), PHOTO_GROUPS) - 1


def confident(logits: Probabilities, mix: Sequence[float]) -> Probabilities:
    """How sure bare logits (..., 8) or (..., 1) are at a mix of the eight, 0 to 1: (..., 1).

    A network trained on softened labels hardly ever says 0.99, however clear the case; it is too
    sure of the others all the same. One temperature cannot mend both.
    """
    p = _normalised(logits + log_odds(mix, logits.shape[-1]))
    if p.shape[-1] == 1:
        p = np.maximum(p, 1 - p)
    return np.asarray(p.max(axis=-1, keepdims=True) ** CONFIDENT)


def _normalised(scores: Probabilities) -> Probabilities:
    """Softmax of scores (..., 8), or the logistic of (..., 1)."""
    if scores.shape[-1] == 1:
        return np.exp(-np.logaddexp(0, -scores))
    odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=-1, keepdims=True))


def log_odds(mix: Sequence[float], outputs: int) -> Probabilities:
    """What a mix of the eight adds to the logits: (8,), or (1,) for malignant against the rest."""
    frequencies = np.array(mix)
    if outputs == 1:
        malignant = frequencies[list(MALIGNANT)].sum()
        return np.log([malignant / (frequencies.sum() - malignant)])
    return np.log(frequencies)


def malignancy(probabilities: Probabilities) -> Probabilities:
    """Probability of any malignant diagnosis (...,) from probabilities (..., 8) or (..., 1)."""
    if probabilities.shape[-1] == 1:
        return probabilities[..., 0]
    return probabilities[..., list(MALIGNANT)].sum(axis=-1)

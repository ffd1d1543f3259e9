"""From logits to probabilities: temperature, and whose mix of diagnoses they assume.

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

TEMPERATURES = (0.05, 20.0)  # searched by fit_temperature


@dataclass(frozen=True)
class Calibration:
    """How logits become probabilities, and probabilities sets and alerts; saved in the card.

    `prior_training`: the eight diagnoses' frequencies in the training data, in their order. `sets`
    and `alert` are fitted to the probabilities at that mix; None in a model without them.
    """

    temperature: float = 1.0
    prior_training: tuple[float, ...] = (1 / len(CODES),) * len(CODES)
    sets: SetRule | None = None
    alert: AlertLine | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError("The temperature must be a positive number.")
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

    def probabilities(self, logits: ArrayLike, *, prior: Prior = "training") -> Probabilities:
        """Logits (..., 8) to probabilities of the same shape, float64; eight of them sum to 1.

        A binary network's logits (..., 1) become the probability of a malignant diagnosis.
        """
        scaled = np.asarray(logits, dtype=np.float64) / self.temperature
        if isinstance(prior, CaseMix):
            scaled = scaled + _offset(prior.shares, scaled.shape[-1])
        elif prior == "training":
            scaled = scaled + _offset(self.prior_training, scaled.shape[-1])
        elif prior != "balanced":
            raise ValueError(f"Unknown prior {prior!r}: training, balanced or a case mix.")
        if scaled.shape[-1] == 1:
            return np.exp(-np.logaddexp(0, -scaled))
        odds = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        return odds / odds.sum(axis=-1, keepdims=True)


def _offset(mix: Sequence[float], outputs: int) -> Probabilities:
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


def log_loss(
    probabilities: Probabilities, labels: ArrayLike, weights: ArrayLike | None = None
) -> float:
    """Mean negative log-likelihood of labels (N,) under probabilities (N, 8) or (N, 1).

    Labels are indices of diagnoses, or 0 and 1 (malignant) for a binary network.
    """
    wanted = np.asarray(labels, dtype=np.int64)
    if probabilities.shape[-1] == 1:
        probabilities = np.concatenate([1 - probabilities, probabilities], axis=-1)
    chosen = probabilities[np.arange(len(wanted)), wanted]
    share = None if weights is None else np.asarray(weights, dtype=np.float64)
    return float(np.average(-np.log(np.maximum(chosen, 1e-300)), weights=share))


def fit_temperature(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    prior_training: Sequence[float],
    weights: ArrayLike | None = None,
) -> Calibration:
    """The calibration with the least log loss of the training-mix posterior on held-out lesions.

    `logits` (N, 8) or (N, 1) and `labels` (N,) are of the calibration lesions, `weights` (N,)
    optional.
    """
    mix = tuple(float(p) for p in prior_training)
    scores = np.asarray(logits, dtype=np.float64)

    def loss(sharpness: float) -> float:
        return log_loss(Calibration(1 / sharpness, mix).probabilities(scores), labels, weights)

    # Convex in 1/T, so a third can be cut off at every step: 80 of them leave 1e-14 of the range.
    low, high = 1 / TEMPERATURES[1], 1 / TEMPERATURES[0]
    for _ in range(80):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, right) if loss(left) <= loss(right) else (left, high)
    return Calibration(2 / (low + high), mix)

"""Two models on the same lesions: how far apart they are, lesion by lesion."""

from dataclasses import dataclass
from math import comb, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinmodel.calibration import Calibration
from training.measuring import metrics
from training.measuring.evaluate import Labels, Scored, intervals
from training.measuring.metrics import Array, Z

STEPS = 60  # of halving: far below any digit that is shown
DIFFERENCES = (
    "balanced_accuracy", "accuracy", "macro_precision", "macro_f1", "macro_auroc",
    "malignancy_auroc", "log_loss",
)  # fmt: skip


@dataclass(frozen=True)
class Pairs:
    """Of `cases` lesions, how many only the first and only the second model got right."""

    cases: int
    only_first: int
    only_second: int

    @classmethod
    def of(cls, first: NDArray[np.bool_], second: NDArray[np.bool_]) -> "Pairs":
        """From which cases (N,) each got right."""
        return cls(len(first), int((first & ~second).sum()), int((second & ~first).sum()))

    def difference(self) -> list[float] | None:
        """[first minus second, low, high] of the shares, with Tango's 95 % score interval.

        Tango 1998, Statistics in Medicine 17:891. Where the models hardly ever differ a bootstrap
        interval shrinks to nothing; this one does not.
        """
        if not self.cases:
            return None
        middle = (self.only_first - self.only_second) / self.cases
        low = self._where(-1.0, middle, Z)
        high = self._where(middle, 1.0, -Z)
        return [round(value, 4) for value in (middle, low, high)]

    def mcnemar(self) -> float:
        """The exact two-sided p that each is as often alone in being right."""
        apart = self.only_first + self.only_second
        fewer = min(self.only_first, self.only_second)
        tail = sum(comb(apart, k) for k in range(fewer + 1))
        return round(min(1.0, 2 * tail / 2**apart), 4)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "cases": self.cases,
            "only_candidate": self.only_first,
            "only_other": self.only_second,
            "difference": self.difference(),
            "mcnemar_p": self.mcnemar(),
        }

    def _where(self, low: float, high: float, wanted: float) -> float:
        """The difference between two whose score is the wanted one; scores fall as it grows."""
        for _ in range(STEPS):
            middle = (low + high) / 2
            if self._score(middle) > wanted:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    def _score(self, difference: float) -> float:
        """How many deviations the counts lie above what this difference lets expect."""
        n, b, c = self.cases, self.only_first, self.only_second
        linear = (2 * n - b + c) * difference - b - c
        root = sqrt(max(0.0, linear**2 + 8 * n * c * difference * (1 - difference)))
        share = (root - linear) / (4 * n)  # of lesions only the second gets right
        variance = n * (2 * share + difference * (1 - difference))
        above = b - c - n * difference
        if variance <= 0:
            return 0.0 if above == 0 else float(np.copysign(np.inf, above))
        return float(above / sqrt(variance))


def differences(
    candidate: tuple[Scored, Calibration], other: tuple[Scored, Calibration]
) -> dict[str, Any]:
    """First minus second of the summary metrics, [value, low, high]; both on the same cases.

    Both are resampled together, by lesion.
    """
    measures = [_measure(*one) for one in (candidate, other)]
    values = intervals(lambda w: measures[0](w) - measures[1](w), candidate[0].lesions)
    return dict(zip(DIFFERENCES, values, strict=True))


def right(scored: Scored, calibration: Calibration) -> NDArray[np.bool_]:
    """Whether the confirmed diagnosis ranked first (N,), all diagnoses held equally frequent."""
    first = scored.probabilities(calibration, "balanced").argmax(axis=1)
    return np.asarray(first == scored.labels)


def _measure(scored: Scored, calibration: Calibration) -> Any:
    balanced = scored.probabilities(calibration, "balanced")
    shown = scored.probabilities(calibration)
    labels: Labels = scored.labels
    classes = shown.shape[1]
    first, each = balanced.argmax(axis=1), scored.weights()
    areas = metrics.RocAreas(balanced, labels)
    malignant, is_malignant = metrics.malignant_scores(shown, labels)
    two = np.stack([1 - malignant, malignant], axis=1)
    malignancy = metrics.RocAreas(two, is_malignant.astype(int))

    def measure(weights: Array) -> Array:
        matrix = metrics.confusion(first, labels, classes, weights)
        found = [
            metrics.mean(metrics.recall(matrix)),
            metrics.accuracy(matrix),
            metrics.mean(metrics.precision(matrix)),
            metrics.mean(metrics.f1(matrix)),
            metrics.mean(areas(weights)),
            malignancy(weights)[1],
            metrics.log_loss(shown, labels, weights * each),
        ]
        return np.array(found, dtype=float)

    return measure

"""What is measured on held-out lesions. An undefined metric is None, never a made-up number.

Shapes: N photos or series, K classes (eight diagnoses, or benign and malignant). `weights` (N,)
let the bootstrap count a lesion several times without copying anything.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinmodel.calibration import malignancy
from skinmodel.diagnoses import CODES, MALIGNANT

Array = NDArray[np.float64]
BINS = 15
Z = 1.959964  # standard deviations that hold 95 % of a normal distribution


def probabilities(logits: ArrayLike) -> Array:
    """Softmax of logits (N, 8); a binary network's (N, 1) become benign and malignant (N, 2)."""
    scores = np.asarray(logits, dtype=np.float64)
    if scores.shape[1] == 1:
        scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def both_classes(malignant_or_all: Array) -> Array:
    """Probabilities (N, K) with a column per class, also where only malignancy (N, 1) is given."""
    if malignant_or_all.shape[1] == 1:
        return np.concatenate([1 - malignant_or_all, malignant_or_all], axis=1)
    return malignant_or_all


def malignant_scores(scores: Array, labels: ArrayLike) -> tuple[Array, NDArray[np.bool_]]:
    """The probability of malignancy (N,), and which cases are malignant (N,)."""
    truth = np.asarray(labels)
    if scores.shape[1] == len(CODES):
        return malignancy(scores), np.isin(truth, MALIGNANT)
    return scores[:, 1], truth == 1


def confusion(
    predicted: ArrayLike, labels: ArrayLike, classes: int, weights: Array | None = None
) -> Array:
    """Counts (K, K): rows are the confirmed diagnosis, columns what the model ranked first."""
    cells = np.asarray(labels) * classes + np.asarray(predicted)
    return (
        np.bincount(cells, weights=weights, minlength=classes**2)
        .reshape(classes, classes)
        .astype(float)
    )


def recall(matrix: Array) -> list[float | None]:
    """Per class, the share of its cases ranked first (sensitivity)."""
    return _shares(matrix.diagonal(), matrix.sum(axis=1))


def precision(matrix: Array) -> list[float | None]:
    """Per class, the share of the cases ranked first that are really of it."""
    return _shares(matrix.diagonal(), matrix.sum(axis=0))


def f1(matrix: Array) -> list[float | None]:
    """Per class, the harmonic mean of precision and recall."""
    return _shares(2 * matrix.diagonal(), matrix.sum(axis=0) + matrix.sum(axis=1))


def accuracy(matrix: Array) -> float | None:
    """Share of all cases ranked first rightly."""
    return _shares(np.array([matrix.trace()]), np.array([matrix.sum()]))[0]


def mean(values: Sequence[float | None]) -> float | None:
    """Mean of the defined values; None if there is none."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def balanced_accuracy(scores: Array, labels: ArrayLike) -> float:
    """Mean recall over the classes present."""
    return float(mean(recall(confusion(scores.argmax(axis=1), labels, scores.shape[1]))) or 0.0)


class RocAreas:
    """Areas under the ROC curves of the same scores (N, K) for many weightings of the cases.

    Ranks are found once: a bootstrap of a thousand samples takes a second instead of minutes.
    """

    def __init__(self, scores: Array, labels: ArrayLike) -> None:
        truth = np.asarray(labels)
        self._mine = [truth == label for label in range(scores.shape[1])]
        self._ranks = [np.unique(column, return_inverse=True)[1] for column in scores.T]

    def __call__(self, weights: Array | None = None) -> list[float | None]:
        """Per class, the area for that class against all others; ties count half."""
        weight = np.ones(len(self._mine[0])) if weights is None else weights
        return [self._area(*pair, weight) for pair in zip(self._mine, self._ranks, strict=True)]

    @staticmethod
    def _area(mine: NDArray[np.bool_], rank: NDArray[np.int64], weight: Array) -> float | None:
        ranks = int(rank.max()) + 1
        positive = np.bincount(rank, weights=weight * mine, minlength=ranks)
        negative = np.bincount(rank, weights=weight * ~mine, minlength=ranks)
        pairs = positive.sum() * negative.sum()
        below = negative.cumsum() - negative / 2
        return float((positive * below).sum() / pairs) if pairs > 0 else None


def balanced_log_loss(scores: Array, labels: ArrayLike) -> float:
    """Mean over the classes present of the mean negative log-likelihood, in nats."""
    truth = np.asarray(labels)
    losses = _negative_log_likelihood(scores, truth)
    return float(np.mean([losses[truth == label].mean() for label in np.unique(truth)]))


def log_loss(scores: Array, labels: ArrayLike, weights: Array | None = None) -> float:
    """Mean over the cases of the negative log-likelihood, in nats."""
    return float(np.average(_negative_log_likelihood(scores, np.asarray(labels)), weights=weights))


def brier(scores: Array, labels: ArrayLike, weights: Array | None = None) -> float:
    """Mean over the cases of the squared distance to the truth, from 0 to 2."""
    truth = np.eye(scores.shape[1])[np.asarray(labels)]
    return float(np.average(((scores - truth) ** 2).sum(axis=1), weights=weights))


def calibration_error(scores: Array, labels: ArrayLike, weights: Array | None = None) -> float:
    """Expected calibration error of the leading probability in 15 bins of equal mass."""
    right = scores.argmax(axis=1) == np.asarray(labels)
    weight = np.ones(len(scores)) if weights is None else weights
    return binned_error(scores.max(axis=1), right, weight)


def binned_error(confidence: Array, right: NDArray[np.bool_], weights: Array) -> float:
    """The calibration error of leading probabilities (N,) that are right or not (N,)."""
    bins = _equal_mass(confidence, weights)
    gaps = np.bincount(bins, weights=weights * (right - confidence), minlength=BINS)
    return float(np.abs(gaps).sum() / weights.sum())


def reliability_bins(scores: Array, labels: ArrayLike, weights: Array) -> list[list[float]]:
    """[mean confidence, share right, cases] of each of the 15 bins that is not empty."""
    confidence = scores.max(axis=1)
    right = scores.argmax(axis=1) == np.asarray(labels)
    bins = _equal_mass(confidence, weights)
    return [
        [
            round(float(np.average(confidence[own], weights=weights[own])), 4),
            round(float(np.average(right[own], weights=weights[own])), 4),
            int(own.sum()),
        ]
        for own in (bins == i for i in range(BINS))
        if weights[own].sum() > 0
    ]


def wilson(share: float | None, cases: int) -> list[float] | None:
    """[share, low, high] with Wilson's 95 % interval for so many cases; None without any.

    Wilson 1927; unlike a bootstrap it does not collapse where all of a few cases are right.
    """
    if share is None or cases == 0:
        return None
    middle = (share + Z**2 / (2 * cases)) / (1 + Z**2 / cases)
    spread = share * (1 - share) / cases + Z**2 / (4 * cases**2)
    half = Z * spread**0.5 / (1 + Z**2 / cases)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return [round(float(value), 4) for value in (share, min(share, low), max(share, high))]


def proportion(hits: int, cases: int) -> list[float] | None:
    """[share, low, high] of hits among cases with Wilson's interval; None without cases."""
    return wilson(hits / cases if cases else None, cases)


def _equal_mass(confidence: Array, weights: Array) -> NDArray[np.int64]:
    """The bin of each case (N,), 15 of equal weight, by rising confidence."""
    order = np.argsort(confidence, kind="stable")
    mass = weights[order].cumsum() / weights.sum()
    bins = np.empty(len(order), dtype=np.int64)
    bins[order] = np.minimum((mass - 1e-12) * BINS, BINS - 1).astype(int)
    return bins


def _negative_log_likelihood(scores: Array, truth: NDArray[np.int64]) -> Array:
    return np.asarray(-np.log(np.maximum(scores[np.arange(len(truth)), truth], 1e-12)))


def _shares(part: Array, whole: Array) -> list[float | None]:
    return [float(p / w) if w > 0 else None for p, w in zip(part, whole, strict=True)]

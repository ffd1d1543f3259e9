"""A trained network measured on lesions it never saw, with 95 % intervals by lesion.

Ranking metrics use the balanced mix, as the ISIC challenge scores. Log loss, calibration error and
accuracy at the training mix are of the probabilities the clinic is shown; there each lesion counts
once, because the training mix is one of lesions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinmodel.calibration import Calibration, Prior
from skinmodel.diagnoses import CODES
from training.measuring import metrics
from training.measuring.metrics import Array

RESAMPLES = 1000
COMPARED = ("balanced_accuracy", "macro_auroc", "log_loss")
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Scored:
    """Logits (N, K) of photos or series, their labels (N,), and whose lesion each is (N,).

    `photos` (N,) is how many each was computed from; one, where it is left out.
    """

    logits: Array
    labels: Labels
    lesions: Labels
    photos: Labels = field(default_factory=lambda: np.ones(1, dtype=np.int64))

    def __post_init__(self) -> None:
        object.__setattr__(self, "photos", np.broadcast_to(self.photos, self.labels.shape))

    def only(self, chosen: NDArray[np.bool_] | Labels) -> "Scored":
        """The rows chosen by a mask (N,) or by their numbers."""
        return Scored(
            self.logits[chosen], self.labels[chosen], self.lesions[chosen], self.photos[chosen]
        )

    def joined(self, other: "Scored") -> "Scored":
        """These rows and the other's, which may be of the same lesions."""
        return Scored(
            np.concatenate([self.logits, other.logits]),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.lesions, other.lesions]),
            np.concatenate([self.photos, other.photos]),
        )

    def probabilities(self, calibration: Calibration, prior: Prior = "training") -> Array:
        """Calibrated probabilities with a column per class: (N, 8) or (N, 2)."""
        found = calibration.probabilities(self.logits, prior=prior, photos=self.photos)
        return metrics.both_classes(found)

    def weights(self) -> Array:
        """Each case's share of its lesion (N,), so that every lesion counts once."""
        _, owner, count = np.unique(self.lesions, return_inverse=True, return_counts=True)
        return np.asarray(1 / count[owner], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Arm:
    """One way to score N cases: probabilities (N, K) at a balanced mix, and as the clinic sees."""

    balanced: Array
    shown: Array


def report(scored: Scored, calibration: Calibration, *, seed: int = 0) -> dict[str, Any]:
    """All metrics of one set of cases as plain values; every number is [value, low, high].

    The interval is the 2.5th and 97.5th percentile over bootstrap samples of lesions. Recall and
    precision of a diagnosis have Wilson's, with the lesions as cases: few cases resampled can all
    be right, and would claim to be sure. A metric undefined for the whole set is None.
    """
    balanced = scored.probabilities(calibration, "balanced")
    shown = scored.probabilities(calibration)
    labels, classes = scored.labels, shown.shape[1]
    malignant, is_malignant = metrics.malignant_scores(shown, labels)
    areas_of = metrics.RocAreas(balanced, labels)
    two = np.stack([1 - malignant, malignant], axis=1)
    malignancy_areas_of = metrics.RocAreas(two, is_malignant.astype(int))
    each = scored.weights()

    def measure(weights: Array) -> Array:
        """Every metric in one row, NaN where undefined."""
        matrix = metrics.confusion(balanced.argmax(axis=1), labels, classes, weights)
        at_mix = metrics.confusion(shown.argmax(axis=1), labels, classes, weights * each)
        areas = areas_of(weights)
        return np.array(
            [
                metrics.mean(metrics.recall(matrix)),
                metrics.accuracy(matrix),
                metrics.accuracy(at_mix),
                metrics.mean(metrics.precision(matrix)),
                metrics.mean(metrics.f1(matrix)),
                metrics.mean(areas),
                malignancy_areas_of(weights)[1],
                metrics.log_loss(shown, labels, weights * each),
                metrics.calibration_error(shown, labels, weights * each),
                *metrics.f1(matrix),
                *areas,
            ],
            dtype=float,
        )

    rows = intervals(measure, scored.lesions, seed)
    names = (
        "balanced_accuracy", "accuracy", "accuracy_at_training_mix", "macro_precision",
        "macro_f1", "macro_auroc", "malignancy_auroc", "log_loss", "calibration_error",
    )  # fmt: skip
    per_class = [rows[len(names) + i * classes :][:classes] for i in range(2)]
    codes = CODES if classes == len(CODES) else ("BENIGN", "MALIGNANT")
    first = balanced.argmax(axis=1)
    matrix = metrics.confusion(first, labels, classes)

    def shares(values: Sequence[float | None], of: Labels) -> list[list[float] | None]:
        """With intervals for as many independent cases as there are lesions."""
        lesions = [len(np.unique(scored.lesions[of == i])) for i in range(classes)]
        return [metrics.wilson(v, n) for v, n in zip(values, lesions, strict=True)]

    recalls = shares(metrics.recall(matrix), labels)
    precisions = shares(metrics.precision(matrix), first)
    return {
        "cases": len(labels),
        "lesions": len(np.unique(scored.lesions)),
        **dict(zip(names, rows, strict=False)),
        "per_diagnosis": {
            code: {
                "cases": int((labels == i).sum()),
                "recall": recalls[i],
                "precision": precisions[i],
                "f1": per_class[0][i],
                "auroc": per_class[1][i],
            }
            for i, code in enumerate(codes)
        },
        "confusion": matrix.astype(int).tolist(),
    }


def compare(arms: Mapping[str, Arm], labels: Labels, lesions: Labels) -> dict[str, Any]:
    """Balanced accuracy, macro AUROC and log loss of several ways to score the same cases.

    Every arm but the first also gets, in "minus", its differences from each arm before it. All arms
    are resampled together, so an interval that leaves out zero tells two arms apart.
    """
    scores = [(metrics.RocAreas(arm.balanced, labels), arm) for arm in arms.values()]
    pairs = [(i, j) for i in range(len(scores)) for j in range(i)]

    def measure(weights: Array) -> Array:
        rows = []
        for areas, arm in scores:
            first = arm.balanced.argmax(axis=1)
            matrix = metrics.confusion(first, labels, arm.balanced.shape[1], weights)
            found = metrics.mean(metrics.recall(matrix)), metrics.mean(areas(weights))
            rows.append((*found, metrics.log_loss(arm.shown, labels, weights)))
        table = np.array(rows, dtype=float)
        return np.concatenate([table, *(table[[i]] - table[[j]] for i, j in pairs)]).ravel()

    values = intervals(measure, lesions)
    rows = [dict(zip(COMPARED, values[i:], strict=False)) for i in range(0, len(values), 3)]
    names = list(arms)
    result: dict[str, Any] = dict(zip(names, rows, strict=False))
    for (i, j), apart in zip(pairs, rows[len(arms) :], strict=True):
        result[names[i]].setdefault("minus", {})[names[j]] = apart
    return result


def intervals(
    measure: Callable[[Array], Array], lesions: Labels, seed: int = 0
) -> list[list[float | None] | None]:
    """[value, low, high] of each metric, resampling whole lesions with replacement."""
    _, group = np.unique(lesions, return_inverse=True)
    value = measure(np.ones(len(lesions)))
    random = np.random.default_rng(seed)
    count = int(group.max()) + 1
    samples = []
    for _ in range(RESAMPLES):
        drawn = np.bincount(random.integers(count, size=count), minlength=count)
        samples.append(measure(drawn[group].astype(float)))
    with np.errstate(invalid="ignore"):
        low, high = _percentiles(np.array(samples))
    return [
        None if np.isnan(v) else [_short(v), _short(lo), _short(hi)]
        for v, lo, hi in zip(value, low, high, strict=True)
    ]


def _percentiles(samples: Array) -> Sequence[Array]:
    """The 2.5th and 97.5th percentile of each column's defined values (R, M)."""
    columns = [column[~np.isnan(column)] for column in samples.T]
    pairs = [np.percentile(c, [2.5, 97.5]) if len(c) else np.full(2, np.nan) for c in columns]
    return list(np.array(pairs).T)


def _short(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)

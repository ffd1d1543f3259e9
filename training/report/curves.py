"""ROC and precision-recall curves of each class against all others, as few points as show them."""

from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_curve

from training.measuring.evaluate import Labels
from training.measuring.metrics import Array

POINTS = 100  # of a curve: more cannot be seen


def curves(scores: Array, labels: Labels, names: tuple[str, ...]) -> dict[str, Any]:
    """By class name its curves as lists of [x, y]; None where a class, or all else, is missing.

    `scores` (N, K), `labels` (N,). "roc" is [1 - specificity, sensitivity], "precision_recall" is
    [recall, precision]. `share` is the class's share of the cases, which is what precision is for
    a model that guesses.
    """
    found: dict[str, Any] = {}
    for label, name in enumerate(names):
        mine = labels == label
        if not mine.any() or mine.all():
            found[name] = None
            continue
        false, true, _ = roc_curve(mine, scores[:, label])
        precision, recall, _ = precision_recall_curve(mine, scores[:, label])
        found[name] = {
            "share": round(float(mine.mean()), 4),
            "average_precision": round(float(average_precision_score(mine, scores[:, label])), 4),
            "roc": _thin(false, true),
            "precision_recall": _thin(recall[::-1], precision[::-1]),
        }
    return found


def _thin(x: Array, y: Array) -> list[list[float]]:
    """At most so many points, evenly along the curve, with both ends."""
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    wanted = np.linspace(0, length[-1], POINTS)
    keep = np.unique(np.searchsorted(length, wanted).clip(max=len(x) - 1))
    return [[round(float(a), 4), round(float(b), 4)] for a, b in zip(x[keep], y[keep], strict=True)]

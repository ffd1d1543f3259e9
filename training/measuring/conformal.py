"""Prediction sets and the alert line, fitted on lesions kept apart (split conformal prediction).

A threshold is a low quantile of the right answers' scores, so placed that a new lesion of the same
kind reaches it with the promised probability, whatever the network is like. Each lesion counts
once, however many photos it has (Lee, Barber and Willett 2023, https://arxiv.org/abs/2306.06342).
"""

from collections.abc import Mapping
from math import floor

import numpy as np
from numpy.typing import NDArray

from skinmodel.alert import AlertLine
from skinmodel.calibration import Calibration, malignancy
from skinmodel.diagnoses import CODES, MALIGNANT
from skinmodel.sets import SetRule
from training.measuring.evaluate import Labels, Scored
from training.measuring.metrics import Array

COVERAGE = 0.9
SENSITIVITY = 0.95
# Each group of diagnoses gets a threshold of its own. Tried on the first bundled model: one
# threshold for all eight keeps nevi in and loses four melanomas of ten; one for each needs 4.4
# diagnoses a set, because a handful of lesions allows no threshold; these three need 1.6, and
# lose no diagnosis.
MELANOMA = CODES.index("MEL")
GROUPS: Mapping[str, tuple[int, ...]] = {
    "MEL": (MELANOMA,),
    "NV": (CODES.index("NV"),),
    "others": tuple(i for i, code in enumerate(CODES) if code not in ("MEL", "NV")),
}


def allowed_below(lesions: int, kept: float) -> int:
    """How many of so many lesions may lie below a threshold that keeps this share of new ones."""
    return floor((1 - kept) * (lesions + 1) + 1e-9)


def threshold(scores: Array, lesions: Labels, *, kept: float) -> float:
    """The highest score (N,) that a new lesion's case reaches with probability `kept`.

    Zero where there are too few lesions for any.
    """
    _, owner, count = np.unique(lesions, return_inverse=True, return_counts=True)
    allowed = (1 - kept) * (len(count) + 1) - 1  # the new lesion may be the lowest of all
    order = np.argsort(scores, kind="stable")
    share = (1 / count[owner])[order]
    below = share.cumsum() - share  # lesions strictly below each score
    within = np.flatnonzero(below <= allowed + 1e-9)
    return float(scores[order][within[-1]]) if len(within) else 0.0


def fit_sets(cases: Scored, calibration: Calibration) -> SetRule:
    """Sets that hold the diagnosis of nine in ten melanomas, of nevi, and of the other six."""
    probabilities = cases.probabilities(calibration)
    right = probabilities[np.arange(len(probabilities)), cases.labels]
    thresholds = np.zeros(len(CODES))
    for members in GROUPS.values():
        own = np.isin(cases.labels, members)
        thresholds[list(members)] = threshold(right[own], cases.lesions[own], kept=COVERAGE)
    return SetRule(coverage=COVERAGE, thresholds=tuple(map(float, thresholds)))


def fit_line(cases: Scored, diagnoses: Labels, calibration: Calibration) -> AlertLine:
    """The line that keeps the sensitivity for melanoma alone and for all malignant diagnoses.

    `diagnoses` (N,) are the cases' places among the eight, also for a binary network. The score
    is the sum over malignant diagnoses: on the first bundled model it flagged 2.1 benign lesions
    for each malignant one found, melanoma's own probability 3.4 and the balanced mix 3.4.
    """
    lines = thresholds(cases, diagnoses, calibration)
    return AlertLine(sensitivity=SENSITIVITY, threshold=min(lines.values()))


def thresholds(cases: Scored, diagnoses: Labels, calibration: Calibration) -> dict[str, float]:
    """The line for melanoma alone and that for all malignant diagnoses together."""
    scores = alert_scores(cases, calibration)
    found = {}
    for name, members in (("melanoma", (MELANOMA,)), ("malignant", MALIGNANT)):
        own: NDArray[np.bool_] = np.isin(diagnoses, members)
        found[name] = threshold(scores[own], cases.lesions[own], kept=SENSITIVITY)
    return found


def alert_scores(cases: Scored, calibration: Calibration) -> Array:
    """The probability of malignancy at the training mix (N,), which the alert line is drawn on."""
    return malignancy(calibration.probabilities(cases.logits, photos=cases.photos))

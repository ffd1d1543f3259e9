"""Are the shown probabilities true? Calibration error and Brier score, before and after scaling."""

from typing import Any

import numpy as np

from skinmodel.calibration import Calibration
from training.measuring import metrics
from training.measuring.evaluate import Labels, Scored, intervals
from training.measuring.metrics import Array

SIMULATIONS = 2000


def reliability(cases: Scored, calibration: Calibration, *, seed: int = 0) -> dict[str, Any]:
    """What a reliability diagram shows and its summary, as plain values; each lesion counts once.

    Numbers are [value, low, high] with 95 % bootstrap intervals over lesions; those that end in
    `_before` are of the bare logits. `perfect_95` is what 95 % of perfectly calibrated models with
    these confidences stay below; `bins` are [mean confidence, share right, cases].
    """
    bare = Calibration(prior_training=calibration.prior_training)
    before, after = cases.probabilities(bare), cases.probabilities(calibration)
    labels, each = cases.labels, cases.weights()

    def measure(weights: Array) -> Array:
        counted = weights * each
        return np.array(
            [
                score(probabilities, labels, counted)
                for score in (metrics.calibration_error, metrics.brier, metrics.log_loss)
                for probabilities in (after, before)
            ]
        )

    names = ("calibration_error", "brier", "log_loss")
    values = intervals(measure, cases.lesions, seed)
    return {
        "cases": len(labels),
        "lesions": len(np.unique(cases.lesions)),
        **dict(zip([n + end for n in names for end in ("", "_before")], values, strict=True)),
        "perfect_95": round(perfect(after, each, cases.lesions, seed=seed), 4),
        "bins": metrics.reliability_bins(after, labels, each),
    }


def perfect(probabilities: Array, weights: Array, lesions: Labels, *, seed: int = 0) -> float:
    """The 95th percentile of the calibration error were these (N, K) probabilities true.

    Photos of one lesion have one diagnosis: they are right together, where equally confident.
    """
    random = np.random.default_rng(seed)
    confidence = probabilities.max(axis=1)
    _, owner = np.unique(lesions, return_inverse=True)
    luck = random.random((SIMULATIONS, owner.max() + 1))
    errors = [metrics.binned_error(confidence, row[owner] < confidence, weights) for row in luck]
    return float(np.percentile(errors, 95))

"""Metrics against scikit-learn's, and undefined ones."""

import numpy as np
import pytest
from sklearn import metrics as reference

from skinmodel.calibration import Calibration
from training.measuring import metrics
from training.measuring.evaluate import Arm, Scored, compare, report


@pytest.fixture
def scored() -> Scored:
    random = np.random.default_rng(0)
    labels = random.integers(8, size=160)
    logits = random.normal(size=(160, 8)) + 2 * np.eye(8)[labels]
    return Scored(logits.round(1), labels, np.arange(160) // 2)  # rounded: ties occur


def test_they_agree_with_scikit_learn(scored: Scored) -> None:
    scores = metrics.probabilities(scored.logits)
    weights = np.random.default_rng(1).integers(0, 3, size=160).astype(float)
    guess = scores.argmax(axis=1)
    matrix = metrics.confusion(guess, scored.labels, 8, weights)
    expected = reference.confusion_matrix(scored.labels, guess, sample_weight=weights)
    assert np.array_equal(matrix, expected)
    precision, recall, f1, _ = reference.precision_recall_fscore_support(
        scored.labels, guess, sample_weight=weights
    )
    assert metrics.precision(matrix) == pytest.approx(precision)
    assert metrics.recall(matrix) == pytest.approx(recall)
    assert metrics.f1(matrix) == pytest.approx(f1)
    areas = [
        reference.roc_auc_score(scored.labels == k, scores[:, k], sample_weight=weights)
        for k in range(8)
    ]
    assert metrics.RocAreas(scores, scored.labels)(weights) == pytest.approx(areas)
    assert metrics.log_loss(scores, scored.labels, weights) == pytest.approx(
        reference.log_loss(scored.labels, scores, sample_weight=weights)
    )


def test_what_is_undefined_is_none() -> None:
    scores = np.full((3, 8), 1 / 8)
    labels = np.array([1, 1, 1])
    assert metrics.RocAreas(scores, labels)() == [None] * 8
    matrix = metrics.confusion(scores.argmax(axis=1), labels, 8)
    assert metrics.recall(matrix)[0] is None
    assert metrics.precision(matrix)[1] is None
    found = report(Scored(scores, labels, labels), Calibration())
    assert found["macro_auroc"] is None
    assert found["per_diagnosis"]["MEL"]["recall"] is None


def test_calibration_error_of_known_cases() -> None:
    # Thirty photos at 80 %, of which 24 are right: no error. All wrong: 0.8.
    scores = np.tile([0.8, 0.2], (30, 1))
    scattered = np.arange(30) % 5 == 0
    assert metrics.calibration_error(scores, np.ones(30, int)) == pytest.approx(0.8)
    assert metrics.calibration_error(scores[:5], scattered[:5].astype(int)) < 0.9
    sure = np.tile([1.0, 0.0], (30, 1))
    assert metrics.calibration_error(sure, np.zeros(30, int)) == 0


def test_intervals_hold_their_value_and_follow_lesions(scored: Scored) -> None:
    whole = report(scored, Calibration())
    value, low, high = whole["balanced_accuracy"]
    assert low < value < high
    # The same photos as one lesion each: more independent cases, a narrower interval.
    doubled = Scored(
        np.repeat(scored.logits, 4, axis=0), np.repeat(scored.labels, 4), np.arange(640)
    )
    clustered = Scored(doubled.logits, doubled.labels, np.arange(640) // 8)
    apart, together = report(doubled, Calibration()), report(clustered, Calibration())
    assert apart["lesions"] == 640 and together["lesions"] == 80
    widths = [np.diff(r["accuracy"][1:])[0] for r in (apart, together)]
    assert widths[1] > 1.5 * widths[0]


def test_arms_are_compared_pairwise(scored: Scored) -> None:
    better = Scored(scored.logits + np.eye(8)[scored.labels], scored.labels, scored.lesions)
    sure = Calibration()

    def arm(case: Scored) -> Arm:
        mix = sure.probabilities(case.logits, prior="balanced")
        return Arm(mix, sure.probabilities(case.logits))

    arms = {"one": arm(scored), "other": arm(better), "third": arm(scored)}
    found = compare(arms, scored.labels, scored.lesions)
    value, low, high = found["other"]["minus"]["one"]["log_loss"]
    assert low < value < high < 0
    assert value == pytest.approx(
        found["other"]["log_loss"][0] - found["one"]["log_loss"][0], abs=2e-4
    )
    assert "minus" not in found["one"]
    # Resampled together: the same scores never differ, whatever lesions are drawn.
    assert found["third"]["minus"]["one"]["macro_auroc"] == [0, 0, 0]
    assert found["third"]["minus"]["other"]["log_loss"][1] > 0


def test_few_cases_are_not_sure() -> None:
    assert metrics.proportion(8, 8) == [1.0, pytest.approx(0.6756, abs=1e-4), 1.0]
    assert metrics.proportion(0, 10) == [0.0, 0.0, pytest.approx(0.2775, abs=1e-4)]
    assert metrics.proportion(81, 263) == pytest.approx([0.308, 0.2553, 0.3662], abs=1e-4)
    assert metrics.proportion(0, 0) is None
    labels = np.array([0, 0, 0, 1, 1, 1])
    found = report(Scored(5 * np.eye(8)[labels], labels, np.arange(6)), Calibration())
    assert found["per_diagnosis"]["MEL"]["recall"][1] < 0.5

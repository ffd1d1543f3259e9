"""Thresholds keep what they promise on new lesions; sets and the alert line follow from them."""

import numpy as np
import pytest

from skinmodel.calibration import Calibration
from skinmodel.diagnoses import CODES, MALIGNANT
from training.measuring.conformal import allowed_below, fit_line, fit_sets, threshold, thresholds
from training.measuring.evaluate import Scored

MEL, NV, BCC = (CODES.index(code) for code in ("MEL", "NV", "BCC"))


def drawn(lesions: int, seed: int = 0) -> Scored:
    """Diagnoses at random, logits that know them somewhat."""
    random = np.random.default_rng(seed)
    labels = random.choice(8, lesions, p=(0.2, 0.4, 0.1, 0.05, 0.1, 0.05, 0.05, 0.05))
    logits = random.normal(size=(lesions, 8)) + 2 * np.eye(8)[labels]
    return Scored(logits, labels, np.arange(lesions))


def test_a_new_lesion_reaches_the_threshold_as_often_as_promised() -> None:
    random = np.random.default_rng(0)
    for lesions in (12, 30, 99):
        # Uniform scores: a threshold t is reached by 1 - t of new lesions.
        found = [
            1 - threshold(random.random(lesions), np.arange(lesions), kept=0.9) for _ in range(2000)
        ]
        assert 0.895 < np.mean(found) < 0.9 + 1 / (lesions + 1) + 0.005


def test_each_lesion_counts_once() -> None:
    scores, lesions = np.linspace(0.01, 1, 100), np.arange(100)
    alone = threshold(scores, lesions, kept=0.9)
    assert alone == pytest.approx(0.1)
    crowd = (
        np.concatenate([scores, np.full(500, scores[0])]),
        np.concatenate([lesions, np.zeros(500, dtype=np.int64)]),
    )
    assert threshold(*crowd, kept=0.9) == alone


def test_too_few_lesions_allow_no_threshold() -> None:
    assert allowed_below(8, 0.9) == 0 and allowed_below(9, 0.9) == 1
    scores = np.full(8, 0.5)
    assert threshold(scores, np.arange(8), kept=0.9) == 0
    assert threshold(np.zeros(0), np.zeros(0, dtype=np.int64), kept=0.9) == 0
    assert threshold(np.full(9, 0.5), np.arange(9), kept=0.9) == 0.5


def test_sets_keep_every_group_of_diagnoses() -> None:
    kept_apart, new = drawn(1500), drawn(3000, seed=1)
    calibration = Calibration(1.0)
    rule = fit_sets(kept_apart, calibration)
    assert len(set(rule.thresholds)) == 3
    inside = rule.members(new.probabilities(calibration))[np.arange(3000), new.labels]
    for own in (new.labels == MEL, new.labels == NV, ~np.isin(new.labels, (MEL, NV))):
        assert inside[own].mean() > 0.87


def test_the_line_keeps_melanoma_and_all_malignant_lesions() -> None:
    kept_apart, new = drawn(1500), drawn(3000, seed=1)
    calibration = Calibration(1.0)
    line = fit_line(kept_apart, kept_apart.labels, calibration)
    assert line.threshold == min(thresholds(kept_apart, kept_apart.labels, calibration).values())
    score = new.probabilities(calibration)[:, list(MALIGNANT)].sum(axis=1)
    for own in (new.labels == MEL, np.isin(new.labels, MALIGNANT)):
        assert 0.92 < (score[own] >= line.threshold).mean() < 1


def test_a_binary_network_has_a_line_for_melanoma_too() -> None:
    eight = drawn(600)
    malignant = np.isin(eight.labels, MALIGNANT)
    hard = np.where(eight.labels == MEL, -1.0, 2.0)  # melanomas score lowest of the malignant
    logits = (eight.logits[:, 0] + np.where(malignant, hard, -3.0))[:, None]
    binary = Scored(logits, malignant.astype(np.int64), eight.lesions)
    found = thresholds(binary, eight.labels, Calibration(1.0))
    assert found["melanoma"] < found["malignant"]

"""Differences between two models on the same lesions, against exact values."""

import numpy as np
import pytest

from skinmodel.calibration import Calibration
from training.measuring.evaluate import Scored
from training.measuring.paired import DIFFERENCES, Pairs, differences, right


def test_the_interval_is_tangos() -> None:
    # Its limits are where the counts lie 1.96 deviations from what the difference lets expect,
    # the share of the other kind of pair being the likeliest under it: here searched on a grid.
    n, b, c = 50, 12, 2
    middle, *limits = Pairs(n, b, c).difference() or []
    assert middle == 0.2
    for limit, wanted in zip(limits, (1.96, -1.96), strict=True):
        q = np.linspace(1e-6, (1 - limit) / 2 - 1e-6, 200_001)
        likely = b * np.log(q + limit) + c * np.log(q) + (n - b - c) * np.log(1 - 2 * q - limit)
        share = q[likely.argmax()]
        score = (b - c - n * limit) / np.sqrt(n * (2 * share + limit * (1 - limit)))
        assert score == pytest.approx(wanted, abs=2e-3)
    # Without any disagreement the score limits are z^2 / (n + z^2).
    assert Pairs(100, 0, 0).difference() == pytest.approx([0, -0.0370, 0.0370], abs=1e-4)
    assert Pairs(0, 0, 0).difference() is None


def test_turning_the_pair_around_turns_the_interval_around() -> None:
    middle, low, high = Pairs(120, 9, 4).difference() or []
    assert Pairs(120, 4, 9).difference() == pytest.approx([-middle, -high, -low], abs=1e-4)


def test_mcnemar_is_exact() -> None:
    assert Pairs(100, 0, 0).mcnemar() == 1
    assert Pairs(100, 6, 0).mcnemar() == pytest.approx(2 / 2**6, abs=1e-4)
    assert Pairs(100, 1, 8).mcnemar() == pytest.approx(2 * 10 / 2**9, abs=1e-4)


def test_a_better_model_is_better_and_an_equal_one_no_different(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("training.measuring.evaluate.RESAMPLES", 100)
    random = np.random.default_rng(0)
    labels = np.tile(np.arange(8), 12)
    lesions = np.arange(len(labels))
    noise = random.normal(size=(len(labels), 8))
    good, poor = (Scored(s * np.eye(8)[labels] + noise, labels, lesions) for s in (3.0, 0.5))
    calibration = Calibration()
    found = differences((good, calibration), (poor, calibration))
    assert set(found) == set(DIFFERENCES)
    for name in ("balanced_accuracy", "macro_auroc", "malignancy_auroc", "macro_f1"):
        assert found[name][1] > 0, name
    assert found["log_loss"][2] < 0
    same = differences((good, calibration), (good, calibration))
    assert all(value == [0, 0, 0] for value in same.values())
    pairs = Pairs.of(right(good, calibration), right(poor, calibration))
    assert pairs.only_first > pairs.only_second and pairs.mcnemar() < 0.01

"""Calibration: temperature, priors, malignancy."""

import numpy as np
import pytest

from skinmodel.calibration import Calibration, fit_temperature, log_loss, malignancy
from skinmodel.diagnoses import CODES, MALIGNANT

MIX = (0.11, 0.67, 0.05, 0.01, 0.11, 0.01, 0.02, 0.02)


def test_equal_evidence_gives_the_prior() -> None:
    calibration = Calibration(2.0, MIX)
    logits = np.full((3, 8), 5.0)
    np.testing.assert_allclose(calibration.probabilities(logits, prior="training")[1], MIX)
    np.testing.assert_allclose(calibration.probabilities(logits, prior="balanced")[1], [1 / 8] * 8)


def test_huge_logits_stay_probabilities() -> None:
    logits = np.array([[1e4, -1e4] + [0] * 6, [-1e4] * 8])
    for prior in ("training", "balanced"):
        found = Calibration(0.1, MIX).probabilities(logits, prior=prior)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-12)


def test_malignancy_sums_melanoma_and_both_carcinomas() -> None:
    assert [CODES[i] for i in MALIGNANT] == ["MEL", "BCC", "SCC"]
    row = np.arange(8) / 28
    assert malignancy(row) == pytest.approx((0 + 2 + 7) / 28)
    assert malignancy(np.array([[0.3]])) == pytest.approx([0.3])


def test_a_binary_network_uses_log_odds() -> None:
    calibration = Calibration(2.0, MIX)
    assert calibration.probabilities([[0.0]], prior="balanced")[0, 0] == pytest.approx(0.5)
    malignant = 0.11 + 0.05 + 0.02
    assert calibration.probabilities([[0.0]], prior="training")[0, 0] == pytest.approx(malignant)
    assert np.isfinite(calibration.probabilities([[1e4], [-1e4]])).all()


@pytest.mark.parametrize("truth", [0.5, 1.0, 3.0])
def test_the_temperature_of_known_logits_is_found(truth: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (4000, 8)) * truth
    posterior = Calibration(truth, MIX).probabilities(logits)
    labels = (posterior.cumsum(axis=1) > random.random((4000, 1))).argmax(axis=1)
    found = fit_temperature(logits, labels, prior_training=MIX)
    assert found.temperature == pytest.approx(truth, rel=0.1)
    assert found.prior_training == MIX
    least = log_loss(found.probabilities(logits), labels)
    for other in (0.9, 1.1):
        worse = Calibration(found.temperature * other, MIX)
        assert log_loss(worse.probabilities(logits), labels) > least


def test_weights_count_and_binary_is_fitted() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 4, (4000, 1))
    calibration = Calibration(2.0, MIX)
    labels = (calibration.probabilities(logits)[:, 0] > random.random(4000)).astype(int)
    broken = np.where(np.arange(4000) < 2000, 1 - labels, labels)
    weights = (np.arange(4000) >= 2000).astype(float)
    found = fit_temperature(logits, broken, prior_training=MIX, weights=weights)
    assert found.temperature == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"prior_training": (1.0,)},
        {"prior_training": (0.0, *([1 / 7] * 7))},
        {"prior_training": (0.5,) * 8},
    ],
)
def test_what_makes_no_sense_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Calibration(**values)  # type: ignore[arg-type]


def test_an_unknown_prior_is_refused() -> None:
    with pytest.raises(ValueError):
        Calibration().probabilities([[0.0] * 8], prior="mine")  # type: ignore[arg-type]

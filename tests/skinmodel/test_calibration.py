"""Calibration: temperature, priors, malignancy."""

import numpy as np
import pytest

from skinmodel.calibration import Calibration, malignancy
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


def test_more_photos_have_a_temperature_of_their_own_and_diagnoses_a_shift() -> None:
    calibration = Calibration(2.0, MIX, by_photos=(1.0, 1.5, 2.0), shift=(0.7, *[-0.1] * 7))
    logits = np.random.default_rng(0).normal(0, 3, (4, 8))
    found = calibration.probabilities(logits, photos=[1, 2, 3, 9])
    for row, (temperature, expected) in enumerate(zip((2, 3, 4, 4), found, strict=True)):
        plain = Calibration(1.0, MIX).probabilities(logits[row] / temperature + calibration.shift)
        np.testing.assert_allclose(expected, plain)
    np.testing.assert_allclose(calibration.probabilities(logits[1], photos=2), found[1])


@pytest.mark.parametrize("outputs", [1, 8])
def test_confidence_sharpens_what_is_clear_and_keeps_the_order(outputs: int) -> None:
    logits = np.random.default_rng(0).normal(0, 3, (200, outputs))
    plain, surer = (Calibration(1.3, MIX, confidence=c) for c in (0.0, 0.8))
    for prior in ("training", "balanced"):
        before, after = (c.probabilities(logits, prior=prior) for c in (plain, surer))
        assert np.abs(after - before).max() > 0.03
        if prior == "balanced" and outputs == 8:
            assert (before.argmax(axis=1) == after.argmax(axis=1)).all()
            assert (after.max(axis=1) >= before.max(axis=1)).all()
    # Unclear cases stay as they are, and how clear one is does not depend on the mix asked for.
    even = np.zeros((1, outputs))
    np.testing.assert_allclose(surer.probabilities(even), plain.probabilities(even))


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"by_photos": (1.0, 1.0)},
        {"by_photos": (1.0, 1.0, 0.0)},
        {"shift": (0.0,) * 7},
        {"confidence": -0.1},
        {"confidence": float("inf")},
        {"shift": (float("nan"),) * 8},
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

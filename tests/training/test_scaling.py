"""Scaling: it finds what was done to known logits, and holds back where little is known."""

import numpy as np
import pytest

from skinmodel.calibration import Calibration
from training.measuring.evaluate import Scored
from training.measuring.metrics import Array, log_loss
from training.measuring.scaling import fit_scaling

MIX = (0.11, 0.67, 0.05, 0.01, 0.11, 0.01, 0.02, 0.02)


def answered(truth: Calibration, lesions: int, outputs: int = 8, photos: Array | int = 1) -> Scored:
    """Random logits, and diagnoses drawn as this calibration says."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (lesions, outputs))
    posterior = truth.probabilities(logits, photos=photos)
    if outputs == 1:
        labels = (posterior[:, 0] > random.random(lesions)).astype(int)
    else:
        labels = (posterior.cumsum(axis=1) > random.random((lesions, 1))).argmax(axis=1)
    counts = np.broadcast_to(np.asarray(photos, dtype=np.int64), (lesions,))
    return Scored(logits, labels, np.arange(lesions), counts)


@pytest.mark.parametrize("truth", [0.5, 1.0, 3.0])
def test_a_known_temperature_is_found(truth: float) -> None:
    cases = answered(Calibration(truth, MIX), 4000)
    found = fit_scaling(cases, prior_training=MIX)
    assert found.temperature * found.by_photos[0] == pytest.approx(truth, rel=0.1)
    assert np.abs(found.shift).max() < 0.3
    assert found.prior_training == MIX


def test_a_known_shift_and_a_softer_series_are_found() -> None:
    shift = (0.8, 0.3, -0.5, 0.0, -0.2, 0.0, -0.2, -0.2)
    truth = Calibration(1.0, MIX, by_photos=(1.0, 1.0, 2.0), shift=shift)
    cases = answered(truth, 6000, photos=np.where(np.arange(6000) < 3000, 1, 4))
    found = fit_scaling(cases, prior_training=MIX)
    assert np.array(found.shift) == pytest.approx(np.array(shift), abs=0.25)
    assert found.by_photos[2] / found.by_photos[0] == pytest.approx(2, rel=0.15)
    plain = Calibration(1.2, MIX)
    losses = [log_loss(cases.probabilities(c), cases.labels) for c in (found, plain)]
    assert losses[0] < losses[1] - 0.05


def test_the_sure_get_a_temperature_of_their_own() -> None:
    truth = Calibration(1.2, MIX, confidence=0.6)
    cases = answered(truth, 6000)
    found = fit_scaling(cases, prior_training=MIX)
    assert found.confidence == pytest.approx(0.6, abs=0.2)
    assert found.temperature == pytest.approx(1.2, rel=0.15)
    # A clearer case is never shown as less sure than one that is less clear.
    other = answered(Calibration(0.5, MIX), 3000)
    unsure = Scored(other.logits**3 / 30, other.labels, other.lesions)
    assert fit_scaling(unsure, prior_training=MIX).confidence == pytest.approx(0)


def test_a_few_lesions_move_little() -> None:
    found = fit_scaling(answered(Calibration(1.0, MIX), 12), prior_training=MIX)
    assert np.abs(found.shift).max() < 0.7
    assert np.ptp(found.by_photos) < 0.2
    assert found.confidence < 0.5


def test_a_lesion_counts_once_however_many_photos() -> None:
    cases = answered(Calibration(2.0, MIX), 300)
    rows = np.concatenate([np.arange(300), np.zeros(200, dtype=np.int64)])
    once, often = (fit_scaling(c, prior_training=MIX) for c in (cases, cases.only(rows)))
    assert often.temperature == pytest.approx(once.temperature, rel=1e-3)
    np.testing.assert_allclose(often.shift, once.shift, atol=1e-3)


def test_a_binary_network_is_scaled() -> None:
    truth = Calibration(2.0, MIX, shift=(0.6,))
    found = fit_scaling(answered(truth, 6000, outputs=1), prior_training=MIX)
    assert found.temperature * found.by_photos[0] == pytest.approx(2, rel=0.15)
    assert found.shift == pytest.approx((0.6,), abs=0.15)


def test_logits_that_tell_the_wrong_thing_are_flattened() -> None:
    cases = answered(Calibration(0.3, MIX), 400)
    wrong = Scored(-cases.logits, cases.labels, cases.lesions)
    found = fit_scaling(wrong, prior_training=MIX)
    assert found.temperature > 10 and np.isfinite(found.probabilities(wrong.logits)).all()

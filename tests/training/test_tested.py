"""What is counted on test lesions, and how sure the counts make one."""

import numpy as np
import pytest

from skinmodel.alert import AlertLine
from skinmodel.calibration import Calibration
from skinmodel.diagnoses import CODES
from skinmodel.sets import SetRule
from training.measuring.evaluate import Scored
from training.measuring.reliability import reliability
from training.measuring.tested import (
    count_alerts,
    count_sets,
    expected,
    measure_alerts,
    measure_sets,
)

MEL, NV, SCC = (CODES.index(code) for code in ("MEL", "NV", "SCC"))
LABELS = np.array([MEL, MEL, MEL, NV, NV, NV, NV, SCC])
# Leading by log(10): a melanoma seen as one, one as a nevus, one as SCC; and so on.
LEADING = np.array([MEL, NV, SCC, NV, NV, NV, MEL, SCC])
CALIBRATION = Calibration(
    1.0,
    sets=SetRule(coverage=0.9, thresholds=(0.05, *[0.5] * 7)),
    alert=AlertLine(sensitivity=0.95, threshold=0.4),
)


@pytest.fixture
def cases() -> Scored:
    return Scored(np.log(10) * np.eye(8)[LEADING], LABELS, np.arange(8))


def test_sets_are_counted(cases: Scored) -> None:
    # Melanoma belongs to every set (1/17 reaches 0.05), the others only where they lead.
    found = count_sets(cases, CALIBRATION, photos=1)
    assert (found.cases, found.contained) == (8, 7)
    assert (found.melanomas, found.melanomas_contained) == (3, 3)
    measured = measure_sets(cases, CALIBRATION, fitted=LABELS, alike=cases)
    assert measured["coverage"][0] == 0.875
    assert measured["mean_size"][0] == pytest.approx((2 * 1 + 6 * 2) / 8)
    assert measured["sizes"] == [2, 6, 0, 0, 0, 0, 0, 0]
    assert measured["per_diagnosis"]["NV"]["share"][0] == 0.75
    assert measured["per_diagnosis"]["BCC"] == {"cases": 0, "share": None}
    assert measured["per_group"]["NV"]["fitted_on"] == 4
    assert measure_sets(cases, CALIBRATION)["expected"] is None
    assert measured["per_group"]["MEL"]["share"] == [1.0, pytest.approx(0.4385, abs=1e-4), 1.0]


def test_alerts_are_counted(cases: Scored) -> None:
    found = count_alerts(cases, LABELS, CALIBRATION, photos=1)
    assert (found.melanomas, found.melanomas_below) == (3, 1)
    assert (found.malignant, found.malignant_below) == (4, 1)
    assert (found.benign, found.benign_below) == (4, 3)
    measured = measure_alerts(cases, LABELS, CALIBRATION, fitted=LABELS)
    assert measured["sensitivity_malignant"]["share"][0] == 0.75
    assert measured["specificity"][0] == 0.75
    assert measured["benign_per_malignant"][0] == pytest.approx(1 / 3, abs=1e-4)


def test_a_refusal_is_never_a_negative(cases: Scored) -> None:
    refused = np.isin(np.arange(8), (1, 3))  # the melanoma below the line, and a nevus below it
    found = count_alerts(cases, LABELS, CALIBRATION, photos=1, refused=refused)
    assert found.melanomas_below == found.malignant_below == 0
    assert found.benign_below == 2
    measured = measure_alerts(cases, LABELS, CALIBRATION, fitted=LABELS, refused=refused)
    assert measured["sensitivity_melanoma"]["share"][0] == 1
    assert measured["specificity"][0] == 0.5
    assert measured["refused"] == 2


def test_the_range_to_expect_has_both_samples_in_it() -> None:
    assert expected([(999_999, 10**6, 100_000)], kept=0.9) == pytest.approx(
        [0.898, 0.902], abs=5e-4
    )
    low, high = expected([(59, 59, 100_000)], kept=0.9) or (0, 0)
    assert (low, high) == pytest.approx((0.812, 0.963), abs=0.005)  # Beta(54, 6)
    wider = expected([(59, 59, 60)], kept=0.9) or (0, 0)
    assert wider[0] < low and wider[1] > high
    assert expected([(5, 5, 20)], kept=0.9) == [1, 1]  # no threshold, so all are in
    assert expected([(50, 5, 0)], kept=0.9) is None
    assert expected([(0, 0, 50)], kept=0.9) is None  # what it was fitted on is not known


def test_what_the_likeliest_alone_keeps_is_expected() -> None:
    """99 of 100 kept though 90 would do: the next hundred thousand lie near 99 %, not 90 %."""
    low, high = expected([(999, 10, 100_000)], kept=0.9) or (0, 0)
    assert (low, high) == pytest.approx((0.982, 0.9945), abs=0.002)  # Beta(989, 11)
    both = expected([(999, 10, 50_000), (999, 999, 50_000)], kept=0.9) or (0, 0)
    assert 0.93 < both[0] < 0.945 < both[1] < 0.96


def test_a_true_model_stays_below_the_limit_and_a_boastful_one_does_not() -> None:
    random = np.random.default_rng(3)
    logits = random.normal(0, 2, (1200, 8))
    posterior = Calibration(2.0).probabilities(logits)
    labels = (posterior.cumsum(axis=1) > random.random((1200, 1))).argmax(axis=1)
    cases = Scored(logits, labels, np.arange(1200))
    found = reliability(cases, Calibration(2.0))
    assert found["calibration_error"][0] <= found["perfect_95"] < 0.06
    assert found["calibration_error_before"][0] > 2 * found["perfect_95"]
    assert found["brier"][0] < found["brier_before"][0]
    assert found["log_loss"][2] < found["log_loss_before"][1]
    assert sum(count for _, _, count in found["bins"]) == 1200
    confidence = [bin[0] for bin in found["bins"]]
    assert len(confidence) == 15 and confidence == sorted(confidence)

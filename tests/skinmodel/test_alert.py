"""The alert line: what it refuses, and which testing speaks for it."""

from typing import Any

import pytest

from skinmodel.alert import AlertLine, AlertTest
from skinmodel.calibration import Calibration

COUNTS = {"melanomas": 5, "melanomas_below": 1, "malignant": 9, "malignant_below": 2}
BENIGN = {"benign": 30, "benign_below": 20}


def test_it_survives_the_card() -> None:
    test = AlertTest(photos=1, **COUNTS, **BENIGN)
    line = AlertLine(sensitivity=0.95, threshold=0.07, tested=(test,))
    calibration = Calibration(1.5, alert=line)
    assert Calibration.from_dict(calibration.to_dict()) == calibration
    assert line.test(3) == test and AlertLine(sensitivity=0.95, threshold=0.07).test(1) is None


@pytest.mark.parametrize(
    "wrong",
    [{"threshold": float("nan")}, {"threshold": 1.5}, {"sensitivity": 0.0}],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="alert line"):
        AlertLine(**{"sensitivity": 0.95, "threshold": 0.1} | wrong)


@pytest.mark.parametrize("wrong", [{"melanomas_below": 6}, {"benign_below": 31}, {"benign": 1.5}])
def test_counts_that_do_not_fit_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="counts"):
        AlertTest(photos=1, **COUNTS | BENIGN | wrong)

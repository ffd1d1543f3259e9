"""Prediction sets: who belongs to them, and which testing speaks for them."""

from typing import Any

import numpy as np
import pytest

from skinmodel.calibration import Calibration
from skinmodel.sets import SetRule, SetTest


def counted(photos: int, cases: int = 9) -> SetTest:
    return SetTest(photos=photos, cases=cases, contained=cases, melanomas=0, melanomas_contained=0)


def test_a_set_holds_what_reaches_its_threshold_likeliest_first() -> None:
    rule = SetRule(coverage=0.9, thresholds=(0.05, *[0.2] * 7))
    assert rule.codes(np.array([0.1, 0.25, 0.4, 0.15, 0.1, 0, 0, 0])) == ("BCC", "NV", "MEL")


def test_a_set_is_never_empty() -> None:
    rule = SetRule(coverage=0.9, thresholds=(0.9,) * 8)
    rows = np.array([[[0.1, 0.3, 0.2, 0.4, 0, 0, 0, 0]], [[0.5, 0.5, 0, 0, 0, 0, 0, 0]]])
    assert rule.members(rows).sum(axis=-1).tolist() == [[1], [1]]
    assert rule.codes(rows[0, 0]) == ("AK",)


def test_the_test_is_of_as_many_photos_or_the_nearest_fewer() -> None:
    one, two, none = [counted(1), counted(2), counted(3, cases=0)]
    rule = SetRule(coverage=0.9, thresholds=(0.1,) * 8, tested=(one, two, none))
    assert [rule.test(photos) for photos in (1, 2, 3, 9)] == [one, two, two, two]
    assert SetRule(coverage=0.9, thresholds=(0.1,) * 8).test(1) is None


def test_it_survives_the_card() -> None:
    rule = SetRule(coverage=0.9, thresholds=(0.1,) * 8, tested=(counted(1), counted(2)))
    calibration = Calibration(1.5, sets=rule)
    values = calibration.to_dict()
    as_json = values | {"sets": values["sets"] | {"thresholds": [0.1] * 8}}
    assert Calibration.from_dict(as_json) == calibration


@pytest.mark.parametrize(
    "wrong",
    [
        {"coverage": 1.0},
        {"thresholds": (0.1,) * 7},
        {"thresholds": (0.1,) * 7 + (float("nan"),)},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="sets"):
        SetRule(**{"coverage": 0.9, "thresholds": (0.1,) * 8} | wrong)


def test_counts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="counts"):
        SetTest(photos=1, cases=4, contained=5, melanomas=0, melanomas_contained=0)

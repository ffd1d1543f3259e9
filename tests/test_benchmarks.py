"""The benchmarks still run: on tiny sizes, and what they print is read back."""

import math
from dataclasses import replace
from importlib.util import find_spec

import pytest

from benchmarks import beside, diagnose, explain, neighbours, pipeline, records, train, visit
from benchmarks.__main__ import BENCHMARKS, in_a_child, machine
from benchmarks.row import Row, table_row, text

TINY = {"filters": (4, 8), "lstm_units": 4}


def test_training_is_measured() -> None:
    result = train.measure("conv", rounds=1, batches=1, batch=16, size=32, **TINY)
    assert set(result["ratios"]) == {"textbook", "network alone"}
    assert all(math.isfinite(rate) and rate > 0 for rate in result["per_second"].values())


def test_preparing_photos_is_measured() -> None:
    rate = pipeline.measure("conv", rounds=1, batch=16, size=32, large=diagnose.upload, **TINY)
    assert len(rate) == 5 and all(0 < images < 1e9 for images in rate.values())


def test_diagnosing_is_measured() -> None:
    result = diagnose.measure(rounds=1, photos={"600 x 450": diagnose.upload(0)})["600 x 450"]
    assert set(result["ratios"]) == {diagnose.BASE, "differential", "with all heat maps"}
    assert all(0 < seconds < 60 for seconds in result["seconds"].values())


def test_explaining_is_measured() -> None:
    seconds = explain.measure(1, rounds=1)
    assert all(seconds[name] > 0 for name in ("bare", "one", "eight", "library one"))


def test_the_records_are_measured() -> None:
    result = records.measure(rounds=1, small=4, large=20, pages=2)
    assert set(result) == {"search", "patient page", "lesion page"}
    assert all(one["ratio"] > 0 for one in result.values())


def test_a_visit_more_is_measured() -> None:
    result = visit.measure(rounds=1, visits=3)
    assert 0 < result["ratios"]["one more"] < 1


def test_finding_neighbours_is_measured() -> None:
    result = neighbours.measure(rounds=1, lesions=50, features=16)
    assert all(seconds > 0 for seconds in result["seconds"].values())


@pytest.mark.slow
def test_analyses_beside_a_run_are_measured() -> None:
    result = beside.measure(rounds=1, analyses=2, backbone="conv")
    assert result["ratio"] == result["beside"] / result["alone"] > 0


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_name_is_a_module(name: str) -> None:
    assert find_spec(f"benchmarks.{name}")


def test_whether_a_limit_is_met_is_said() -> None:
    row = Row("Speed", 1.234, "5 against 4", "at least 2x", met=False)
    assert "1.23x" in text(row) and "MISSED" in text(row)
    assert table_row(row) == "| Speed | 1.23x | 5 against 4 | at least 2x: missed |"
    assert table_row(replace(row, met=True)).endswith("| at least 2x: met |")
    assert "Python" in machine()


def test_one_that_takes_too_long_or_fails_leaves_the_others_their_turn() -> None:
    (late,) = in_a_child("records", seconds=0)
    assert not late.met and "took longer" in late.what and "failed" in table_row(late)
    (broken,) = in_a_child("none")
    assert not broken.met and broken.what.startswith("none failed")

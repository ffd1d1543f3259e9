"""Lesions never change sides."""

from tests.training.conftest import Layout
from training.data.manifest import read_isic
from training.data.splits import SHARES, assign, split_of


def test_shares_are_met() -> None:
    sides = [split_of(f"lesion {i}") for i in range(20_000)]
    for name, share in SHARES:
        assert abs(sides.count(name) / len(sides) - share) < 0.01


def test_a_side_never_changes() -> None:
    # Written down once: another value here means every published model has seen its test lesions.
    expected = {
        "HAM_0000000": "calibration",
        "HAM_0000005": "train",
        "HAM_0000011": "validation",
        "HAM_0000012": "calibration",
        "HAM_0000040": "validation",
        "HAM_0000077": "train",
        "HAM_0000100": "train",
        "HAM_0001234": "train",
    }
    assert {lesion: split_of(lesion) for lesion in expected} == expected


def test_the_patient_decides_where_known(isic: Layout) -> None:
    table = read_isic(isic.folder).table
    by_lesion = assign(table)
    assert by_lesion.groupby("lesion")["split"].nunique().eq(1).all()
    by_patient = assign(table.assign(patient="one"))
    assert by_patient["split"].nunique() == 1

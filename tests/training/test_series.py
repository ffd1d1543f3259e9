"""Several photos of one lesion: the series against simpler ways, and what their order does."""

from math import nan

import numpy as np
import pytest
import torch

from skinmodel.calibration import Calibration
from skinmodel.network import CnnLstm, ModelConfig
from training.measuring.series import FIRST, MEAN, SERIES, several_photos


@pytest.fixture
def network() -> CnnLstm:
    config = ModelConfig(backbone="conv", filters=(4, 6), lstm_units=5, dropout=0.0)
    return CnnLstm(config).eval().requires_grad_(False)


def measured(network: CnnLstm, days: float = nan):
    pooled = 3 * torch.randn(40, 6)
    rows = [[0], *([i, i + 1, i + 2] for i in range(1, 40, 3))]
    when = [[days + i for i in range(len(members))] for members in rows]
    labels = np.arange(len(rows)) % 8
    return several_photos(network, pooled, rows, when, labels, calibration=Calibration())


def test_the_series_is_compared_with_both_simpler_ways(network: CnnLstm, monkeypatch) -> None:
    monkeypatch.setattr("training.measuring.evaluate.RESAMPLES", 50)
    found = measured(network)
    assert (found["lesions"], found["photos"]) == (13, 39)
    assert list(found["arms"]) == [FIRST, MEAN, SERIES]
    assert list(found["arms"][SERIES]["minus"]) == [FIRST, MEAN]
    order = found["order"]
    assert order["lesions"] == 13 and order["largest_change"][0] > 0


def test_a_network_that_only_averages_does_not_heed_the_order(
    network: CnnLstm, monkeypatch
) -> None:
    monkeypatch.setattr("training.measuring.evaluate.RESAMPLES", 5)
    for weight in network.lstm.parameters():
        weight.zero_()
    order = measured(network)["order"]
    assert order["same_leading_diagnosis"][0] == 1
    assert order["largest_change"][0] == pytest.approx(0, abs=1e-4)


def test_dated_series_have_one_order(network: CnnLstm, monkeypatch) -> None:
    monkeypatch.setattr("training.measuring.evaluate.RESAMPLES", 5)
    assert measured(network, days=0.0)["order"] is None


def test_single_photos_leave_nothing_to_compare(network: CnnLstm) -> None:
    found = several_photos(
        network, torch.randn(2, 6), [[0], [1]], [[nan], [nan]], np.zeros(2, int),
        calibration=Calibration(),
    )  # fmt: skip
    assert found["lesions"] == 0 and found["arms"] == {}

"""How far the LSTM counts, chosen on lesions that the network did not learn from."""

from dataclasses import replace
from math import nan

import numpy as np
import pytest
import torch

from skinmodel.network import CnnLstm, ModelConfig
from training.measuring.cases import Cases
from training.measuring.evaluate import Scored
from training.measuring.scoring import head_logits
from training.measuring.weighing import LEAST, MOST, weigh_course

EVEN = [1 / 8] * 8


@pytest.fixture(params=["multiclass", "binary"])
def network(request: pytest.FixtureRequest) -> CnnLstm:
    config = ModelConfig(
        backbone="conv", filters=(4, 6), lstm_units=5, dropout=0.0, task=request.param
    )
    network = CnnLstm(config).eval().requires_grad_(False)
    for weight in network.lstm.parameters():
        weight.mul_(3)
    network.classifier.weight.mul_(4)
    return network


def cases_for(network: CnnLstm, share: float, lesions: int = 300) -> Cases:
    """Lesions of three visits whose diagnosis is what the network says at this share."""
    pooled = 3 * torch.randn(3 * lesions, 6)
    rows = [[i, i + 1, i + 2] for i in range(0, 3 * lesions, 3)]
    days = [[nan] * 3 for _ in rows]
    network.course.fill_(np.log(share / (1 - share)))
    logits = head_logits(network, pooled, rows, days)
    labels = logits.argmax(axis=1) if logits.shape[1] > 1 else (logits[:, 0] > 0).astype(int)
    network.course.zero_()
    scored = Scored(logits, labels, np.arange(lesions))
    return Cases(
        photos=scored, series=scored, by_number={}, pooled=pooled, early=pooled, rows=rows,
        days=days, diagnoses=labels,
    )  # fmt: skip


def test_what_tells_more_of_unseen_lesions_counts_more(network: CnnLstm) -> None:
    shares = []
    for true in (LEAST, MOST):
        share = weigh_course(network, cases_for(network, true), prior_training=EVEN)
        assert share is not None and LEAST <= share <= MOST
        assert network.course.sigmoid().item() == pytest.approx(share, abs=1e-5)
        shares.append(share)
    assert shares[0] + 0.2 < shares[1]


def test_few_series_change_nothing(network: CnnLstm) -> None:
    assert weigh_course(network, cases_for(network, 0.9, lesions=5), prior_training=EVEN) is None
    assert network.course.item() == 0


def test_photos_of_one_day_are_no_course(network: CnnLstm) -> None:
    cases = cases_for(network, 0.9)
    cases = replace(cases, days=[[0.0] * 3 for _ in cases.rows])
    assert weigh_course(network, cases, prior_training=EVEN) is None
    assert network.course.item() == 0

"""What each visit counted for is what is missing without it."""

import datetime
from pathlib import Path

import numpy as np
import pytest
import torch

from skinmodel.analysis import analyse
from skinmodel.bundle import Model, load_model
from skinmodel.drawn import draw_lesion
from skinmodel.influence import MOST, without_each
from skinmodel.series import SeriesPhoto, arrange
from tests.tiny import save_tiny_model

DAYS = [datetime.date(2025, 1, 1) + datetime.timedelta(days=90 * n) for n in (0, 1, 1, 3)]
PHOTOS = [SeriesPhoto(draw_lesion(n, size=(80, 60)), str(n), "", d) for n, d in enumerate(DAYS)]


@pytest.fixture(scope="module", params=[False, True], ids=["order", "days"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder: Path = tmp_path_factory.mktemp("models")
    return load_model(save_tiny_model(folder, uses_days=request.param))


def test_each_visit_left_out_is_the_series_without_it(model: Model) -> None:
    whole = analyse(model, PHOTOS, explain=False)
    assert whole.without_each.shape == (3, 8)
    for visit, day in enumerate(sorted(set(DAYS))):
        rest = analyse(model, [one for one in PHOTOS if one.taken_on != day], explain=False)
        np.testing.assert_allclose(whole.without_each[visit], rest.probabilities[-1], atol=1e-5)
    assert np.ptp(whole.without_each, axis=0).max() > 1e-3  # or the test above says nothing


def test_one_visit_and_very_many_have_none(model: Model) -> None:
    assert analyse(model, PHOTOS[:1], explain=False).without_each.shape == (0, 8)
    many = arrange([SeriesPhoto(PHOTOS[0].picture, str(n), "", None) for n in range(MOST + 1)])
    pooled = torch.zeros(MOST + 1, 12)
    assert without_each(model, pooled, many, "training").shape == (0, 8)

"""A promoted model serves at once, and every analysis is wholly of one version."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import streamlit as st

from pages.components.frame import serving
from skinmodel.analysis import SeriesPhoto, analyse
from skinmodel.drawn import draw_lesion
from skinmodel.registry import Registry
from skinmodel.weights import WEIGHTS, InvalidModel
from tests.tiny import save_tiny_model

AT_ONCE = 20


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """Version 1.0 of the program, in use, and the clinic's own 1.1, a different network."""
    monkeypatch.setenv("SKIN_MODELS_DIR", str(tmp_path / "bundled"))
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path))
    save_tiny_model(tmp_path / "bundled", "1.0")
    registry = serving.registry()
    registry.register(save_tiny_model(tmp_path / "run", "1.1", filters=(8, 8, 8)))
    st.cache_resource.clear()
    yield registry
    st.cache_resource.clear()


def test_a_promotion_serves_at_once_and_a_roll_back_too(models: Registry) -> None:
    first = serving.model()
    assert first.version == "1.0" and serving.model() is first
    models.promote("1.1")
    assert serving.model().version == "1.1"
    models.roll_back()
    assert serving.model() is first


def test_promoting_while_twenty_analyses_run_mixes_nothing(models: Registry) -> None:
    photo = SeriesPhoto(draw_lesion(3, size=(120, 90)), "0" * 64, "a.jpg", None)
    expected = {}
    for version in models.versions():
        model = serving.load(models.folder(version))
        expected[model.sha256] = version, analyse(model, [photo])
    assert len(expected) == 2

    def examine(_: int) -> str:
        found = analyse(serving.model(), [photo])
        version, same = expected[found.model_sha256]
        assert found.model_version == version
        for name in ("probabilities", "alert_scores", "raw_maps"):
            np.testing.assert_array_equal(getattr(found, name), getattr(same, name))
        return version

    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(examine, i) for i in range(6 * AT_ONCE)]
        while not all(one.done() for one in running):
            models.promote("1.1")
            models.roll_back()
        assert {one.result() for one in running} == {"1.0", "1.1"}


def test_a_promoted_model_that_broke_gives_way_to_the_programs_own(models: Registry) -> None:
    models.promote("1.1")
    weights = models.own / "1.1" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    in_use = serving.in_use()
    assert in_use.model.version == "1.0"
    assert "Model 1.1 cannot be used" in in_use.problem
    assert "Model 1.0 is used instead." in in_use.problem
    (models.bundled / "1.0" / WEIGHTS).unlink()
    st.cache_resource.clear()
    with pytest.raises(InvalidModel, match="missing"):
        serving.in_use()

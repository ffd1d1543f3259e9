"""Training the head alone: features computed once, then a run like any other, and its start."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from skinmodel.bundle import read_network
from skinmodel.network import CnnLstm, ModelConfig
from skinmodel.transforms import Preparation
from tests.tiny import save_tiny_model
from tests.training.conftest import Layout
from training.learning.checkpoint import load_tensors
from training.learning.config import InvalidConfig, TrainConfig
from training.learning.features import BLOCK
from training.learning.origin import fill, settings_for
from training.learning.run import Run, open_run, source_for, train
from training.measuring.scoring import photo_features
from training.runs.folder import BEST, HISTORY, LAST


@pytest.fixture
def head(tiny: TrainConfig) -> TrainConfig:
    return dataclasses.replace(tiny, learns="head", views=2)


def backbone_file(path: Path, config: TrainConfig, seed: int = 5) -> Path:
    torch.manual_seed(seed)
    save_file(CnnLstm(config.model).backbone.state_dict(), path)
    return path


@pytest.fixture
def init(tmp_path: Path, head: TrainConfig) -> Path:
    return backbone_file(tmp_path / "backbone.safetensors", head)


def opened(isic: Layout, folder: Path, config: TrainConfig) -> Run:
    cache = folder.parent / "cache"
    return open_run(
        data=isic.folder, folder=folder, config=config, cache=cache, progress=lambda *_: None
    )


def lines(run: Run) -> list[dict]:
    return [json.loads(line) for line in (run.folder / HISTORY).read_text().splitlines()]


def test_only_the_head_learns(isic: Layout, tmp_path: Path, head, init) -> None:
    run = opened(isic, tmp_path / "run", head)
    said: list[dict] = []
    assert train(run, init=init, log=said.append, stop=lambda: False)
    assert said[0] == {"stage": "start", "from": init.name, "parts": ("backbone",)}
    assert [line["stage"] for line in said[1:]] == ["features", *["epoch"] * head.epochs]
    assert said[1]["done"] == said[1]["total"] == 2 * int((run.table["split"] != "test").sum())

    history = lines(run)
    assert history[-1]["loss"] < history[0]["loss"]
    assert {line["size"] for line in history} == {head.preparation.size}
    tensors, _ = load_tensors(run.folder / BEST)
    started = CnnLstm(head.model)
    fill(started, init)
    for name, tensor in started.backbone.state_dict().items():
        assert torch.equal(tensor, tensors[f"backbone.{name}"]), name
    CnnLstm(head.model).load_state_dict(tensors)


def test_features_are_those_the_clinic_would_see(
    isic: Layout, tmp_path: Path, head, init, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.learning.features.BLOCK", 7)
    run = opened(isic, tmp_path / "run", head)
    network = CnnLstm(head.model).eval()
    fill(network, init)
    source = source_for(run, network, log=lambda _: None, stop=lambda: False)
    lesions = run.lesions("validation")
    photos = [photo for members in lesions.photos for photo in members]
    expected = photo_features(network, run.cache.__getitem__, photos, head.preparation)
    assert torch.allclose(torch.from_numpy(source.pooled(photos)), expected, atol=1e-5)
    # The other version is another one, and both are drawn.
    drawn = {
        source.view(photos[0], 0, np.random.default_rng(seed), 1.0).tobytes() for seed in range(9)
    }
    assert len(drawn) == head.views
    with pytest.raises(KeyError):  # what is locked for testing was not even computed
        source.pooled([int(run.table.index[run.table["split"] == "test"][0])])


def test_features_are_computed_again_only_when_something_changed(
    isic: Layout, tmp_path: Path, head, init
) -> None:
    run = opened(isic, tmp_path / "run", head)
    photos = int((run.table["split"] != "test").sum())
    assert photos < BLOCK

    def computed(run: Run, seed: int) -> int:
        network = CnnLstm(head.model)
        fill(network, backbone_file(init, head, seed))
        said: list[dict] = []
        assert source_for(run, network, log=said.append, stop=lambda: False)
        return sum(line["total"] for line in said)

    assert computed(run, 5) == 2 * photos
    assert computed(run, 5) == 0
    assert computed(run, 6) == 2 * photos
    stronger = dataclasses.replace(run, config=dataclasses.replace(head, augmentation=1.5))
    folder = run.cache.stem.parent / "features"
    before = set(folder.iterdir())
    computed(stronger, 5)
    assert len(set(folder.iterdir()) - before) == 1  # the version as the clinic sees it stays


def test_a_stopped_head_ends_as_an_undisturbed_one(
    isic: Layout, tmp_path: Path, head, init, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.learning.features.BLOCK", 40)
    whole, cut = (opened(isic, tmp_path / name / "run", head) for name in ("whole", "cut"))
    asked: list[str] = []
    assert train(
        whole,
        init=init,
        log=lambda line: asked.append(line["stage"]),
        stop=lambda: bool(asked.append("stop?")),
    )
    features = asked[: asked.index("features")].count("stop?")
    others = backbone_file(tmp_path / "other.safetensors", head, seed=6)
    for questions in (1, features // 2, features + 3):  # among the features, then in an epoch
        left = iter(range(questions))
        finished = train(
            cut, init=init, log=lambda _: None, stop=lambda left=left: next(left, None) is None
        )
        assert not finished
    assert (cut.folder / LAST).exists()
    # Once begun, a run keeps its own backbone.
    assert train(cut, init=others, log=lambda _: None, stop=lambda: False)
    expected, found = (load_tensors(run.folder / LAST)[0] for run in (whole, cut))
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_a_head_needs_something_to_stand_on(isic: Layout, tmp_path: Path, head) -> None:
    with pytest.raises(InvalidConfig, match="weights to start from"):
        train(
            opened(isic, tmp_path / "run", head), init=None, log=lambda _: None, stop=lambda: False
        )


def test_a_model_gives_its_head_where_it_fits(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path)
    model, preparation = read_network(folder)
    config = settings_for({"learns": "head"}, folder)
    assert (config.model, config.preparation) == (model.config, preparation)
    same = CnnLstm(config.model)
    assert fill(same, folder) == ("backbone", "head")
    assert torch.equal(same.classifier.weight, model.classifier.weight)

    other = settings_for({"model": {"lstm_units": 5}, "preparation": {"size": 32}}, folder)
    assert other.preparation == Preparation(size=32, scale=40)
    assert other.model == dataclasses.replace(model.config, lstm_units=5)
    assert fill(CnnLstm(other.model), folder) == ("backbone",)

    with pytest.raises(InvalidConfig, match="not weights for resnet18"):
        fill(CnnLstm(ModelConfig(backbone="resnet18")), folder)
    (folder / "card.json").write_text("{}")
    for refused in (lambda: fill(same, folder), lambda: settings_for({}, folder)):
        with pytest.raises(InvalidConfig, match="tiny-1 cannot be used"):
            refused()


def test_a_network_that_reads_days_starts_from_one_that_does_not(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path)
    model, _ = read_network(folder)
    dated = CnnLstm(dataclasses.replace(model.config, uses_days=True)).eval()
    assert fill(dated, folder) == ("backbone", "head")
    pooled, visit = torch.randn(2, 3, 12), torch.arange(3).expand(2, 3)
    days = torch.tensor([[0.0, 30.0, 400.0]] * 2)
    with torch.no_grad():
        assert torch.allclose(
            dated.forward_pooled(pooled, visit, days), model.eval().forward_pooled(pooled, visit)
        )

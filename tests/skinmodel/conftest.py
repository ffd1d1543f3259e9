"""A tiny model, in memory and as a folder, and drawn lesions to show it."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from skinmodel.bundle import Model, load_model, save_model
from skinmodel.calibration import Calibration
from skinmodel.drawn import draw_lesion
from skinmodel.network import CnnLstm, ModelConfig
from skinmodel.series import SeriesPhoto
from skinmodel.transforms import Preparation

FREQUENCIES = (0.11, 0.67, 0.05, 0.01, 0.11, 0.01, 0.02, 0.02)


def _network(**config: Any) -> CnnLstm:
    torch.manual_seed(1)
    values: dict[str, Any] = {"backbone": "conv", "filters": (6, 8, 12), "lstm_units": 16}
    network = CnnLstm(ModelConfig(**values | {"dense_units": (10,)} | config)).eval()
    with torch.no_grad():
        network.classifier.weight.mul_(20)  # so that photos differ in more than the last digits
        network.shortcut.weight.mul_(5)
    return network


def _save(folder: Path, network: CnnLstm | None = None, **config: Any) -> Path:
    return save_model(
        folder,
        network or _network(**config),
        version=folder.name,
        preparation=Preparation(size=48, scale=40),
        calibration=Calibration(1.5, FREQUENCIES),
        rest={"licence": "none"},
    )


@pytest.fixture(scope="session")
def make_network() -> Callable[..., CnnLstm]:
    """Makes a network of a few thousand weights, the same each time, with a config's changes."""
    return _network


@pytest.fixture(scope="session")
def save_tiny() -> Callable[..., Path]:
    """Saves a tiny model into a folder; its version is the folder's name."""
    return _save


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Model]:
    """Makes a tiny model, or one of a network, through a bundle on disk."""

    def make(network: CnnLstm | None = None, **config: Any) -> Model:
        return load_model(_save(tmp_path_factory.mktemp("models") / "tiny-1", network, **config))

    return make


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model saved as a bundle; tests must not change it."""
    return _save(tmp_path_factory.mktemp("models") / "tiny-1")


@pytest.fixture(scope="session")
def model(model_folder: Path) -> Model:
    """The tiny model, shared by all tests as it would be by all sessions."""
    return load_model(model_folder)


@pytest.fixture(scope="session")
def pictures() -> tuple[Image.Image, ...]:
    """Six drawn lesions."""
    return tuple(draw_lesion(seed, size=(160, 120)) for seed in range(6))


@pytest.fixture(scope="session")
def photos(pictures: tuple[Image.Image, ...]) -> tuple[SeriesPhoto, ...]:
    """Six photos of four days, in time order: one, two, two and one."""
    start = datetime.date(2025, 1, 10)
    days = (0, 30, 30, 90, 90, 400)
    return tuple(
        SeriesPhoto(p, f"{i:064x}", f"photo{i}.jpg", start + datetime.timedelta(days=day))
        for i, (p, day) in enumerate(zip(pictures, days, strict=True))
    )

"""A small data set in ISIC 2019's layout: patches of colour that a tiny network can tell apart."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skinmodel.diagnoses import CODES
from skinmodel.network import ModelConfig
from skinmodel.transforms import Preparation
from training.data.splits import split_of
from training.learning.config import TrainConfig

LESIONS = {"train": 3, "validation": 1, "calibration": 2, "test": 2}  # of each diagnosis
NAME = "ISIC_2019_Training"


@dataclass(frozen=True)
class Layout:
    """Where the parts of the data set lie."""

    folder: Path

    @property
    def photos(self) -> Path:
        return self.folder / f"{NAME}_Input"

    @property
    def truth(self) -> Path:
        return self.folder / f"{NAME}_GroundTruth.csv"

    @property
    def metadata(self) -> Path:
        return self.folder / f"{NAME}_Metadata.csv"

    def change(self, table: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
        """Rewrite one of the tables."""
        edit(pd.read_csv(table, dtype=str, keep_default_na=False)).to_csv(table, index=False)


def write_isic(folder: Path) -> Layout:
    """Eight diagnoses, 64 lesions with one to three photos, every split with every diagnosis."""
    layout = Layout(folder)
    layout.photos.mkdir(parents=True)
    random, shades = np.random.default_rng(0), np.random.default_rng(1)
    hues = random.permutation(np.linspace(40, 215, 8).astype(int))
    truth, metadata = [], []
    for label, code in enumerate(CODES):
        wanted = dict(LESIONS)
        number = 0
        while any(wanted.values()):
            number += 1
            lesion = f"LESION_{code}_{number}"
            if not wanted[split_of(lesion)]:
                continue
            wanted[split_of(lesion)] -= 1
            for photo in range(1 + number % 3):
                image = f"{lesion}_{photo}"
                shade = shades.integers(-20, 21, (18, 24)).repeat(4, axis=0).repeat(4, axis=1)
                pixels = random.integers(100, 140, (72, 96, 3)) + shade[..., None]
                pixels[20:52, 30:66] = (hues[label], hues[-label], 255 - hues[label])
                pixels = np.clip(pixels + random.normal(0, 6, pixels.shape), 0, 255)
                picture = Image.fromarray(pixels.astype(np.uint8))
                picture.save(layout.photos / f"{image}.jpg", quality=90)
                truth.append(
                    {"image": image, **{c: str(int(c == code)) for c in CODES}, "UNK": "0"}
                )
                metadata.append({
                    "image": image, "age_approx": "", "anatom_site_general": "anterior torso",
                    "lesion_id": lesion, "sex": "female",
                })  # fmt: skip
    pd.DataFrame(truth).to_csv(layout.truth, index=False)
    pd.DataFrame(metadata).to_csv(layout.metadata, index=False)
    return layout


@pytest.fixture(scope="session")
def drawn_isic(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """The data set, drawn once; nobody changes it."""
    return write_isic(tmp_path_factory.mktemp("drawn") / "isic")


@pytest.fixture
def isic(tmp_path: Path, drawn_isic: Layout) -> Layout:
    """A fresh copy, free to be damaged."""
    return Layout(shutil.copytree(drawn_isic.folder, tmp_path / "isic"))


@pytest.fixture(scope="session")
def tiny() -> TrainConfig:
    """Settings that learn the patches in a few seconds."""
    return TrainConfig(
        model=ModelConfig(backbone="conv", filters=(8, 16), lstm_units=8, dropout=0.0),
        preparation=Preparation(size=24, scale=48),
        epochs=3,
        batch=16,
        learning_rate=2e-2,
        average=0.8,
        sizes=((1.0, 24),),
    )

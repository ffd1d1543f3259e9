"""The bundled outline model: whole, small, and at work on drawn lesions."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import settings
from skinmodel.comparison import repeatability_of
from skinmodel.drawn import draw_lesion, lesion_mask
from skinmodel.outline import find_outline
from skinmodel.outline_bundle import OutlineModel, load_outline_model
from skinmodel.weights import InvalidModel

BUNDLED = settings.ROOT / "assets" / "outline" / "1.0"
MOST_BYTES = 3_000_000


@pytest.fixture(scope="module")
def model() -> OutlineModel:
    """Loading compares the weights with the card's hash."""
    return load_outline_model(BUNDLED)


def test_the_bundled_model_is_small_and_has_its_card(model: OutlineModel) -> None:
    assert model.version == BUNDLED.name
    assert sum(file.stat().st_size for file in BUNDLED.iterdir()) < MOST_BYTES
    assert "non-commercial" in model.card["licence"]
    assert model.card["numbers"]["mean_dice"][0] >= 0.92


def test_the_card_follows_growth_without_false_alarms(model: OutlineModel) -> None:
    change = model.card["change"]
    assert change["growth"]["slope"][0] == pytest.approx(1, abs=0.05)
    assert max(change["false_alarms"].values()) <= 0.05
    assert set(repeatability_of(model)[""]) == set(change["false_alarms"])


def test_a_card_of_other_weights_is_refused(model: OutlineModel, tmp_path: Path) -> None:
    shutil.copytree(BUNDLED, tmp_path / "1.0")
    card = tmp_path / "1.0" / "card.json"
    card.write_text(card.read_text("utf-8").replace(model.sha256, "0" * 64), "utf-8")
    with pytest.raises(InvalidModel, match="SHA-256"):
        load_outline_model(tmp_path / "1.0")


@pytest.mark.parametrize("seed", [3, 8])
def test_a_drawn_lesion_is_outlined(model: OutlineModel, seed: int) -> None:
    found = find_outline(model, draw_lesion(seed, growth=0.3))
    height, width = found.mask.shape
    true = cv2.resize(lesion_mask(seed, growth=0.3).astype(np.uint8), (width, height)) > 0
    both = int((found.mask & true).sum())
    assert 2 * both / (int(found.mask.sum()) + int(true.sum())) > 0.9
    assert not found.uncertain


def test_without_a_lesion_there_is_no_outline(model: OutlineModel) -> None:
    assert find_outline(model, Image.new("RGB", (600, 450), (225, 185, 165))).uncertain

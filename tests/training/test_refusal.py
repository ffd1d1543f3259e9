"""What measures refusals and robustness: decoys, plain skin, and photos made otherwise."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from skinmodel.calibration import Calibration
from skinmodel.diagnoses import CODES
from skinmodel.network import CnnLstm
from tests.training.conftest import Layout
from training.__main__ import main
from training.learning.config import TrainConfig
from training.measuring.decoys import KINDS, draw_decoys
from training.measuring.leaveout import LEFT_OUT
from training.measuring.robustness import (
    CHANGES,
    FILTERS,
    SHORT,
    SHORT_SIDES,
    measure_changes,
    resized,
)


def test_decoys_are_the_same_for_the_same_seed() -> None:
    first, again, other = (draw_decoys(seed, 3) for seed in (1, 1, 2))
    assert first.keys() == KINDS.keys()
    for kind, pictures in first.items():
        assert len({picture.tobytes() for picture in pictures}) == 3
        for a, b, c in zip(pictures, again[kind], other[kind], strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.shape == c.shape == (225, 300, 3)
            assert not np.array_equal(a, c)


def test_changes_are_told_from_none(tiny: TrainConfig) -> None:
    torch.manual_seed(3)
    network = CnnLstm(tiny.model).eval()
    with torch.no_grad():
        network.classifier.weight.mul_(50)
    random = np.random.default_rng(0)
    photos = [random.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(12)]
    changes = {
        "none": resized(48),
        "all": lambda picture: picture.point(lambda value: 255 - value),
    }
    found = measure_changes(network, tiny.preparation, Calibration(), photos, changes)
    assert found["photos"] == 12
    none, inverted = found["changes"]["none"], found["changes"]["all"]
    assert none["same"] == 12 and none["same_top_diagnosis"] == none["interval"][1] == 1
    assert none["mean_change"] == none["moved"] == 0
    assert inverted["same"] == round(12 * inverted["same_top_diagnosis"])
    assert inverted["moved"] >= inverted["mean_change"] > 0
    assert set(SHORT) <= CHANGES.keys()


def test_changes_make_photos_what_their_names_say() -> None:
    picture = Image.fromarray(np.full((30, 40, 3), 100, dtype=np.uint8))
    picture.putpixel((0, 0), (255, 0, 0))
    made = {name: change(picture) for name, change in CHANGES.items()}
    for short in SHORT_SIDES:
        assert made[f"short side {short} px"].size == (short * 4 // 3, short)
    assert {made[f"450 px by {name}"].size for name in FILTERS} == {(600, 450)}
    assert made["450 px, JPEG quality 60"].size == (600, 450)
    assert made["warmer: red + 10 %, blue - 10 %"].getpixel((9, 9)) == (110, 100, 90)
    assert made["green - 10 %"].getpixel((9, 9)) == (100, 90, 100)
    corners = {
        "a quarter turn": (0, 39), "a half turn": (39, 29), "three quarter turns": (29, 0),
        "mirrored": (39, 0), "turned upside down and mirrored": (0, 29),
    }  # fmt: skip
    for name, place in corners.items():
        assert made[name].getpixel(place) == (255, 0, 0)


def test_each_diagnosis_is_left_out_in_turn(
    isic: Layout, tiny: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(1)
    init, out = tmp_path / "init.safetensors", tmp_path / "run"
    save_file(CnnLstm(tiny.model).backbone.state_dict(), init)
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps(tiny.to_dict()))
    given = ["leave-out", "--data", str(isic.folder), "--out", str(out), "--config", str(settings)]
    assert main(given) == 2
    assert "have met none of the lesions" in capsys.readouterr().err
    assert main([*given, "--init", str(init)]) == 0
    result = json.loads((out / LEFT_OUT).read_text())
    assert "ImageNet's weights have met none" in result["encoder"]
    assert list(result["per_diagnosis"]) == list(CODES)
    every = result["per_diagnosis"].values()
    # A patch of a colour that was left out lies apart from all that were not.
    assert np.mean([one["auroc"] for one in every]) > 0.8
    assert all(0 <= one["refused"] <= one["photos"] for one in every)

"""What measures refusals and robustness: decoys, plain skin, and photos made otherwise."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from skinmodel.calibration import Calibration
from skinmodel.diagnoses import CODES
from skinmodel.network import CnnLstm
from tests.training.conftest import Layout
from training.__main__ import main
from training.learning.config import TrainConfig
from training.measuring.decoys import KINDS, draw_decoys, plain_skin
from training.measuring.leaveout import LEFT_OUT
from training.measuring.robustness import CHANGES, SHORT, measure_changes, resized


def test_decoys_are_the_same_for_the_same_seed() -> None:
    first, again, other = (draw_decoys(seed, 3) for seed in (1, 1, 2))
    assert first.keys() == KINDS.keys()
    for kind, pictures in first.items():
        assert len({picture.tobytes() for picture in pictures}) == 3
        for a, b, c in zip(pictures, again[kind], other[kind], strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.shape == c.shape == (225, 300, 3)
            assert not np.array_equal(a, c)


def test_plain_skin_has_no_lesion_in_it() -> None:
    pixels = np.zeros((150, 200, 3), dtype=np.uint8)
    lesion = np.zeros((150, 200), dtype=bool)
    lesion[30:120, 90:200] = True
    pixels[lesion] = 200
    for seed in range(5):
        piece = plain_skin(pixels, lesion, np.random.default_rng(seed))
        assert piece is not None and piece.max() == 0
        assert piece.shape[0] >= 45
    lesion[:] = True
    assert plain_skin(pixels, lesion, np.random.default_rng(0)) is None


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
    assert none == {"same_top_diagnosis": 1.0, "mean_change": 0.0, "moved": 0.0}
    assert inverted["moved"] >= inverted["mean_change"] > 0
    assert set(SHORT) <= CHANGES.keys()


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

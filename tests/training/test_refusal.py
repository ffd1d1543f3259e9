"""What measures refusals and robustness: decoys, plain skin, and photos made otherwise."""

import numpy as np
import torch

from skinmodel.calibration import Calibration
from skinmodel.network import CnnLstm
from training.config import TrainConfig
from training.decoys import KINDS, draw_decoys, plain_skin
from training.robustness import CHANGES, SHORT, measure_changes, resized


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

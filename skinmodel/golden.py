"""The golden set: drawn lesions and what a model answered to them when it was made.

Before a model is promoted it must answer the same again, so that damaged weights, a changed
preparation or calibration are found out although every file can be read. The lesions are drawn
anew each time; no photo is kept.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from skinmodel.bundle import Model, load_model
from skinmodel.calibration import Calibration
from skinmodel.drawn import draw_lesion
from skinmodel.network import CnnLstm
from skinmodel.transforms import Preparation
from skinmodel.unknown import Unknown
from skinmodel.weights import InvalidModel, read_file

GOLDEN = "golden.json"
SEEDS = (1, 2, 3, 5, 8, 13)  # of the drawn lesions; the last three are also shown as one series
SERIES = 3
SIZE = (200, 150)
MAX_GOLDEN = 1_000_000  # bytes
CLOSE = 0.02  # other processors round otherwise, but far less
SAME = 1e-6  # logits that differ by less do not depend on the photo


def answers(
    network: CnnLstm,
    preparation: Preparation,
    calibration: Calibration,
    unknown: Unknown | None,
) -> dict[str, Any]:
    """What a network for use answers to the golden set, as plain values.

    `prepared` is mean and deviation of each prepared picture, `logits` (7, K) those of the six
    lesions and of the series, `probabilities` the same calibrated, `unknown` the six scores.
    """
    pictures = [preparation.to_tensor(lesion) for lesion in _lesions()]
    with torch.no_grad():
        maps, early = network.forward_intermediates(torch.stack(pictures))
        pooled = maps.mean(dim=(-2, -1))
        alone = network.forward_pooled(pooled[:, None], torch.zeros(len(SEEDS), 1).long())[:, -1]
        last = pooled[-SERIES:][None]
        series = network.forward_pooled(last, torch.arange(SERIES)[None])[:, -1]
    logits = torch.cat([alone, series]).double().numpy()
    photos = np.array([1] * len(SEEDS) + [SERIES])
    found = {
        "prepared": [[float(one.mean()), float(one.std())] for one in pictures],
        "logits": logits.tolist(),
        "probabilities": calibration.probabilities(logits, photos=photos).tolist(),
        "unknown": unknown.scores(pooled, early).tolist() if unknown else [],
    }
    return {name: np.round(np.array(values), 4).tolist() for name, values in found.items()}


def golden_bytes(expected: Mapping[str, Any]) -> bytes:
    """The answers as a file for the model's folder; ValueError where one is not finite."""
    return (json.dumps(dict(expected), allow_nan=False) + "\n").encode()


def check(folder: Path) -> str:
    """Why the model in a folder fails the golden set, in one sentence; empty where it passes."""
    try:
        model = load_model(folder)
        expected = _read(folder / GOLDEN)
    except InvalidModel as error:
        return str(error)
    return compare(model, expected)


def compare(model: Model, expected: Mapping[str, Any]) -> str:
    """Why a model's answers are not the expected ones; empty where they are."""
    found = answers(model.network, model.preparation, model.calibration, model.unknown)
    logits = np.array(found["logits"])
    if not np.isfinite(logits).all():
        return "The model's answers to the golden set are not finite."
    if np.ptp(logits, axis=0).max() < SAME:
        return "The model gives every picture of the golden set the same answer."
    said = {
        "prepared": "It prepares photos in another way than when it was made.",
        "logits": "Its network answers otherwise than when it was made.",
        "probabilities": "Its calibration is another than when it was made.",
        "unknown": "Its unknown score is another than when it was made.",
    }
    for name, sentence in said.items():
        try:
            mine, wanted = np.array(found[name], float), np.array(expected[name], float)
        except (KeyError, TypeError, ValueError):
            return "The model's golden set cannot be read."
        if mine.shape != wanted.shape or not np.allclose(mine, wanted, rtol=CLOSE, atol=CLOSE):
            return f"The model fails the golden set. {sentence}"
    return ""


@cache
def _lesions() -> tuple[Image.Image, ...]:
    return tuple(draw_lesion(seed, size=SIZE) for seed in SEEDS)


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise InvalidModel("The model has no golden set, so nobody can tell whether it is whole.")
    try:
        values = json.loads(read_file(path, MAX_GOLDEN))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InvalidModel):
            raise
        raise InvalidModel("The model's golden set cannot be read.") from error
    if not isinstance(values, dict):
        raise InvalidModel("The model's golden set cannot be read.")
    return values

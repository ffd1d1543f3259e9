"""What a run starts or learns from: a finished model, another run's best epoch, or a file.

A file holds ImageNet's weights for a backbone.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd

from skinmodel.bundle import CARD, read_network
from skinmodel.network import CnnLstm
from skinmodel.transforms import Preparation
from skinmodel.weights import WEIGHTS, InvalidModel
from training.data.seen import SEEN, fingerprints
from training.learning.checkpoint import load_tensors
from training.learning.config import InvalidConfig, TrainConfig, read_object
from training.runs.folder import BEST, CONFIG, MANIFEST

START = "start.json"  # in a run folder: the model it started from, and which lesions that had met
USE = "cannot be used to start from"


def is_model(folder: Path) -> bool:
    """Whether a folder holds a finished model."""
    return (folder / CARD).exists()


def is_run(folder: Path) -> bool:
    """Whether a folder is a run's with an epoch behind it."""
    return (folder / CONFIG).exists() and (folder / BEST).exists()


def network_of(folder: Path) -> tuple[CnnLstm, Preparation]:
    """A finished model's network, or that of a run's best epoch, and its photos' preparation.

    InvalidConfig with a sentence if there is none.
    """
    try:
        if not is_run(folder):
            return read_network(folder)
        config = TrainConfig.read(folder / CONFIG)
        network = CnnLstm(config.model)
        network.load_state_dict(load_tensors(folder / BEST)[0])
    except (InvalidModel, OSError, RuntimeError) as error:
        raise InvalidConfig(f"{folder.name} {USE}: {error}") from error
    return network, config.preparation


def card_of(place: Path | None) -> dict[str, Any] | None:
    """A finished model's card, or what a run's would say of its lesions; None for a file."""
    if place is None or not place.is_dir():
        return None
    if is_model(place):
        card: dict[str, Any] = json.loads((place / CARD).read_text(encoding="utf-8"))
        return card
    if is_run(place):
        table = pd.read_csv(place / MANIFEST, dtype=str, keep_default_na=False)
        before = [read_object(place / name) for name in (START,) if (place / name).exists()]
        return {"version": f"of the run {place.name}", SEEN: fingerprints(table, *before)}
    return None


def sha256_of(place: Path) -> str:
    """What tells these weights from others; InvalidConfig if they are not there."""
    file = place
    if place.is_dir():
        file = place / (BEST if is_run(place) else WEIGHTS)
    try:
        with file.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()
    except OSError as error:
        raise InvalidConfig(f"{place.name} {USE}: {error}") from error

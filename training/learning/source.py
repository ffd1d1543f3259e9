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
from training.runs.folder import BEST, CONFIG, HISTORY, MANIFEST

START = "start.json"  # in a run folder: the model it started from, and which lesions that had met
TEACHERS = "teachers.json"  # the same of those it learns from
USE = "cannot be used"


def is_model(folder: Path) -> bool:
    """Whether a folder holds a finished model."""
    return (folder / CARD).exists()


def is_run(folder: Path) -> bool:
    """Whether a folder is a run's with an epoch behind it."""
    return (folder / CONFIG).exists() and (folder / BEST).exists()


def finished(folder: Path) -> bool:
    """Whether a run folder has its last epoch behind it, and the weights to show for it.

    A history that a kill left with half a line, or one too many, is not: training mends it first.
    """
    if not all((folder / name).exists() for name in (CONFIG, BEST, HISTORY)):
        return False
    try:
        epochs = [json.loads(line)["epoch"] for line in (folder / HISTORY).read_text().splitlines()]
    except (ValueError, KeyError, TypeError):
        return False
    return bool(epochs) and epochs[-1] == len(epochs) == read_object(folder / CONFIG).get("epochs")


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
    except (InvalidModel, OSError, RuntimeError, ValueError) as error:
        raise InvalidConfig(f"{folder.name} {USE}: {error}") from error
    return network, config.preparation


def card_of(place: Path | None) -> dict[str, Any] | None:
    """A finished model's card, or what a run's would say of its lesions; None for a file.

    InvalidConfig if it cannot be read.
    """
    if place is None or not place.is_dir():
        return None
    if is_model(place):
        return read_object(place / CARD)
    if is_run(place):
        try:
            table = pd.read_csv(place / MANIFEST, dtype=str, keep_default_na=False)
            met = fingerprints(table, *starts_of(place), *teachers_of(place))
        except (OSError, ValueError, KeyError) as error:
            raise InvalidConfig(f"{place.name} {USE}: {error}") from error
        return {"version": f"of the run {place.name}", SEEN: met}
    return None


def starts_of(folder: Path) -> tuple[dict[str, Any], ...]:
    """What a run's folder keeps of the model that it started from: one, or none."""
    return (read_object(folder / START),) if (folder / START).exists() else ()


def teachers_of(folder: Path) -> tuple[dict[str, Any], ...]:
    """What a run's folder keeps of each model that it learns from."""
    path = folder / TEACHERS
    return tuple(json.loads(path.read_text())) if path.exists() else ()


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

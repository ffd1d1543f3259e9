"""A model on disk: a folder with weights.safetensors, unknown.safetensors and card.json.

Everything is checked when it is read, and what does not fit is an InvalidModel with a sentence
that says why.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from skinmodel.calibration import Calibration
from skinmodel.diagnoses import CODES
from skinmodel.network import CnnLstm, ModelConfig, for_use
from skinmodel.transforms import Preparation
from skinmodel.unknown import UNKNOWN_FILE, Unknown
from skinmodel.weights import (
    MAX_WEIGHTS,
    WEIGHTS,
    InvalidModel,
    compact_bytes,
    fill,
    read_file,
    read_tensors,
    replace_file,
    to_bytes,
    write_folder,
)

FORMAT = 1
CARD = "card.json"
# What a card says of the model itself; all else is the `rest` that was given to save it with.
MODEL_KEYS = (
    "format", "version", "config", "preparation", "calibration", "codes", "weights_sha256",
    "unknown_sha256",
)  # fmt: skip
MAX_CARD = 5_000_000  # bytes
MAX_INPUT = 2048  # pixels


@dataclass(frozen=True)
class Model:
    """A network ready for use by any number of threads, with all that reading it takes.

    The network is in evaluation, frozen and folded (`for_use`). `sha256` is of the weights' file.
    `unknown` is None in a model made before there was such a score.
    """

    network: CnnLstm = field(repr=False)
    card: Mapping[str, Any] = field(repr=False)
    config: ModelConfig
    preparation: Preparation
    calibration: Calibration
    version: str
    sha256: str
    unknown: Unknown | None = field(default=None, repr=False)


def load_model(folder: Path) -> Model:
    """The model in a folder; InvalidModel if anything about it is missing or does not fit."""
    card = _read_card(folder / CARD)
    preparation = _preparation(card)
    try:
        calibration = Calibration.from_dict(card["calibration"])
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidModel(f"The card's calibration does not make sense: {error}") from error
    network = _network(folder, card)
    return Model(
        network=for_use(network),
        card=card,
        config=network.config,
        preparation=preparation,
        calibration=calibration,
        version=str(card["version"]),
        sha256=str(card["weights_sha256"]),
        unknown=_read_unknown(folder, card, network),
    )


def read_network(folder: Path) -> tuple[CnnLstm, Preparation]:
    """A model's network as it was saved, to go on training, and its photos' preparation.

    InvalidModel as for `load_model`.
    """
    card = _read_card(folder / CARD)
    return _network(folder, card), _preparation(card)


def save_model(
    folder: Path,
    network: CnnLstm,
    *,
    version: str,
    preparation: Preparation,
    calibration: Calibration,
    unknown: Unknown | None = None,
    rest: Mapping[str, Any] | None = None,
    beside: Mapping[str, bytes] | None = None,
) -> Path:
    """Writes a model's folder, which must not exist yet, in full or not at all, and returns it.

    `rest` goes into the card beside what describes the model: numbers, licence, history. It may
    hold what JSON can, without NaN. `beside` are further files by name. FileExistsError if the
    folder is there.
    """
    weights = compact_bytes(network)
    card = dict(rest or {}) | {
        "format": FORMAT,
        "version": version,
        "config": network.config.to_dict(),
        "preparation": preparation.to_dict(),
        "calibration": calibration.to_dict(),
        "codes": list(CODES),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    files = {**(beside or {}), WEIGHTS: weights}
    if unknown:
        files[UNKNOWN_FILE] = to_bytes(unknown.to_tensors())
        card["unknown_sha256"] = hashlib.sha256(files[UNKNOWN_FILE]).hexdigest()
    return write_folder(folder, files | {CARD: _card_bytes(card)})


def rewrite_card(folder: Path, changes: Mapping[str, Any]) -> None:
    """Replaces parts of a model's card; its weights and how they are read stay what they are.

    InvalidModel if there is no card that can be read.
    """
    card = _read_card(folder / CARD)
    replace_file(folder / CARD, _card_bytes(card | dict(changes)))


def _card_bytes(card: Mapping[str, Any]) -> bytes:
    return (json.dumps(card, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(read_file(path, MAX_CARD))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InvalidModel):
            raise
        raise InvalidModel("The model's card.json cannot be read; it is not JSON.") from error
    if not isinstance(card, dict) or type(card.get("format")) is not int:
        raise InvalidModel("The model's card.json is not a model's card.")
    if card["format"] > FORMAT:
        raise InvalidModel(
            f"The model was made by a newer version (format {card['format']}; this one reads"
            f" {FORMAT})."
        )
    if card["format"] != FORMAT:
        raise InvalidModel(f"The model's format {card['format']} is unknown.")
    wanted = ("version", "config", "preparation", "calibration", "codes", "weights_sha256")
    if missing := [name for name in wanted if name not in card]:
        raise InvalidModel(f"The model's card.json has no {missing[0]}.")
    codes = card["codes"]
    if codes != list(CODES):
        same = isinstance(codes, list) and sorted(map(str, codes)) == sorted(CODES)
        what = "in another order" if same else "others"
        raise InvalidModel(f"The model's diagnoses are {what}; expected {', '.join(CODES)}.")
    return card


def _read_unknown(folder: Path, card: Mapping[str, Any], network: CnnLstm) -> Unknown | None:
    if "unknown_sha256" not in card:
        return None
    data = read_file(folder / UNKNOWN_FILE, MAX_WEIGHTS)
    try:
        tensors = read_tensors(data, str(card["unknown_sha256"]), UNKNOWN_FILE)
        unknown = Unknown.from_tensors(tensors)
    except (TypeError, ValueError) as error:
        raise InvalidModel(f"The model's unknown score cannot be used: {error}") from error
    early = {len(unknown.early.mean)} if unknown.early else set()
    early |= {len(unknown.skin.direction)} if unknown.skin else set()
    if len(unknown.mean) != network.shortcut.in_features or early - {network.early_width}:
        raise InvalidModel("The model's unknown score is of another network.")
    return unknown


def _preparation(card: Mapping[str, Any]) -> Preparation:
    try:
        preparation = Preparation.from_dict(card["preparation"])
        if not (0 < preparation.size <= MAX_INPUT and 0 < preparation.scale <= MAX_INPUT):
            raise ValueError("size or scale")
        if not preparation.to_tensor(Image.new("RGB", (64, 48))).isfinite().all():
            raise ValueError("mean or std")
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise InvalidModel(f"The card's preparation does not make sense: {error}.") from error
    return preparation


def _network(folder: Path, card: Mapping[str, Any]) -> CnnLstm:
    network = _empty_network(card)
    data = read_file(folder / WEIGHTS, MAX_WEIGHTS)
    fill(network, read_tensors(data, str(card["weights_sha256"])))
    return network


def _empty_network(card: Mapping[str, Any]) -> CnnLstm:
    try:
        config = ModelConfig.from_dict(card["config"])
        # Without memory for its tensors: the file brings them, and a card with an enormous
        # network is found out before it takes any.
        with torch.device("meta"):
            return CnnLstm(config)
    except (TypeError, ValueError, AttributeError, RuntimeError, KeyError) as error:
        raise InvalidModel(f"The card's network cannot be built: {error}") from error

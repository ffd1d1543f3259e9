"""An outline model on disk: weights and a card, apart from the classifier's and with a version of
its own, so that a new classifier never moves a measured area.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from skinmodel.outline_network import STRIDE, OutlineNetwork
from skinmodel.weights import (
    MAX_WEIGHTS,
    WEIGHTS,
    InvalidModel,
    compact_bytes,
    fill,
    read_file,
    read_tensors,
    write_folder,
)

CARD = "card.json"
KIND = "outline"  # told apart from a classifier's card
MAX_CARD = 5_000_000  # bytes
MAX_SIDE = 1024


@dataclass(frozen=True)
class OutlineModel:
    """The network ready for use by any number of threads.

    `side`: short side of its input in pixels. `sure_from`: the certainty below which an outline
    is called uncertain, fitted on lesions kept apart for calibration.
    """

    network: OutlineNetwork = field(repr=False)
    side: int
    sure_from: float
    version: str
    sha256: str
    card: Mapping[str, Any] = field(repr=False)


def load_outline_model(folder: Path) -> OutlineModel:
    """The model in a folder; InvalidModel if anything about it is missing or does not fit."""
    try:
        card = json.loads(read_file(folder / CARD, MAX_CARD))
        side, sure_from = int(card["side"]), float(card["sure_from"])
        version, sha256 = str(card["version"]), str(card["weights_sha256"])
        if (
            card["kind"] != KIND
            or side % STRIDE
            or not 0 < side <= MAX_SIDE
            or not 0 <= sure_from <= 1
        ):
            raise ValueError("a value out of range")
    except InvalidModel:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidModel("The outline model's card.json cannot be used.") from error
    with torch.device("meta"):
        network = OutlineNetwork()
    fill(network, read_tensors(read_file(folder / WEIGHTS, MAX_WEIGHTS), sha256))
    network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return OutlineModel(network, side, sure_from, version, sha256, card)


def save_outline_model(
    folder: Path,
    network: OutlineNetwork,
    *,
    version: str,
    side: int,
    sure_from: float,
    rest: Mapping[str, Any],
) -> Path:
    """Writes a model's folder in full or not at all; FileExistsError if it is there."""
    weights = compact_bytes(network)
    card = dict(rest) | {
        "kind": KIND,
        "version": version,
        "side": side,
        "sure_from": sure_from,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    text = json.dumps(card, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    return write_folder(folder, {WEIGHTS: weights, CARD: text.encode()})

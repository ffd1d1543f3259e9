"""A model on disk: a folder with weights.safetensors and card.json. Never pickle.

The weights are float16 on disk and float32 in memory. Everything is checked when it is read, and
what does not fit is an InvalidModel with a sentence that says why.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from skinmodel.calibration import Calibration
from skinmodel.diagnoses import CODES
from skinmodel.network import CnnLstm, ModelConfig, for_use
from skinmodel.transforms import Preparation

FORMAT = 1
WEIGHTS = "weights.safetensors"
CARD = "card.json"
MAX_CARD = 5_000_000  # bytes
MAX_WEIGHTS = 1_000_000_000
MAX_INPUT = 2048  # pixels


class InvalidModel(ValueError):
    """The folder holds no model that can be used; the text is one plain sentence."""


@dataclass(frozen=True)
class Model:
    """A network ready for use by any number of threads, with all that reading it takes.

    The network is in evaluation, frozen and folded (`for_use`). `sha256` is of the weights' file.
    """

    network: CnnLstm = field(repr=False)
    card: Mapping[str, Any] = field(repr=False)
    config: ModelConfig
    preparation: Preparation
    calibration: Calibration
    version: str
    sha256: str


def load_model(folder: Path) -> Model:
    """The model in a folder; InvalidModel if anything about it is missing or does not fit."""
    card = _read_card(folder / CARD)
    try:
        preparation = Preparation.from_dict(card["preparation"])
        if not (0 < preparation.size <= MAX_INPUT and 0 < preparation.scale <= MAX_INPUT):
            raise ValueError("size or scale")
        if not preparation.to_tensor(Image.new("RGB", (64, 48))).isfinite().all():
            raise ValueError("mean or std")
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise InvalidModel(f"The card's preparation does not make sense: {error}.") from error
    try:
        calibration = Calibration.from_dict(card["calibration"])
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidModel(f"The card's calibration does not make sense: {error}") from error
    config, network = _empty_network(card)
    data = _read(folder / WEIGHTS, MAX_WEIGHTS)
    _fill(network, _tensors(data, str(card["weights_sha256"])))
    return Model(
        network=for_use(network),
        card=card,
        config=config,
        preparation=preparation,
        calibration=calibration,
        version=str(card["version"]),
        sha256=str(card["weights_sha256"]),
    )


def save_model(
    folder: Path,
    network: CnnLstm,
    *,
    version: str,
    preparation: Preparation,
    calibration: Calibration,
    rest: Mapping[str, Any] | None = None,
) -> Path:
    """Writes a model's folder, which must not exist yet, in full or not at all, and returns it.

    `rest` goes into the card beside what describes the model: numbers, licence, history. It may
    hold what JSON can, without NaN. FileExistsError if the folder is there.
    """
    if folder.exists():
        raise FileExistsError(f"{folder.name} exists already.")
    tensors = {n: _compact(t.detach().cpu().contiguous()) for n, t in network.state_dict().items()}
    weights = tensors_to_bytes(tensors)
    card = dict(rest or {}) | {
        "format": FORMAT,
        "version": version,
        "config": network.config.to_dict(),
        "preparation": preparation.to_dict(),
        "calibration": calibration.to_dict(),
        "codes": list(CODES),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    text = json.dumps(card, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside it, so that renaming stays on one disk; with a dot, so that nobody lists it.
    unfinished = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    unfinished.mkdir()
    try:
        _write(unfinished / WEIGHTS, weights)
        _write(unfinished / CARD, text.encode())
        _sync_folder(unfinished)
        unfinished.rename(folder)
        _sync_folder(folder.parent)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return folder


def _read(path: Path, limit: int) -> bytes:
    try:
        if path.stat().st_size > limit:
            raise InvalidModel(f"The model's {path.name} is too large.")
        return path.read_bytes()
    except OSError as error:
        raise InvalidModel(f"The model's {path.name} is missing or cannot be read.") from error


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(_read(path, MAX_CARD))
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


def _empty_network(card: Mapping[str, Any]) -> tuple[ModelConfig, CnnLstm]:
    try:
        config = ModelConfig.from_dict(card["config"])
        # Without memory for its tensors: the file brings them, and a card with an enormous
        # network is found out before it takes any.
        with torch.device("meta"):
            return config, CnnLstm(config)
    except (TypeError, ValueError, AttributeError, RuntimeError, KeyError) as error:
        raise InvalidModel(f"The card's network cannot be built: {error}") from error


def _tensors(data: bytes, sha256: str) -> dict[str, Tensor]:
    # Eight bytes of length, then JSON: a pickle or ZIP never starts so.
    if data[8:9] != b"{":
        raise InvalidModel(f"The model's {WEIGHTS} file is not a safe model.")
    if hashlib.sha256(data).hexdigest() != sha256:
        raise InvalidModel(
            f"The model's {WEIGHTS} is incomplete or was changed: its SHA-256 is not the card's."
        )
    try:
        return read_tensors(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise InvalidModel(f"The model's {WEIGHTS} file is not a safe model.") from error


def _fill(network: CnnLstm, tensors: Mapping[str, Tensor]) -> None:
    wanted = network.state_dict()
    if differing := sorted(wanted.keys() ^ tensors.keys()):
        what = "lacks" if differing[0] in wanted else "has an unknown"
        raise InvalidModel(f"The weights are of another network: it {what} {differing[0]}.")
    state = {}
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            raise InvalidModel(f"The weights are of another network: {name} has another shape.")
        state[name] = tensor.to(wanted[name].dtype)
        if not state[name].isfinite().all():
            raise InvalidModel(f"The weights are broken: {name} is not finite.")
    network.load_state_dict(state, assign=True)


def _compact(tensor: Tensor) -> Tensor:
    """float16 where the values allow it."""
    if not tensor.is_floating_point():
        return tensor
    if not tensor.isfinite().all():
        raise ValueError("A network with weights that are not finite is not saved.")
    half = tensor.half()
    return half if half.isfinite().all() else tensor


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""What a run starts from: ImageNet's weights for the backbone, or a finished model."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file

from skinmodel.bundle import CARD, read_network
from skinmodel.network import DAY_INPUTS, CnnLstm, load_backbone
from skinmodel.weights import WEIGHTS, InvalidModel
from training.data.seen import BY_CHANCE, SEEN, seen
from training.learning.checkpoint import write_atomically
from training.learning.config import InvalidConfig, TrainConfig, read_object

START = "start.json"  # in a run folder: the model it started from, and which lesions that had met
INPUT_WEIGHTS = "lstm.weight_ih_l0"


def settings_for(values: dict[str, Any], init: Path | None) -> TrainConfig:
    """Settings from JSON; what they leave open of network and preparation is the model's in `init`.

    Features are worth most when the photos are prepared as for the weights they come from.
    """
    if init is None or not is_model(init):
        return TrainConfig.from_dict(values)
    try:
        network, preparation = read_network(init)
    except InvalidModel as error:
        raise InvalidConfig(f"{init.name} cannot be used to start from: {error}") from error
    model = {**network.config.to_dict(), **values.get("model", {})}
    prepared = {**preparation.to_dict(), **values.get("preparation", {})}
    return TrainConfig.from_dict({**values, "model": model, "preparation": prepared})


def begin(table: pd.DataFrame, folder: Path, init: Path | None, *, writes: bool = True) -> None:
    """Keeps in a new run's folder which lesions the model it starts from has met.

    So they stay known to whoever measures the run's candidate, whenever that is. InvalidConfig if
    the model has met test lesions of the run's `table`: it may have been trained when they had
    another id, or another patient. One process `writes`.
    """
    card = start_card(init)
    if init is None or card is None or (folder / START).exists():
        return
    test = table[table["split"] == "test"]
    met = seen(test, card)
    known = 0 if met is None else test["lesion"][met].nunique()
    if known > BY_CHANCE:
        raise InvalidConfig(
            f"Model {init.name} has met {known} of the {test['lesion'].nunique()} test lesions of"
            " these data, so the test would flatter what is trained from it. Start from weights"
            " that have not met them, such as ImageNet's."
        )
    kept = {"version": card.get("version"), SEEN: card.get(SEEN)}
    if writes:
        write_atomically(folder / START, json.dumps(kept))


def met_before(folder: Path, init: Path | None) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """What names the lesions that a run's start had met, and what the card should say of it.

    None if the run started from no finished model.
    """
    kept = folder / START
    card = read_object(kept) if kept.exists() else start_card(init)
    if card is None:
        return None, ()
    version = card.get("version")
    if not isinstance(card.get(SEEN), str):
        note = (
            f"It started from model {version}, whose card does not say which lesions it met: test"
            " lesions may be among them."
        )
    else:
        note = f"It started from model {version}, which has met none of the test lesions."
    return card, (note,)


def start_card(init: Path | None) -> dict[str, Any] | None:
    """The card of the finished model a run starts from; None if it starts from none."""
    if init is None or not is_model(init):
        return None
    card: dict[str, Any] = json.loads((init / CARD).read_text(encoding="utf-8"))
    return card


def check_start(config: TrainConfig, init: Path | None) -> None:
    """InvalidConfig if only the head is to learn, on a backbone that never learnt anything."""
    if config.learns == "head" and init is None:
        raise InvalidConfig(
            "Training the head alone needs weights to start from: ImageNet's or a finished model's."
        )


def is_model(folder: Path) -> bool:
    """Whether a folder holds a finished model."""
    return (folder / CARD).exists()


def sha256_of(init: Path) -> str:
    """What tells these weights from others."""
    file = init / WEIGHTS if init.is_dir() else init
    try:
        with file.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()
    except OSError as error:
        raise InvalidConfig(f"{init.name} cannot be used to start from: {error}") from error


def fill(network: CnnLstm, init: Path) -> tuple[str, ...]:
    """Put the weights of `init` into a new network, and return the parts taken.

    A file holds torchvision's weights, for the backbone. A model's folder fills the head, too, if
    it has the same shape; one that reads days starts from one that does not as if all days were
    unknown. InvalidConfig if the backbone is another.
    """
    try:
        if init.is_dir():
            return _fill_from_model(network, read_network(init)[0])
        load_backbone(network, load_file(init))
    except (SafetensorError, OSError, ValueError) as error:
        raise InvalidConfig(f"{init.name} cannot be used to start from: {error}") from error
    return ("backbone",)


def _fill_from_model(network: CnnLstm, model: CnnLstm) -> tuple[str, ...]:
    load_backbone(network, model.backbone.state_dict())
    tensors = {n: t.float() for n, t in model.state_dict().items() if t.is_floating_point()}
    if network.config.uses_days and not model.config.uses_days:
        tensors[INPUT_WEIGHTS] = F.pad(tensors[INPUT_WEIGHTS], (0, DAY_INPUTS))
    own = {n: t for n, t in network.state_dict().items() if t.is_floating_point()}
    if {n: t.shape for n, t in own.items()} != {n: t.shape for n, t in tensors.items()}:
        return ("backbone",)
    network.load_state_dict(tensors, strict=False)
    return ("backbone", "head")

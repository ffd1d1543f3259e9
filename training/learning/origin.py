"""What a run starts from and learns from, and what is kept of it for the run's card."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file

from skinmodel.network import DAY_INPUTS, CnnLstm, load_backbone
from training.data.seen import BY_CHANCE, SEEN, seen
from training.learning.checkpoint import write_atomically
from training.learning.config import InvalidConfig, TrainConfig
from training.learning.source import (
    START,
    TEACHERS,
    USE,
    card_of,
    finished,
    is_model,
    is_run,
    network_of,
    sha256_of,
    starts_of,
    teachers_of,
)
from training.runs.folder import HISTORY, LAST

INPUT_WEIGHTS = "lstm.weight_ih_l0"


def settings_for(values: dict[str, Any], init: Path | None) -> TrainConfig:
    """Settings from JSON; what they leave open of network and preparation is the model's in `init`.

    Features are worth most when the photos are prepared as for the weights they come from.
    """
    if init is None or not (is_model(init) or is_run(init)):
        return TrainConfig.from_dict(values)
    network, preparation = network_of(init)
    model = {**network.config.to_dict(), **values.get("model", {})}
    prepared = {**preparation.to_dict(), **values.get("preparation", {})}
    return TrainConfig.from_dict({**values, "model": model, "preparation": prepared})


def begin(
    table: pd.DataFrame,
    folder: Path,
    init: Path | None,
    teachers: Sequence[Path] = (),
    *,
    writes: bool = True,
) -> None:
    """Keeps in a new run's folder which lesions the models it starts and learns from have met.

    So they stay known to whoever measures the run's candidate, whenever that is. InvalidConfig if
    one has met test lesions of the run's `table`: it may have been trained when they had another
    id, or another patient; or if the run began with other teachers, which only a finished one may
    be asked for without. One process `writes`.
    """
    begun = (folder / LAST).exists() or (folder / HISTORY).exists()
    if not (begun and (folder / START).exists()):
        card = card_of(init)
        start = _kept(table, init, card) if init and card else None
        if writes and start:
            write_atomically(folder / START, json.dumps(start))
        elif writes:  # what was asked for before the first step
            (folder / START).unlink(missing_ok=True)
    if not teachers and finished(folder):
        return
    taught = [{"sha256": sha256_of(one), **_kept(table, one, card_of(one))} for one in teachers]
    if [one["sha256"] for one in teachers_of(folder)] != [one["sha256"] for one in taught]:
        if begun:
            raise InvalidConfig(
                f"{folder} holds a run with other teachers, or one has changed since; choose"
                " another folder."
            )
        if writes:
            write_atomically(folder / TEACHERS, json.dumps(taught))


def _kept(table: pd.DataFrame, place: Path, card: Mapping[str, Any] | None) -> dict[str, Any]:
    """What stays known of a model; InvalidConfig if it has met test lesions."""
    if card is None:
        raise InvalidConfig(f"{place.name} is neither a finished model's folder nor a run's.")
    test = table[table["split"] == "test"]
    met = seen(test, card)
    known = 0 if met is None else test["lesion"][met].nunique()
    if known > BY_CHANCE:
        raise InvalidConfig(
            f"Model {place.name} has met {known} of the {test['lesion'].nunique()} test lesions of"
            " these data, so the test would flatter what is trained from it. Start from weights"
            " that have not met them, such as ImageNet's."
        )
    return {"version": card.get("version"), SEEN: card.get(SEEN)}


def met_before(
    folder: Path, init: Path | None
) -> tuple[tuple[Mapping[str, Any], ...], tuple[str, ...]]:
    """What names the lesions that a run's start and teachers had met, and what its card should say.

    Nothing if the run started from no finished model and learned from none.
    """
    starts = starts_of(folder) or filter(None, [card_of(init)])
    before = [("started", one) for one in starts]
    before += [("learned", one) for one in teachers_of(folder)]
    return tuple(card for _, card in before), tuple(_note(*one) for one in before)


def _note(how: str, card: Mapping[str, Any]) -> str:
    version = card.get("version")
    if not isinstance(card.get(SEEN), str):
        return (
            f"It {how} from model {version}, whose card does not say which lesions it met: test"
            " lesions may be among them."
        )
    return f"It {how} from model {version}, which has met none of the test lesions."


def check_start(config: TrainConfig, init: Path | None) -> None:
    """InvalidConfig if only the head is to learn, on a backbone that never learnt anything."""
    if config.learns == "head" and init is None:
        raise InvalidConfig(
            "Training the head alone needs weights to start from: ImageNet's or a finished model's."
        )


def fill(network: CnnLstm, init: Path) -> tuple[str, ...]:
    """Put the weights of `init` into a new network, and return the parts taken.

    A file holds torchvision's weights, for the backbone. A model's folder, or a run's, fills the
    head, too, if it has the same shape; one that reads days starts from one that does not as if
    all days were unknown. InvalidConfig if the backbone is another.
    """
    model = network_of(init)[0] if init.is_dir() else None
    try:
        if model:
            return _fill_from_model(network, model)
        load_backbone(network, load_file(init))
    except (SafetensorError, OSError, ValueError) as error:
        raise InvalidConfig(f"{init.name} {USE}: {error}") from error
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

"""Which settings a search tries, and within which bounds; the settings given are tried first."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from skinmodel.backbone import BACKBONES, LITE
from skinmodel.transforms import Preparation
from training.learning.config import LARGEST_AUGMENTATION, SCALED, InvalidConfig, TrainConfig
from training.learning.source import is_model, is_run

UNITS, BATCHES = (64, 128, 256, 512), (16, 32, 64, 128)
STACKS = tuple(tuple(width << i for i in range(depth)) for depth in (3, 4, 5) for width in (8, 16))
LIGHT = ("mobilenet_v2", LITE, "resnet18", "efficientnet_b0")  # a CPU trains them within a day
DROPOUT, LEARNING_RATE = (0.0, 0.6), (1e-4, 1e-2)


@dataclass(frozen=True)
class Space:
    """The settings around `base` that are searched.

    `weights` are what to start from, by backbone: with several the backbone is searched, with none
    every trial starts from random weights.
    """

    base: TrainConfig
    weights: Mapping[str, Path]

    def distributions(self) -> dict[str, BaseDistribution]:
        """What is searched, by name, as Optuna takes it."""
        model, low, high = self.base.model, *LEARNING_RATE
        rate = self.base.learning_rate
        searched: dict[str, BaseDistribution] = {
            "lstm_units": _one_of(*UNITS, model.lstm_units),
            "lstm_layers": IntDistribution(1, max(2, model.lstm_layers)),
            "learning_rate": FloatDistribution(min(low, rate), max(high, rate), log=True),
            "batch": _one_of(*BATCHES, self.base.batch),
            "dropout": FloatDistribution(DROPOUT[0], max(DROPOUT[1], model.dropout)),
        }
        backbones = self._backbones()
        if len(backbones) > 1:
            searched["backbone"] = CategoricalDistribution(backbones)
        if self.base.learns == "all":
            searched["augmentation"] = FloatDistribution(0.0, LARGEST_AUGMENTATION)
            if model.backbone == "conv" and not self.weights:
                stacks = {_named(model.filters), *map(_named, STACKS)}
                searched["filters"] = CategoricalDistribution(sorted(stacks))
        return searched

    def given(self) -> dict[str, Any]:
        """The settings given, as far as they are searched."""
        model = self.base.model
        values = {
            "lstm_units": model.lstm_units,
            "lstm_layers": model.lstm_layers,
            "learning_rate": self.base.learning_rate,
            "batch": self.base.batch,
            "dropout": model.dropout,
            "augmentation": self.base.augmentation,
            "filters": _named(model.filters),
            "backbone": model.backbone,
        }
        return {name: values[name] for name in self.distributions()}

    def settings(self, found: Mapping[str, Any]) -> TrainConfig:
        """The settings given with those found in their place."""
        network = {
            n: found[n] for n in ("backbone", "lstm_units", "lstm_layers", "dropout") if n in found
        }
        if "filters" in found:
            network["filters"] = tuple(map(int, found["filters"].split()))
        own = {n: found[n] for n in ("learning_rate", "batch", "augmentation") if n in found}
        base = self.base
        if network.get("backbone") not in (None, base.model.backbone):
            base = _upon(base, network["backbone"])
        return replace(base, model=replace(base.model, **network), **own)

    def init(self, config: TrainConfig) -> Path | None:
        """What a run with these settings starts from."""
        return self.weights.get(config.model.backbone)

    def held(self) -> dict[str, Any]:
        """What a search may be expected to vary, but this one does not."""
        searched, model = self.distributions(), self.base.model
        held = {
            "backbone": model.backbone,
            "filters": list(model.filters),
            "augmentation": self.base.augmentation,
        }
        return {name: value for name, value in held.items() if name not in searched and value != []}

    def _backbones(self) -> tuple[str, ...]:
        if self.weights:
            return tuple(sorted(self.weights))
        if self.base.learns == "head" or self.base.model.backbone == "conv":
            return (self.base.model.backbone,)
        return tuple(sorted({*LIGHT, self.base.model.backbone}))


def space_for(config: TrainConfig, init: Path | None) -> Space:
    """The search around these settings; InvalidConfig if a folder holds nothing to start from.

    `init` is what `fit` takes, or a folder of weights whose names begin with their backbone's, such
    as resnet18_imagenet.safetensors: then the backbone is searched among those.
    """
    if init is None:
        return Space(config, {})
    if not init.is_dir() or is_model(init) or is_run(init):
        return Space(config, {config.model.backbone: init})
    files = sorted(init.glob("*.safetensors"))
    weights = {name: path for name in BACKBONES for path in files if path.name.startswith(name)}
    if not weights:
        raise InvalidConfig(
            f"{init.name} holds neither a model nor a run nor weights named after a backbone, such"
            f" as {BACKBONES[0]}.safetensors."
        )
    if config.model.backbone not in weights:
        config = _upon(config, min(weights))
    return Space(config, weights)


def _upon(config: TrainConfig, backbone: str) -> TrainConfig:
    """The settings with another backbone, and pixels scaled as its published weights know them."""
    pixels = Preparation.from_dict(SCALED.get(backbone, {}))
    preparation = replace(config.preparation, mean=pixels.mean, std=pixels.std)
    return replace(config, model=replace(config.model, backbone=backbone), preparation=preparation)


def _one_of(*values: int) -> CategoricalDistribution:
    return CategoricalDistribution(sorted(set(values)))


def _named(filters: tuple[int, ...]) -> str:
    return " ".join(map(str, filters))

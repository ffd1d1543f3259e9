"""The settings of one training run, saved in its folder as `config.json`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from skinmodel.backbone import LITES
from skinmodel.network import ModelConfig
from skinmodel.transforms import Preparation
from training.disk import TrainingFailed as TrainingFailed

LARGEST_AUGMENTATION = 2.0
# How pixels are scaled for published weights, where it is not as for torchvision's.
SCALED = {name: {"mean": (0.498,) * 3, "std": (0.502,) * 3} for name in LITES}


class InvalidConfig(ValueError):
    """The settings of a run cannot be used; the text says which and why."""


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object from a file; InvalidConfig if it is none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidConfig(f"{path.name} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise InvalidConfig(f"{path.name} must hold a JSON object.")
    return values


@dataclass(frozen=True)
class TrainConfig:
    """What a run needs besides its data; the same values give the same model.

    `sizes` are (share of the epochs, input side in pixels), smallest first: early epochs on small
    pictures cost less. `batch` counts photos. `average` is the decay per step of the exponential
    moving average of the weights, which is what is evaluated and kept. `frozen` blocks at the
    backbone's start stay as they are: a MobileNetV2's first three hold 0.3 % of its weights and
    take more than half of a training step on a CPU.

    `learns` "head" keeps the whole backbone as it is: the photos' features are computed once, in
    `views` versions of each training photo (the first as the clinic sees it, the others augmented),
    and only the LSTM and the dense layers learn from them. `augmentation` is the strength of the
    random changes, 0 (mirroring and quarter turns only) to 2.

    Where there are teachers, the loss follows their answers rather than the diagnoses by the share
    `taught`, both softened by a temperature of `softness`; and the share `mixing` of the lesions is
    shown mixed with another lesion, which teachers can answer, and no diagnosis can.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    preparation: Preparation = field(default_factory=Preparation)
    epochs: int = 23
    batch: int = 32
    learning_rate: float = 4e-4
    weight_decay: float = 0.03
    label_smoothing: float = 0.05
    average: float = 0.998
    sizes: tuple[tuple[float, int], ...] = ((0.35, 128), (0.475, 160), (0.175, 192))
    longest_series: int = 6
    repeat_share: float = 0.25  # of single photos also shown to the LSTM as a repeated series
    series_weight: float = 0.5
    days_dropped: float = 0.3  # share of dated series shown without their days
    frozen: int = 0
    learns: Literal["all", "head"] = "all"
    views: int = 3
    augmentation: float = 1.0
    taught: float = 0.9
    softness: float = 2.0
    mixing: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 2 or self.longest_series < 1:
            raise InvalidConfig("epochs and longest_series must be at least 1, batch at least 2.")
        if abs(sum(share for share, _ in self.sizes) - 1) > 1e-6:
            raise InvalidConfig("The shares in sizes must add up to 1.")
        if self.learns not in ("all", "head"):
            raise InvalidConfig(f'learns is {self.learns!r}; it must be "all" or "head".')
        if self.views < 1 or not 0 <= self.augmentation <= LARGEST_AUGMENTATION:
            raise InvalidConfig("views must be at least 1, augmentation from 0 to 2.")
        if not 0 <= self.taught <= 1 or not 0 <= self.mixing <= 1 or self.softness <= 0:
            raise InvalidConfig("taught and mixing must be from 0 to 1, softness above 0.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Settings from JSON; InvalidConfig names what is unknown or wrong."""
        known = dict(values)
        try:
            if "model" in known:
                known["model"] = ModelConfig.from_dict(known["model"])
            network: ModelConfig = known.get("model", ModelConfig())
            known["preparation"] = Preparation.from_dict(
                SCALED.get(network.backbone, {}) | known.get("preparation", {})
            )
            if "sizes" in known:
                known["sizes"] = tuple((float(share), int(side)) for share, side in known["sizes"])
            return cls(**known)
        except (TypeError, ValueError) as error:
            raise InvalidConfig(f"The training settings cannot be used: {error}") from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """Settings from a JSON file."""
        return cls.from_dict(read_object(path))

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values for JSON."""
        return asdict(self)

    def size_at(self, epoch: int) -> int:
        """Side of the training input in pixels at an epoch counted from 0."""
        if self.learns == "head":  # the backbone sees photos as the clinic's are prepared
            return self.preparation.size
        reached = 0.0
        for share, side in self.sizes:
            reached += share
            if epoch < round(reached * self.epochs):
                return side
        return self.sizes[-1][1]

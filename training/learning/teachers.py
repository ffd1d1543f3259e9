"""Finished networks whose mean answer another one learns: knowledge distillation.

Hinton, Vinyals and Dean (2015). Several networks of different kinds err differently, and their mean
less than each; one that has learned their answers to the same photos, and to mixtures of photos as
Beyer et al. (2022) show them, is as small and as fast as before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from skinmodel.network import CnnLstm, for_use
from skinmodel.transforms import Preparation
from training.learning.config import InvalidConfig, TrainConfig
from training.learning.ranks import Ranks
from training.learning.source import network_of


@dataclass(frozen=True)
class Teacher:
    """A network that answers, and how it wants its photos."""

    network: CnnLstm
    preparation: Preparation


@dataclass(frozen=True)
class Teachers:
    """Networks whose mean answer is followed."""

    all: tuple[Teacher, ...] = ()

    @torch.no_grad()
    def pooled(self, photos: Tensor, ranks: Ranks, count: int) -> tuple[Tensor, ...]:
        """Each teacher's features (N, F) of all processes' `count` photos (n, 3, S, S) uint8."""
        return tuple(
            ranks.gather(
                one.network.forward_features(one.preparation.normalise(photos)).mean(dim=(-2, -1)),
                count,
            )
            for one in self.all
        )

    @torch.no_grad()
    def logits(
        self, pooled: tuple[Tensor, ...], series: Tensor, visit: Tensor, days: Tensor | None
    ) -> Tensor:
        """The teachers' mean logits (B, T, K) of these series of the photos."""
        answers = [
            one.network.forward_pooled(features[series], visit, days)
            for one, features in zip(self.all, pooled, strict=True)
        ]
        return torch.stack(answers).mean(dim=0)


NOBODY = Teachers()


def hired(places: Sequence[Path], config: TrainConfig, device: torch.device) -> Teachers:
    """The teachers in folders of finished models or of runs; InvalidConfig if one won't do."""
    check_taught(config, places)
    return Teachers(tuple(_teacher(place, config, device) for place in places))


def check_taught(config: TrainConfig, places: Sequence[Path]) -> None:
    """InvalidConfig if the settings need a teacher and there is none, or can have none."""
    if not places and config.mixing:
        raise InvalidConfig("mixing needs a teacher: no diagnosis is that of a mixed photo.")
    if places and config.learns == "head":
        raise InvalidConfig("A head that learns alone is shown no photos, which teachers need.")


def _teacher(place: Path, config: TrainConfig, device: torch.device) -> Teacher:
    network, preparation = network_of(place)
    if network.config.outputs != config.model.outputs:
        raise InvalidConfig(f"{place.name} cannot teach: it answers another question.")
    if (preparation.scale, preparation.widest) != (
        config.preparation.scale,
        config.preparation.widest,
    ):
        raise InvalidConfig(f"{place.name} cannot teach: it sees photos at another scale.")
    network.views = 1  # with eight, answering would take most of a step
    return Teacher(for_use(network).to(device), preparation)

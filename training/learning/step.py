"""One step of training: loss, gradients, optimizer and averaged weights."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from skinmodel.network import CnnLstm
from training.learning.batches import Batch
from training.learning.config import TrainConfig
from training.learning.layout import Layout
from training.learning.objective import batch_loss
from training.learning.ranks import ALONE, Ranks
from training.learning.teachers import NOBODY, Teachers

LARGEST_GRADIENT = 5.0  # norm over all weights


@dataclass(frozen=True)
class Learner:
    """What a step changes: the network, its optimizer's state, the average of its weights."""

    network: CnnLstm
    average: CnnLstm
    optimizer: torch.optim.Optimizer
    layout: Layout
    log_prior: Tensor
    ranks: Ranks = ALONE
    teachers: Teachers = NOBODY


def new_optimizer(network: CnnLstm, config: TrainConfig) -> torch.optim.Optimizer:
    """Weight decay on matrices and kernels only, not on biases and batch norm."""
    parameters = list(network.parameters())
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)


def take(learner: Learner, batch: Batch, config: TrainConfig, *, step: int, rate: float) -> Tensor:
    """Learn from a batch at this learning rate, and return its loss before; `step` from 0.

    The loss stays on its device, where reading it would make the CPU wait; it is no number if it
    or a gradient is none.
    """
    for group in learner.optimizer.param_groups:
        group["lr"] = rate
    network, ranks = learner.network, learner.ranks
    loss = batch_loss(
        network, learner.layout, config, batch, learner.log_prior, ranks, learner.teachers
    )
    learner.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    ranks.sum_gradients(network.backbone, network)
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
    learner.optimizer.step()
    # The average follows fast at first, while the weights are still far from anything.
    _average(learner.average, network, min(config.average, (2 + step) / (11 + step)))
    return loss.detach() + 0 * norm  # infinity times 0 is no number


@torch.no_grad()
def _average(average: CnnLstm, network: CnnLstm, decay: float) -> None:
    """Move the averaged weights and batch-norm statistics towards the current ones."""
    pairs = list(zip(_tensors(average), _tensors(network), strict=True))
    moving = [(kept, new) for kept, new in pairs if kept.is_floating_point()]
    torch._foreach_lerp_([kept for kept, _ in moving], [new for _, new in moving], 1 - decay)
    for kept, new in pairs:
        if not kept.is_floating_point():
            kept.copy_(new)


def _tensors(network: CnnLstm) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]

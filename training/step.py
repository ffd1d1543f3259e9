"""One step of training: loss, gradients, optimizer and averaged weights."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from skinmodel.network import CnnLstm
from training.batches import Batch
from training.config import TrainConfig
from training.layout import Layout
from training.objective import TrainingFailed, batch_loss

LARGEST_GRADIENT = 5.0  # norm over all weights


@dataclass(frozen=True)
class Learner:
    """What a step changes: the network, its optimizer's state, the average of its weights."""

    network: CnnLstm
    average: CnnLstm
    optimizer: torch.optim.Optimizer
    layout: Layout
    log_prior: Tensor


def new_optimizer(network: CnnLstm, config: TrainConfig) -> torch.optim.Optimizer:
    """Weight decay on matrices and kernels only, not on biases and batch norm."""
    parameters = list(network.parameters())
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)


def take(learner: Learner, batch: Batch, config: TrainConfig, *, step: int, rate: float) -> float:
    """Learn from a batch at this learning rate, and return its loss before; `step` from 0.

    TrainingFailed if the loss is no number.
    """
    for group in learner.optimizer.param_groups:
        group["lr"] = rate
    loss = batch_loss(learner.network, learner.layout, config, batch, learner.log_prior)
    value = loss.item()
    if not math.isfinite(value):
        raise TrainingFailed("The loss stopped being a number. A lower learning rate may help.")
    learner.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(learner.network.parameters(), LARGEST_GRADIENT)
    learner.optimizer.step()
    # The average follows fast at first, while the weights are still far from anything.
    _average(learner.average, learner.network, min(config.average, (2 + step) / (11 + step)))
    return value


@torch.no_grad()
def _average(average: CnnLstm, network: CnnLstm, decay: float) -> None:
    """Move the averaged weights and batch-norm statistics towards the current ones."""
    for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)

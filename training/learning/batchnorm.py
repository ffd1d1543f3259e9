"""Batch norm over the whole batch of several processes.

PyTorch's own SyncBatchNorm runs on GPUs only, where it is used; this is the same for CPUs.
"""

from typing import Any

import torch
from torch import Tensor, nn

from training.learning.ranks import summed


def synced(network: nn.Module) -> None:
    """Replace every BatchNorm2d in place, keeping its parameters, statistics and name."""
    if next(network.parameters()).device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # in place but for the root
        return
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.BatchNorm2d:
                setattr(parent, name, WholeBatchNorm(child))


class WholeBatchNorm(nn.BatchNorm2d):
    """BatchNorm2d that averages over the photos of all processes while it trains."""

    def __init__(self, other: nn.BatchNorm2d) -> None:
        super().__init__(other.num_features, eps=other.eps, momentum=other.momentum)
        self.weight, self.bias = other.weight, other.bias
        self.running_mean, self.running_var = other.running_mean, other.running_var
        self.num_batches_tracked = other.num_batches_tracked
        self.train(other.training)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N, F, h, w) of this process's photos, normalised over those of all."""
        if not self.training or self.running_mean is None or self.running_var is None:
            return super().forward(maps)
        # About the running mean: the variance as a difference of large numbers loses its digits.
        about = self.running_mean.detach().clone()
        apart = maps.float() - about[:, None, None]
        size = maps.new_full((1,), maps.numel() / maps.shape[1], dtype=torch.float32)
        sums = torch.cat([apart.sum((0, 2, 3)), apart.square().sum((0, 2, 3)), size])
        first, second, count = _Sum.apply(sums).split([*2 * (self.num_features,), 1])
        shift = first / count
        variance = second / count - shift.square()
        with torch.no_grad():
            share = self.momentum if self.momentum is not None else 0.1
            self.running_mean.lerp_(about + shift, share)
            self.running_var.lerp_(variance * count / (count - 1), share)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        scale = self.weight * (variance + self.eps).rsqrt()
        normal = (apart - shift[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]
        return normal.to(maps.dtype)


class _Sum(torch.autograd.Function):
    """The sum over all processes; the gradient of a sum is the sum of the gradients."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        return summed(values.clone())

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return summed(gradient.clone())

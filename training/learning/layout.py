"""Number format and memory layout for training, chosen by a short measurement.

On a CPU the layout decides more than the arithmetic, and no rule holds for all networks and
processors: bfloat16 in channels-last order has been both the fastest and the slowest for a
MobileNetV2.
"""

import copy
import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from skinmodel.network import CnnLstm


@dataclass(frozen=True)
class Layout:
    """`bfloat16`: autocast in the backbone. `channels_last`: order of its tensors in memory."""

    bfloat16: bool
    channels_last: bool

    def arrange(self, network: CnnLstm) -> None:
        """Put the backbone's weights in this order, in place."""
        order = torch.channels_last if self.channels_last else torch.contiguous_format
        network.backbone.to(memory_format=order)

    def features(self, network: CnnLstm, photos: Tensor) -> Tensor:
        """Pooled features (N, F) in float32 of photos (N, 3, H, W)."""
        if self.channels_last:
            photos = photos.contiguous(memory_format=torch.channels_last)
        with torch.autocast(photos.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
            maps = network.forward_features(photos)
        return maps.float().mean(dim=(-2, -1))


ROUNDS = 3
HOPELESS = 3.0  # times the fastest: not measured again, for some layouts take ten times as long
LAYOUTS = tuple(Layout(bf16, last) for bf16 in (True, False) for last in (True, False))


def fastest(
    network: CnnLstm, *, batch: int, size: int, device: torch.device
) -> tuple[Layout, dict[str, float]]:
    """The fastest layout for training steps of this shape, and images per second of each."""
    photos = torch.randn(batch, 3, size, size, device=device)
    trials = {layout: copy.deepcopy(network).train() for layout in LAYOUTS}
    for layout, trial in trials.items():
        layout.arrange(trial)
    best = dict.fromkeys(LAYOUTS, math.inf)
    for _ in range(1 + ROUNDS):  # in turns, so that a busy moment of the machine hits all alike
        hopeless = HOPELESS * min(best.values())
        for layout, trial in trials.items():
            if best[layout] <= hopeless:
                best[layout] = min(best[layout], _step_seconds(trial, layout, photos))
    speeds = {layout: batch / seconds for layout, seconds in best.items()}
    named = {f"bfloat16={k.bfloat16} channels_last={k.channels_last}": v for k, v in speeds.items()}
    return max(speeds, key=lambda layout: speeds[layout]), named


def _step_seconds(trial: CnnLstm, layout: Layout, photos: Tensor) -> float:
    """Seconds of one forward and backward pass."""
    started = time.perf_counter()
    layout.features(trial, photos).sum().backward()
    if photos.device.type != "cpu":
        torch.accelerator.synchronize()
    return time.perf_counter() - started

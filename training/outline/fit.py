"""Trains the outline network: cross-entropy and Dice, averaged weights, resumable by epoch."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from skinmodel.outline_network import OutlineNetwork
from skinmodel.transforms import Preparation
from training.learning.checkpoint import (
    load_tensors,
    module_tensors,
    optimizer_tensors,
    restore_module,
    restore_optimizer,
    save_tensors,
)
from training.learning.dataset import Cache
from training.outline.examples import Examples, batches
from training.outline.measure import measure

LAST, BEST, HISTORY = "last.safetensors", "best.safetensors", "history.jsonl"
WARM_UP = 0.05  # share of the steps with a rising learning rate
SIDE = 96  # pixels, short side of the input; the long one is 4/3 of it


@dataclass(frozen=True)
class OutlineConfig:
    """The settings of a run; the same values on the same data give the same network."""

    epochs: int = 15
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    average: float = 0.995  # decay per step of the averaged weights
    bfloat16: bool = False
    seed: int = 0


def fit_outline(
    *,
    config: OutlineConfig,
    network: OutlineNetwork,
    cache: Cache,
    train: Examples,
    validation: Examples,
    run: Path,
    log: Callable[[dict[str, Any]], None],
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Train to the last epoch, or go on where this run folder stands; False if stopped before."""
    network.to(memory_format=torch.channels_last)
    average = AveragedModel(
        network, multi_avg_fn=get_ema_multi_avg_fn(config.average), use_buffers=True
    )
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    begun, best, step = 0, -1.0, 0
    if (run / LAST).exists():
        tensors, numbers = load_tensors(run / LAST)
        restore_module("network", network, tensors)
        restore_module("average", average, tensors)
        restore_optimizer(optimizer, tensors)
        begun, best, step = numbers["epoch"], numbers["best"], numbers["step"]
    steps = config.epochs * max(1, len(train.photos) // config.batch)
    preparation = Preparation()
    for epoch in range(begun, config.epochs):
        started = time.perf_counter()
        network.train()
        seen, total = 0, 0.0
        random = np.random.default_rng((config.seed, epoch))
        size = SIDE, SIDE * 4 // 3
        for pixels, masks in batches(train, cache, size=size, batch=config.batch, random=random):
            if stop():
                return False
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * _schedule(step / steps)
            photos = preparation.normalise(pixels).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=config.bfloat16):
                logits = network(photos)
            loss = outline_loss(logits.float(), masks)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            average.update_parameters(network)
            step += 1
            seen += len(pixels)
            total += loss.item() * len(pixels)
        trained = time.perf_counter() - started
        smooth = cast(OutlineNetwork, average.module).eval()
        scores = measure(smooth, cache, validation, SIDE)
        spent = time.perf_counter() - started
        mean = float(scores.dice.mean())
        line = {
            "stage": "epoch",
            "epoch": epoch + 1,
            "epochs": config.epochs,
            "loss": total / seen,
            "dice": mean,
            "dice_5th_percentile": float(np.percentile(scores.dice, 5)),
            "images_per_second": seen / trained,
            "seconds_left": spent * (config.epochs - epoch - 1),
        }
        if mean > best:
            best = mean
            save_tensors(run / BEST, smooth.state_dict(), line)
        tensors = module_tensors("network", network) | module_tensors("average", average)
        numbers = {"epoch": epoch + 1, "best": best, "step": step, "config": asdict(config)}
        save_tensors(run / LAST, tensors | optimizer_tensors(optimizer), numbers)
        with (run / HISTORY).open("a") as history:
            history.write(json.dumps(line) + "\n")
        log(line)
    return True


def outline_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy per pixel plus one minus the soft Dice overlap per photo; (N, 1, H, W)."""
    lesion = logits.sigmoid()
    both = (lesion * masks).sum(dim=(1, 2, 3))
    either = lesion.sum(dim=(1, 2, 3)) + masks.sum(dim=(1, 2, 3))
    dice = (2 * both + 1) / (either + 1)
    return F.binary_cross_entropy_with_logits(logits, masks) + (1 - dice).mean()


def _schedule(done: float) -> float:
    """Share of the full learning rate: a short linear rise, then half a cosine to zero."""
    if done < WARM_UP:
        return done / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (done - WARM_UP) / (1 - WARM_UP))))

"""The training loop: every epoch one line of history, one checkpoint, and the best weights kept."""

import copy
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from skinmodel.network import CnnLstm
from training.batches import Lesions, batches_per_epoch, epoch_batches
from training.checkpoint import (
    load_tensors,
    module_tensors,
    optimizer_tensors,
    restore_module,
    restore_optimizer,
    save_tensors,
)
from training.config import TrainConfig
from training.dataset import Cache
from training.layout import Layout, fastest
from training.metrics import balanced_accuracy, balanced_log_loss, probabilities
from training.objective import class_shares
from training.scoring import photo_logits
from training.step import Learner, new_optimizer, take

LAST, BEST, HISTORY = "last.safetensors", "best.safetensors", "history.jsonl"
WARM_UP = 0.05  # share of the steps with a rising learning rate

Log = Callable[[dict[str, Any]], None]


def fit(
    *,
    config: TrainConfig,
    network: CnnLstm,
    cache: Cache,
    train: Lesions,
    validation: Lesions,
    run: Path,
    log: Log,
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Train to the last epoch, or go on where this run folder stands; False if stopped before.

    The loss is cross-entropy with logit adjustment (Menon et al. 2021): the classes' shares of the
    training photos are added to the logits, so the bare logits are those of a balanced mix.
    Writes `last.safetensors`, `best.safetensors` (averaged weights) and `history.jsonl` in `run`.
    """
    device = next(network.parameters()).device
    log_prior = class_shares(train, config.model.outputs).log().to(device)
    frozen = _freeze(network, config.frozen)
    average = copy.deepcopy(network).eval().requires_grad_(False)
    optimizer = new_optimizer(network, config)
    steps = config.epochs * batches_per_epoch(train, config)
    layout, begun, best, step = _resume(run, network, average, optimizer)
    if layout is None:
        largest = max(side for _, side in config.sizes)
        layout, speeds = fastest(network, batch=config.batch, size=largest, device=device)
        log({"stage": "layout", "chosen": vars(layout), "images_per_second": speeds})
    layout.arrange(network)
    layout.arrange(average)
    learner = Learner(network, average, optimizer, layout, log_prior)

    spent = 0.0
    for epoch in range(begun, config.epochs):
        started = time.perf_counter()
        torch.manual_seed(config.seed * 1_000_003 + epoch)  # dropout, the same after a resume
        network.train()
        frozen.eval()
        seen, total = 0, 0.0
        for batch in epoch_batches(train, cache, config, epoch):
            if stop():
                return False
            rate = config.learning_rate * _schedule(step / steps)
            loss = take(learner, batch, config, step=step, rate=rate)
            step += 1
            seen += len(batch.labels)
            total += loss * len(batch.labels)
        trained = time.perf_counter() - started

        scores = _validate(average, cache, validation, config)
        spent += time.perf_counter() - started
        left = spent / (epoch + 1 - begun) * (config.epochs - epoch - 1)
        line = {
            "stage": "epoch",
            "epoch": epoch + 1,
            "epochs": config.epochs,
            "size": config.size_at(epoch),
            "loss": total / seen,
            **scores,
            "images_per_second": seen / trained,
            "seconds_left": left,
        }
        if scores["balanced_accuracy"] > best:
            best = scores["balanced_accuracy"]
            save_tensors(run / BEST, average.state_dict(), line)
        tensors = module_tensors("network", network) | module_tensors("average", average)
        numbers = {"epoch": epoch + 1, "best": best, "step": step, "layout": vars(layout)}
        save_tensors(run / LAST, tensors | optimizer_tensors(optimizer), numbers)
        with (run / HISTORY).open("a") as history:
            history.write(json.dumps(line) + "\n")
        log(line)
    return True


def _validate(
    network: CnnLstm, cache: Cache, lesions: Lesions, config: TrainConfig
) -> dict[str, float]:
    """Balanced accuracy and log loss of single photos under a balanced mix."""
    indices = [photo for photos in lesions.photos for photo in photos]
    labels = [
        label for photos, label in zip(lesions.photos, lesions.labels, strict=True) for _ in photos
    ]
    logits = photo_logits(network, cache, indices, config.preparation)
    scores = probabilities(logits)
    return {
        "balanced_accuracy": balanced_accuracy(scores, labels),
        "log_loss": balanced_log_loss(scores, labels),
    }


def _freeze(network: CnnLstm, blocks: int) -> nn.Module:
    """The first blocks of the backbone, which from now on neither learn nor are differentiated."""
    first = nn.Sequential(*list(network.backbone.children())[:blocks])
    return first.requires_grad_(False)


def _schedule(done: float) -> float:
    """Share of the full learning rate: a short linear rise, then half a cosine to zero."""
    if done < WARM_UP:
        return done / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (done - WARM_UP) / (1 - WARM_UP))))


def _resume(
    run: Path, network: CnnLstm, average: CnnLstm, optimizer: torch.optim.Optimizer
) -> tuple[Layout | None, int, float, int]:
    """Layout, next epoch, best score and step of the last checkpoint, or those of a new run."""
    if not (run / LAST).exists():
        return None, 0, -1.0, 0
    tensors, numbers = load_tensors(run / LAST)
    restore_module("network", network, tensors)
    restore_module("average", average, tensors)
    restore_optimizer(optimizer, tensors)
    # A kill between history and checkpoint leaves a line too many.
    if (run / HISTORY).exists():
        lines = (run / HISTORY).read_text().splitlines(keepends=True)[: numbers["epoch"]]
        (run / HISTORY).write_text("".join(lines))
    return Layout(**numbers["layout"]), numbers["epoch"], numbers["best"], numbers["step"]

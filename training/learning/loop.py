"""The training loop: every epoch one line of history, one checkpoint, and the best weights kept."""

import copy
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from skinmodel.network import CnnLstm
from training.learning.batches import Batch, Lesions, batches_per_epoch, epoch_batches
from training.learning.batchnorm import synced
from training.learning.checkpoint import (
    append_line,
    load_tensors,
    module_tensors,
    optimizer_tensors,
    restore_module,
    restore_optimizer,
    save_tensors,
    write_atomically,
)
from training.learning.config import TrainConfig, TrainingFailed
from training.learning.dataset import Cache, Features
from training.learning.layout import LAYOUTS, Layout, fastest
from training.learning.objective import class_shares
from training.learning.ranks import ALONE, Ranks
from training.learning.step import Learner, new_optimizer, take
from training.learning.teachers import NOBODY, Teachers
from training.measuring.metrics import balanced_accuracy, balanced_log_loss, probabilities
from training.measuring.scoring import photo_logits
from training.runs.folder import BEST, HISTORY, LAST

WARM_UP = 0.05  # share of the steps with a rising learning rate
SAVE_EVERY = 600.0  # seconds that a kill may cost at most, where an epoch takes longer
TELL_EVERY = 10.0  # seconds between two words about an epoch that takes longer
CHECK_EVERY = 16  # steps between two looks at the loss, for which a GPU has to be waited for

Log = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Standing:
    """How far a run has come: whole epochs, then batches, photos and summed loss of the next one.

    `step` counts all batches so far, `best` is the best balanced accuracy, `seconds` all that was
    spent.
    """

    epoch: int = 0
    best: float = -1.0
    step: int = 0
    batch: int = 0
    photos: int = 0
    loss: float = 0.0
    seconds: float = 0.0


def fit(
    *,
    config: TrainConfig,
    network: CnnLstm,
    source: Cache | Features,
    train: Lesions,
    validation: Lesions,
    run: Path,
    log: Log,
    stop: Callable[[], bool] = lambda: False,
    ranks: Ranks = ALONE,
    teachers: Teachers = NOBODY,
) -> bool:
    """Train to the last epoch, or go on where this run folder stands; False if stopped before.

    The loss is cross-entropy with logit adjustment (Menon et al. 2021): the classes' shares of the
    training photos are added to the logits, so the bare logits are those of a balanced mix.
    Writes `last.safetensors`, `best.safetensors` (averaged weights) and `history.jsonl` in `run`.
    """
    saved = load_tensors(run / LAST) if (run / LAST).exists() else None
    standing = _standing(saved[1]) if saved else Standing()
    if ranks.any(ranks.told(standing.step) != standing.step):
        raise TrainingFailed("The processes of this run see different run folders.")
    _freeze(network, config)
    layout = Layout(**saved[1]["layout"]) if saved else _measured(network, config, ranks, log)
    learner, frozen = _learner(network, train, config, layout, ranks, teachers)
    if saved:
        restore_module("network", network, saved[0])
        restore_module("average", learner.average, saved[0])
        restore_optimizer(learner.optimizer, saved[0])
    if ranks.writes:
        _drop_lines(run / HISTORY, standing.epoch)

    alive = time.perf_counter() - standing.seconds
    per_epoch = batches_per_epoch(train, config)

    def save(standing: Standing) -> None:
        if ranks.writes:
            standing = replace(standing, seconds=time.perf_counter() - alive)
            tensors = module_tensors("network", network)
            tensors |= module_tensors("average", learner.average)
            tensors |= optimizer_tensors(learner.optimizer)
            save_tensors(run / LAST, tensors, asdict(standing) | {"layout": vars(layout)})

    def tell(standing: Standing) -> None:
        done = standing.epoch + standing.batch / per_epoch
        spent = time.perf_counter() - alive
        log({
            "stage": "steps", "epoch": standing.epoch + 1, "epochs": config.epochs,
            "done": standing.batch, "total": per_epoch,
            "seconds_left": spent / done * (config.epochs - done),
        })  # fmt: skip

    for epoch in range(standing.epoch, config.epochs):
        started, before = time.perf_counter(), standing.photos
        network.train()
        frozen.eval()
        batches = _Timed(
            epoch_batches(
                train, source, config, epoch,
                begin=standing.batch, threads=_threads(ranks), ranks=ranks,
            )
        )  # fmt: skip
        standing, whole = _epoch(learner, batches, config, standing, train, save, tell, stop)
        if not whole:
            save(standing)
            return False
        trained = time.perf_counter() - started

        scores = _validate(learner.average, source, validation, config, ranks)
        spent = time.perf_counter() - alive
        line = {
            "stage": "epoch",
            "epoch": epoch + 1,
            "epochs": config.epochs,
            "size": config.size_at(epoch),
            "loss": standing.loss / standing.photos,
            **scores,
            "images_per_second": (standing.photos - before) / trained,
            "waiting_for_photos": batches.waited / trained,
            "seconds_left": spent / (epoch + 1) * (config.epochs - epoch - 1),
        }
        best = max(standing.best, scores["balanced_accuracy"])
        if best > standing.best and ranks.writes:
            save_tensors(run / BEST, learner.average.state_dict(), line)
        standing = Standing(epoch=epoch + 1, best=best, step=standing.step)
        # The line first: one too many is dropped by whoever goes on, a missing one would be lost.
        if ranks.writes:
            append_line(run / HISTORY, json.dumps(line))
        save(standing)
        log(line)
    return True


def _epoch(
    learner: Learner,
    batches: Iterator[Batch],
    config: TrainConfig,
    standing: Standing,
    train: Lesions,
    save: Callable[[Standing], None],
    tell: Callable[[Standing], None],
    stop: Callable[[], bool],
) -> tuple[Standing, bool]:
    """Learn from the rest of an epoch; False if stopped in it."""
    steps = config.epochs * batches_per_epoch(train, config)
    total = learner.log_prior.new_tensor(standing.loss, dtype=torch.float64)
    saved = told = time.perf_counter()
    for batch in batches:
        if learner.ranks.any(stop()):
            return replace(standing, loss=_finite(total)), False
        # Dropout, the same after a resume and in all processes.
        torch.manual_seed(config.seed * 1_000_003 + standing.step)
        rate = config.learning_rate * _schedule(standing.step / steps)
        photos = len(batch.labels)
        total += photos * take(learner, batch, config, step=standing.step, rate=rate)
        standing = replace(
            standing,
            step=standing.step + 1,
            batch=standing.batch + 1,
            photos=standing.photos + photos,
        )
        if standing.batch % CHECK_EVERY == 0:
            _finite(total)
        if time.perf_counter() - saved > SAVE_EVERY:
            standing = replace(standing, loss=_finite(total))
            save(standing)
            saved = time.perf_counter()
        if time.perf_counter() - told > TELL_EVERY:
            tell(standing)
            told = time.perf_counter()
    return replace(standing, loss=_finite(total)), True


class _Timed:
    """An iterator that counts the seconds its user waits for it."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self.waited = 0.0
        self._batches = batches

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        asked = time.perf_counter()
        try:
            return next(self._batches)
        finally:
            self.waited += time.perf_counter() - asked


def _finite(total: Tensor) -> float:
    """The summed loss; TrainingFailed if it is no number."""
    value = total.item()
    if not math.isfinite(value):
        raise TrainingFailed("The loss stopped being a number. A lower learning rate may help.")
    return float(value)


def _measured(network: CnnLstm, config: TrainConfig, ranks: Ranks, log: Log) -> Layout:
    """The layout that is fastest for this process's share of a batch, the same in all."""
    if config.learns == "head":
        return Layout(bfloat16=False, channels_last=False)  # the backbone is not run
    device = next(network.parameters()).device
    largest = max(side for _, side in config.sizes)
    batch = math.ceil(config.batch / ranks.count)
    layout, speeds = fastest(network, batch=batch, size=largest, device=device)
    layout = LAYOUTS[ranks.told(LAYOUTS.index(layout))]
    log({"stage": "layout", "chosen": vars(layout), "images_per_second": speeds})
    return layout


def _learner(
    network: CnnLstm,
    train: Lesions,
    config: TrainConfig,
    layout: Layout,
    ranks: Ranks,
    teachers: Teachers,
) -> tuple[Learner, nn.Module]:
    """What a step changes, and the blocks that no step changes."""
    if ranks.count > 1:
        synced(network)
    frozen = _freeze(network, config)
    average = copy.deepcopy(network).eval().requires_grad_(False)
    average.views = 1  # validation compares epochs; eight views would take as long as training
    layout.arrange(network)
    layout.arrange(average)
    device = next(network.parameters()).device
    log_prior = class_shares(train, config.model.outputs).log().to(device)
    optimizer = new_optimizer(network, config)
    return Learner(network, average, optimizer, layout, log_prior, ranks, teachers), frozen


def _threads(ranks: Ranks) -> int:
    """Threads that prepare photos: one beside a CPU's network, for a GPU a share of the cores."""
    if ranks.device.type == "cpu":
        return 1
    return max(1, min(16, (os.cpu_count() or 1) // ranks.count))


def _validate(
    network: CnnLstm,
    source: Cache | Features,
    lesions: Lesions,
    config: TrainConfig,
    ranks: Ranks,
) -> dict[str, float]:
    """Balanced accuracy and log loss of single photos under a balanced mix."""
    indices = [photo for photos in lesions.photos for photo in photos]
    labels = [
        label for photos, label in zip(lesions.photos, lesions.labels, strict=True) for _ in photos
    ]
    mine = photo_logits(network, source, indices[ranks.share(len(indices))], config.preparation)
    logits = ranks.gather(torch.from_numpy(mine), len(indices)).numpy()
    scores = probabilities(logits)
    return {
        "balanced_accuracy": balanced_accuracy(scores, labels),
        "log_loss": balanced_log_loss(scores, labels),
    }


def _freeze(network: CnnLstm, config: TrainConfig) -> nn.Module:
    """The first blocks of the backbone, which from now on neither learn nor are differentiated."""
    blocks = list(network.backbone.children())
    first = nn.Sequential(*(blocks if config.learns == "head" else blocks[: config.frozen]))
    return first.requires_grad_(False)


def _schedule(done: float) -> float:
    """Share of the full learning rate: a short linear rise, then half a cosine to zero."""
    if done < WARM_UP:
        return done / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (done - WARM_UP) / (1 - WARM_UP))))


def _standing(numbers: dict[str, Any]) -> Standing:
    """Where a checkpoint stands; one of an earlier version knows whole epochs only."""
    return Standing(**{f.name: numbers[f.name] for f in fields(Standing) if f.name in numbers})


def _drop_lines(history: Path, epochs: int) -> None:
    """Drop what a kill between a line of history and its checkpoint left over."""
    if history.exists():
        lines = history.read_text().splitlines(keepends=True)
        if len(lines) > epochs:
            write_atomically(history, "".join(lines[:epochs]))

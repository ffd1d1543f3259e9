"""Lesions in random order, augmented in background threads, as batches of photos and series."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from math import nan
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.visits import in_order, visits_of
from training.learning.config import TrainConfig
from training.learning.dataset import Cache, Features
from training.learning.ranks import ALONE, Ranks

NO_LABEL = -100  # what cross-entropy passes over


@dataclass(frozen=True)
class Batch:
    """N photos of B lesions. Series index the photos, so that none is computed twice.

    `photos` (N, 3, S, S) uint8 pixels, or (N, F) float32 features, of several processes only this
    one's share; `labels` (N,) int64; `series` and `visit` (B, P) int64, index and visit of each
    photo of each lesion in time order, -1 for padding; `days` (B, T) float32 since the first visit,
    NaN where unknown. A lesion mixed with another has no label: NO_LABEL.
    """

    photos: Tensor
    labels: Tensor
    series: Tensor
    visit: Tensor
    days: Tensor


@dataclass(frozen=True)
class Lesions:
    """Photos to learn from: cache indices and days of each lesion's photos, and its label.

    A day is NaN where unknown.
    """

    photos: tuple[tuple[int, ...], ...]
    labels: tuple[int, ...]
    days: tuple[tuple[float, ...], ...]

    @property
    def count(self) -> int:
        """Number of photos."""
        return sum(map(len, self.photos))


def epoch_batches(
    lesions: Lesions,
    source: Cache | Features,
    config: TrainConfig,
    epoch: int,
    *,
    begin: int = 0,
    threads: int = 1,
    ranks: Ranks = ALONE,
) -> Iterator[Batch]:
    """One epoch's batches from the one numbered `begin`, the next prepared while one is used.

    Every photo's change depends on seed, epoch and photo alone, so neither threads nor processes
    nor where an epoch is taken up again change anything.
    """
    cv2.setNumThreads(1)
    load = partial(_load, source=source, config=config, epoch=epoch, ranks=ranks)
    plan = deque(_plan(lesions, config, epoch)[begin:])
    waiting: deque[Future[Batch]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        while plan or waiting:
            while plan and len(waiting) < 2 + threads:
                waiting.append(pool.submit(load, plan.popleft()))
            yield waiting.popleft().result()


def batches_per_epoch(lesions: Lesions, config: TrainConfig) -> int:
    """Number of batches of the first epoch; later ones differ by a few."""
    return len(_plan(lesions, config, 0))


@dataclass(frozen=True)
class _Planned:
    """One lesion of a batch: its photos in this epoch's order, their days, its label.

    Of each photo `share` is replaced by one of another lesion, in `others`.
    """

    photos: list[int]
    days: list[float]
    label: int
    others: list[int] = field(default_factory=list)
    share: float = 0.0


def _plan(lesions: Lesions, config: TrainConfig, epoch: int) -> list[list[_Planned]]:
    """The lesions of each batch, at most `config.batch` photos of them."""
    random = np.random.default_rng((config.seed, epoch))
    batches: list[list[_Planned]] = [[]]
    photos = 0
    for lesion in random.permutation(len(lesions.photos)):
        order = random.permutation(len(lesions.photos[lesion]))[: config.longest_series]
        chosen, days = in_order(
            [lesions.photos[lesion][i] for i in order], [lesions.days[lesion][i] for i in order]
        )
        if random.random() < config.days_dropped:  # the clinic has photos without dates, too
            days = [nan] * len(days)
        if photos + len(chosen) > config.batch:
            batches.append([])
            photos = 0
        label, others, share = lesions.labels[lesion], [], 0.0
        if config.mixing and random.random() < config.mixing:
            other = lesions.photos[random.integers(len(lesions.photos))]
            others = [other[i % len(other)] for i in range(len(chosen))]
            label, share = NO_LABEL, random.random()
        batches[-1].append(_Planned(chosen, days, label, others, share))
        photos += len(chosen)
    # Batch norm and the head want more than a few photos to average over.
    if len(batches) > 1 and sum(len(p.photos) for p in batches[-1]) < config.batch // 2:
        batches.pop()
    return batches


def _load(
    planned: list[_Planned],
    *,
    source: Cache | Features,
    config: TrainConfig,
    epoch: int,
    ranks: Ranks,
) -> Batch:
    """Read and augment the photos of one batch."""
    photos: list[tuple[int, int, float]] = []  # with what is mixed into it, and how far
    labels: list[int] = []
    size = config.size_at(epoch)
    longest = max(len(lesion.photos) for lesion in planned)
    series, visit = torch.full((2, len(planned), longest), -1)
    days = torch.full((len(planned), longest), nan)
    for row, lesion in enumerate(planned):
        visits, since = visits_of(lesion.days)
        visit[row, : len(visits)] = torch.tensor(visits)
        days[row, : len(since)] = torch.tensor(since)
        for place, photo in enumerate(lesion.photos):
            series[row, place] = len(photos)
            photos.append((photo, lesion.others[place] if lesion.others else photo, lesion.share))
            labels.append(lesion.label)

    def view(photo: int, other: int, share: float) -> NDArray[Any]:
        random = np.random.default_rng((config.seed, epoch, photo))
        seen = source.view(photo, size, random, config.augmentation)
        if not share:
            return seen
        mixed = source.view(other, size, random, config.augmentation)
        return np.asarray(cv2.addWeighted(seen, 1 - share, mixed, share, 0), dtype=seen.dtype)

    views = torch.from_numpy(np.stack([view(*p) for p in photos[ranks.share(len(photos))]]))
    if ranks.device.type == "cuda":
        views = views.pin_memory()  # so that copying to the GPU needs no waiting
    if views.ndim == 4:
        views = views.permute(0, 3, 1, 2)
    days = days[:, : int(visit.max()) + 1]
    return Batch(views, torch.tensor(labels), series, visit, days)

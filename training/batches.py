"""Lesions in random order, augmented in background threads, as batches of photos and series."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from training.augment import augment
from training.config import TrainConfig
from training.dataset import Cache, Pixels


@dataclass(frozen=True)
class Batch:
    """N photos of B lesions. Series index the photos, so that none is computed twice.

    `pixels` (N, 3, S, S) uint8; `labels` (N,) int64; `series` (B, P) int64, index of each photo of
    each lesion in visit order, -1 for padding.
    """

    pixels: Tensor
    labels: Tensor
    series: Tensor


@dataclass(frozen=True)
class Lesions:
    """Photos to learn from: cache indices of each lesion's photos, and its label."""

    photos: tuple[tuple[int, ...], ...]
    labels: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of photos."""
        return sum(map(len, self.photos))


def epoch_batches(
    lesions: Lesions, cache: Cache, config: TrainConfig, epoch: int, *, threads: int = 1
) -> Iterator[Batch]:
    """One epoch's batches, the next ones prepared while one is used.

    Every photo's change depends on seed, epoch and photo alone, so threads change nothing.
    """
    cv2.setNumThreads(1)
    size = config.size_at(epoch)
    plan = deque(_plan(lesions, config, epoch))
    waiting: deque[Future[Batch]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        while plan or waiting:
            while plan and len(waiting) < 2 + threads:
                waiting.append(pool.submit(_load, plan.popleft(), cache, config.seed, epoch, size))
            yield waiting.popleft().result()


def batches_per_epoch(lesions: Lesions, config: TrainConfig) -> int:
    """Number of batches of the first epoch; later ones differ by a few."""
    return len(_plan(lesions, config, 0))


def _plan(
    lesions: Lesions, config: TrainConfig, epoch: int
) -> list[list[tuple[Sequence[int], int]]]:
    """For each batch its lesions: photos in this epoch's order, and the label."""
    random = np.random.default_rng((config.seed, epoch))
    batches: list[list[tuple[Sequence[int], int]]] = [[]]
    photos = 0
    for lesion in random.permutation(len(lesions.photos)):
        order = random.permutation(lesions.photos[lesion])[: config.longest_series]
        if photos + len(order) > config.batch:
            batches.append([])
            photos = 0
        batches[-1].append((order.tolist(), lesions.labels[lesion]))
        photos += len(order)
    # Batch norm and the head want more than a few photos to average over.
    if len(batches) > 1 and sum(len(order) for order, _ in batches[-1]) < config.batch // 2:
        batches.pop()
    return batches


def _load(
    planned: list[tuple[Sequence[int], int]], cache: Cache, seed: int, epoch: int, size: int
) -> Batch:
    """Read and augment the photos of one batch."""
    pixels: list[Pixels] = []
    labels: list[int] = []
    series = torch.full((len(planned), max(len(order) for order, _ in planned)), -1)
    for row, (order, label) in enumerate(planned):
        for visit, photo in enumerate(order):
            series[row, visit] = len(pixels)
            random = np.random.default_rng((seed, epoch, photo))
            pixels.append(augment(np.asarray(cache[photo]), size, random))
            labels.append(label)
    stacked = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
    return Batch(stacked, torch.tensor(labels), series)

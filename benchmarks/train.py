"""Training images per second: our loop against a textbook loop with the same network.

Textbook: torchvision's ImageFolder, transforms v2 and DataLoader, float32, plain AdamW. Ours is
what `python -m training fit` does: photos from the cache, our augmentation, single photos and
series, the layout that `fastest` chooses, averaged weights. The third arm is that network alone,
fed tensors from memory: forward, loss, backward, optimizer. One core, drawn 200 x 150 photos.
"""

import copy
import tempfile
from collections.abc import Callable
from itertools import count
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from benchmarks.sidebyside import side_by_side
from skinmodel.diagnoses import CODES
from skinmodel.images import read_photo
from skinmodel.network import CnnLstm, ModelConfig
from skinmodel.transforms import Preparation
from training.learning.batches import Lesions, epoch_batches
from training.learning.config import TrainConfig
from training.learning.dataset import Cache, open_cache
from training.learning.layout import Layout, fastest
from training.learning.objective import class_shares
from training.learning.step import Learner, new_optimizer, take

SIZE, BATCH = 160, 32
LIMITS = {"mobilenet_v2": 1.4, "resnet18": 3.0}  # at least so many times the textbook's speed
ROUNDS = {"mobilenet_v2": 7, "resnet18": 5}
OF_NETWORK = 0.9  # and at least this share of the network's own
LEARNING_RATE = 1e-4


def measure(
    backbone: str = "mobilenet_v2",
    *,
    rounds: int = 5,
    batches: int = 2,
    batch: int = BATCH,
    size: int = SIZE,
    seed: int = 0,
    **model: Any,
) -> dict[str, Any]:
    """Images per second of each arm, and ours as a multiple of the other two."""
    torch.manual_seed(seed)
    config = TrainConfig(
        model=ModelConfig(backbone, **model),
        preparation=Preparation(size=size),
        batch=batch,
        sizes=((1.0, size),),
        learning_rate=LEARNING_RATE,
    )
    network = CnnLstm(config.model)
    layout, _ = fastest(network, batch=batch, size=size, device=torch.device("cpu"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = drawn_data(folder, batches * batch, config, seed)
        arms = {
            "ours": _ours(new_learner(network, data, config, layout), data, config),
            "network alone": network_alone(
                new_learner(network, data, config, layout), data, config
            ),
            "textbook": _textbook(copy.deepcopy(network), folder / "photos", config),
        }
        seconds = side_by_side(arms, rounds=rounds, seed=seed)
    per_second = {arm: batches * batch / taken for arm, taken in seconds.items()}
    others = ("textbook", "network alone")
    return {
        "per_second": per_second,
        "ratios": {arm: per_second["ours"] / per_second[arm] for arm in others},
        "layout": layout,
    }


def drawn_data(folder: Path, photos: int, config: TrainConfig, seed: int) -> tuple[Lesions, Cache]:
    """Drawn photos, half as many lesions (so that every batch is full), and their cache."""
    chance = np.random.default_rng(seed)
    paths = []
    for number in range(photos):
        path = folder / "photos" / CODES[number // 2 % len(CODES)] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        blobs = Image.fromarray(chance.integers(60, 220, (9, 12, 3)).astype(np.uint8))
        pixels = np.asarray(blobs.resize((200, 150), Image.Resampling.BICUBIC), dtype=float)
        pixels += chance.normal(0, 5, pixels.shape)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)
        paths.append(str(path))
    cache = open_cache(
        paths,
        read=lambda data: read_photo(data).picture,
        preparation=config.preparation,
        folder=folder / "cache",
    )
    pairs = tuple((first, first + 1) for first in range(0, photos, 2))
    labels = tuple(lesion % len(CODES) for lesion in range(len(pairs)))
    return Lesions(pairs, labels, ((nan, nan),) * len(pairs)), cache


def new_learner(
    network: CnnLstm, data: tuple[Lesions, Cache], config: TrainConfig, layout: Layout
) -> Learner:
    """A copy of the network made ready as `training.learning.loop.fit` does it."""
    own = copy.deepcopy(network).train()
    average = copy.deepcopy(own).eval().requires_grad_(False)
    layout.arrange(own)
    layout.arrange(average)
    log_prior = class_shares(data[0], config.model.outputs).log()
    return Learner(own, average, new_optimizer(own, config), layout, log_prior)


def _ours(learner: Learner, data: tuple[Lesions, Cache], config: TrainConfig) -> Callable[[], None]:
    epochs, steps = count(), count()

    def run() -> None:  # a whole epoch, so that nothing is prepared outside the time measured
        for batch in epoch_batches(*data, config, next(epochs)):
            take(learner, batch, config, step=next(steps), rate=LEARNING_RATE)

    return run


def network_alone(
    learner: Learner, data: tuple[Lesions, Cache], config: TrainConfig
) -> Callable[[], None]:
    """The network fed tensors from memory: forward, loss, backward, optimizer."""
    batches = list(epoch_batches(*data, config, 0))
    ready = [(config.preparation.normalise(batch.photos), batch.labels) for batch in batches]

    def run() -> None:
        for photos, labels in ready:
            pooled = learner.layout.features(learner.network, photos)
            logits = learner.network.forward_pooled(pooled[:, None], _first_visits(labels))[:, 0]
            loss = F.cross_entropy(logits, labels)
            learner.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            learner.optimizer.step()

    return run


def _textbook(network: CnnLstm, folder: Path, config: TrainConfig) -> Callable[[], None]:
    mean, std = config.preparation.mean, config.preparation.std
    changes = v2.Compose([
        v2.ToImage(),
        v2.RandomResizedCrop(config.preparation.size, scale=(0.4, 1.0), antialias=True),
        v2.RandomHorizontalFlip(),
        v2.RandomVerticalFlip(),
        v2.ColorJitter(0.15, 0.15, 0.15, 0.03),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(mean, std),
    ])  # fmt: skip
    # No workers: they would share this process's one core, and cost the copies between them.
    loader = DataLoader(ImageFolder(folder, changes), config.batch, shuffle=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE)
    network.train()

    def run() -> None:
        for photos, labels in loader:
            loss = F.cross_entropy(network(photos[:, None], _first_visits(labels))[:, 0], labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return run


def _first_visits(labels: Tensor) -> Tensor:
    """Every photo as a series of one."""
    return labels.new_zeros(len(labels), 1)

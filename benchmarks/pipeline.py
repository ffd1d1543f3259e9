"""Photos prepared for training, without and with the network, from thumbnails and 12 megapixels.

Each photo is decoded once into a cache at the training scale and augmented from there in every
epoch; so decoding is paid once, and preparing must outrun the network whatever the photos' size.
The network's arm is fed tensors from memory. One core, which in training the two share.
"""

import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import torch

from benchmarks.decode import photograph
from benchmarks.sidebyside import side_by_side
from benchmarks.train import BATCH, LEARNING_RATE, SIZE, drawn_data, network_alone, new_learner
from skinmodel.images import read_photo
from skinmodel.network import CnnLstm, ModelConfig
from skinmodel.transforms import Preparation
from training.learning.batches import Lesions, epoch_batches
from training.learning.config import TrainConfig
from training.learning.dataset import Cache, open_cache
from training.learning.layout import fastest

OF_NETWORK = 5.0  # at least so many times the network's speed
LARGE = 2  # different 12-megapixel photos
SIZES = ("200 x 150", "12 megapixels")


def measure(
    backbone: str = "mobilenet_v2",
    *,
    rounds: int = 7,
    batch: int = BATCH,
    size: int = SIZE,
    seed: int = 0,
    large: Callable[[int], bytes] = photograph,
    **model: Any,
) -> dict[str, float]:
    """Images per second: the network alone, and decoding and preparing at each size."""
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
        small = drawn_data(folder, batch, config, seed)
        photos = {SIZES[0]: sorted(map(str, (folder / "photos").rglob("*.jpg")))}
        photos[SIZES[1]] = [str(folder / f"large{number}.jpg") for number in range(LARGE)]
        for number, path in enumerate(photos[SIZES[1]]):
            Path(path).write_bytes(large(seed + number))
        # As many photos as in a batch, each of the few in turn.
        once = _cache(photos[SIZES[1]], config, folder / "cache")
        turns = [number % LARGE for number in range(batch)]
        many = Cache(
            once.pixels,
            tuple(once.offsets[turn] for turn in turns),
            tuple(once.shapes[turn] for turn in turns),
        )
        learner = new_learner(network, small, config, layout)
        arms = {"network alone": network_alone(learner, small, config)}
        images = {"network alone": batch}
        for size_name, cache in zip(SIZES, (small[1], many), strict=True):
            arms[f"prepare {size_name}"] = _prepare(small[0], cache, config)
            arms[f"decode {size_name}"] = _decode(photos[size_name], config, folder)
            images |= {f"prepare {size_name}": batch, f"decode {size_name}": len(photos[size_name])}
        seconds = side_by_side(arms, rounds=rounds, seed=seed)
    return {arm: images[arm] / taken for arm, taken in seconds.items()}


def _prepare(lesions: Lesions, cache: Cache, config: TrainConfig) -> Callable[[], None]:
    epochs = count()

    def run() -> None:
        for _ in epoch_batches(lesions, cache, config, next(epochs)):
            pass

    return run


def _decode(photos: list[str], config: TrainConfig, folder: Path) -> Callable[[], None]:
    def run() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            _cache(photos, config, Path(fresh))

    return run


def _cache(photos: list[str], config: TrainConfig, folder: Path) -> Cache:
    return open_cache(
        photos,
        read=lambda data: read_photo(data).picture,
        preparation=config.preparation,
        folder=folder,
    )

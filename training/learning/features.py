"""Features of every photo computed once by a frozen backbone, for training the head alone.

They lie in the cache folder in blocks, each written whole, so that a stopped computation goes on
where it was, and several runs from the same weights and photos share them.
"""

import copy
import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skinmodel.network import CnnLstm, for_use
from training.disk import disk_full_named
from training.learning import augment
from training.learning.config import TrainConfig
from training.learning.dataset import Cache, Features, Rows
from training.learning.ranks import ALONE, Ranks
from training.measuring.scoring import photo_features

BLOCK = 512  # photos a file
BATCH = 32  # photos at a time
LOGGED = 5.0  # seconds between two lines of progress


def open_features(
    network: CnnLstm,
    cache: Cache,
    photos: Sequence[int],
    config: TrainConfig,
    *,
    folder: Path,
    log: Callable[[dict[str, Any]], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    ranks: Ranks = ALONE,
) -> Features | None:
    """The features of these photos, computed where `folder` lacks them; None if stopped before.

    They belong to the backbone's weights, the photos, the preparation and the way of augmenting;
    if any of these changes, they are computed anew.
    """
    weights = weights_sha256(network)
    folders = [folder / _key(weights, cache, photos, config, view) for view in range(config.views)]
    starts = range(0, len(photos), BLOCK)
    wanted = [(view, start) for view in range(config.views) for start in starts]
    lacking = [(v, start) for v, start in wanted if not _block(folders[v], start).exists()]
    ranks.any(False)  # every process has looked before one of them writes
    lacking = lacking[ranks.share(len(lacking))]
    whole = _fill(network, cache, photos, config, folders, lacking, log, stop)
    if ranks.any(not whole):
        return None
    views = tuple(np.concatenate([np.load(_block(f, start)) for start in starts]) for f in folders)
    return Features(views, {photo: row for row, photo in enumerate(photos)})


def _fill(
    network: CnnLstm,
    cache: Cache,
    photos: Sequence[int],
    config: TrainConfig,
    folders: Sequence[Path],
    blocks: Sequence[tuple[int, int]],
    log: Callable[[dict[str, Any]], None],
    stop: Callable[[], bool],
) -> bool:
    """Compute and write blocks, given as version and first row; False if stopped before the end."""
    if not blocks:
        return True
    ready = for_use(copy.deepcopy(network))
    total, done = sum(len(photos[start : start + BLOCK]) for _, start in blocks), 0
    begun, logged = time.perf_counter(), 0.0
    for view, start in blocks:
        part = photos[start : start + BLOCK]
        rows = []
        for place in range(0, len(part), BATCH):
            if stop():
                return False
            few = part[place : place + BATCH]
            rows.append(_compute(ready, cache, few, config, view))
            done += len(few)
            spent = time.perf_counter() - begun
            if spent - logged >= LOGGED or done == total:
                logged, left = spent, spent / done * (total - done)
                log({"stage": "features", "done": done, "total": total, "seconds_left": left})
        _write(_block(folders[view], start), np.concatenate(rows))
    return True


def weights_sha256(network: CnnLstm) -> str:
    """A name for the backbone's weights: equal weights, equal name."""
    digest = hashlib.sha256()
    for name, tensor in network.backbone.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _key(weights: str, cache: Cache, photos: Sequence[int], config: TrainConfig, view: int) -> str:
    """A folder's name for one version of the photos: 16 hex digits of all that decides it."""
    decides: list[Any] = [weights, cache.stem.name, list(photos), config.preparation.to_dict()]
    if view:  # the code itself, too, for nobody would remember to count a version up
        code = hashlib.sha256(Path(augment.__file__).read_bytes()).hexdigest()
        decides += [view, config.augmentation, code]
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]


def _block(folder: Path, start: int) -> Path:
    return folder / f"{start:08d}.npy"


@torch.inference_mode()
def _compute(
    network: CnnLstm, cache: Cache, photos: Sequence[int], config: TrainConfig, view: int
) -> Rows:
    """Features (N, F) of one version of a few photos."""
    preparation = config.preparation
    if view == 0:
        plain = photo_features(network, cache.__getitem__, photos, preparation, batch=len(photos))
        return np.asarray(plain.cpu().numpy())
    changed = [
        augment.augment(
            np.asarray(cache[photo]),
            preparation.size,
            np.random.default_rng((view, photo)),
            config.augmentation,
        )
        for photo in photos
    ]
    pixels = torch.from_numpy(np.stack(changed)).permute(0, 3, 1, 2)
    device = next(network.parameters()).device
    maps = network.forward_features(preparation.normalise(pixels.to(device)))
    return np.asarray(maps.mean(dim=(-2, -1)).cpu().numpy())


def _write(path: Path, rows: Rows) -> None:
    """One block, in full or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}")  # other processes may write it too
    try:
        with disk_full_named(path.parent, rows.nbytes), part.open("wb") as target:
            np.save(target, rows)
            target.flush()
            os.fsync(target.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)

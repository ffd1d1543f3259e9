"""Logits of cached photos, alone and as series, as the clinic would compute them."""

from collections.abc import Callable, Sequence
from math import nan

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from skinmodel.network import CnnLstm
from skinmodel.transforms import Preparation
from training.data.visits import in_order, visits_of
from training.learning.dataset import Cache, Features, Pixels

Array = NDArray[np.float64]


@torch.inference_mode()
def photo_features(
    network: CnnLstm,
    pixels: Callable[[int], Pixels],
    indices: Sequence[int],
    preparation: Preparation,
    *,
    batch: int = 32,
) -> torch.Tensor:
    """Pooled features (N, F), float32, of the photos at these indices, as `all_features`."""
    return all_features(network, pixels, indices, preparation, batch=batch)[0]


@torch.inference_mode()
def all_features(
    network: CnnLstm,
    pixels: Callable[[int], Pixels],
    indices: Sequence[int],
    preparation: Preparation,
    *,
    batch: int = 32,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pooled features (N, F) and early features (N, E), float32, of the photos at these indices.

    `pixels(i)` gives the i-th photo as uint8 (h, w, 3) at the training scale or larger.
    """
    device = next(network.parameters()).device
    pooled, early = [], []
    for start in range(0, len(indices), batch):
        photos = [
            preparation.to_tensor(Image.fromarray(pixels(i)))
            for i in indices[start : start + batch]
        ]
        maps, means = network.forward_intermediates(torch.stack(photos).to(device))
        pooled.append(maps.mean(dim=(-2, -1)))
        early.append(means)
    return torch.cat(pooled), torch.cat(early)


@torch.inference_mode()
def head_logits(
    network: CnnLstm,
    pooled: torch.Tensor,
    series: Sequence[Sequence[int]],
    days: Sequence[Sequence[float]] | None = None,
) -> Array:
    """Logits (S, K) after the last visit of each series of rows of `pooled` (N, F).

    `days` are those of the rows; without them every row is a visit on an unknown day.
    """
    logits = []
    for i, given in enumerate(series):
        rows, when = in_order(given, days[i] if days else [nan] * len(given))
        visits, since = visits_of(when)
        visit = torch.tensor([visits], device=pooled.device)
        elapsed = torch.tensor([since], device=pooled.device)
        logits.append(network.forward_pooled(pooled[rows][None], visit, elapsed)[0, -1])
    return np.asarray(torch.stack(logits).double().cpu().numpy())


def pooled_from(
    source: Cache | Features, network: CnnLstm, indices: Sequence[int], preparation: Preparation
) -> torch.Tensor:
    """Pooled features (N, F) of photos, computed before or now."""
    if isinstance(source, Features):
        pooled = torch.from_numpy(source.pooled(indices))
        return pooled.to(next(network.parameters()).device)
    return photo_features(network, source.__getitem__, indices, preparation)


def photo_logits(
    network: CnnLstm, source: Cache | Features, indices: Sequence[int], preparation: Preparation
) -> Array:
    """Logits (N, K) of each photo by itself."""
    pooled = pooled_from(source, network, indices, preparation)
    return head_logits(network, pooled, [[row] for row in range(len(indices))])

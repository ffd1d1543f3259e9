"""Do the heat maps mark what the answer rests on? ROAD, remove and debias, by the grad-cam library.

A share of the photo is removed, the hottest places first or the coldest first, and filled in from
what surrounds it. If the map is right, the leading diagnosis loses more probability the first way.
Reference: Rong et al. 2022, https://arxiv.org/abs/2202.00449.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pytorch_grad_cam.metrics.road import NoisyLinearImputer, neighbors_weights
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import spsolve
from torch import Tensor

from skinmodel.bundle import Model
from skinmodel.calibration import Probabilities
from skinmodel.gradcam import EMPTY, heat_maps
from skinmodel.images import read_photo
from training.measuring.evaluate import Labels, intervals
from training.measuring.metrics import Array

REMOVED = (0.2, 0.4, 0.6)  # shares of the photo
NOISE = 0.01  # as the library's
Heat = NDArray[np.float32]


def road(
    model: Model,
    table: pd.DataFrame,
    lesions: Labels,
    *,
    photos: int,
    progress: Callable[[int, int], None],
    seed: int = 0,
) -> dict[str, Any] | None:
    """ROAD on a random sample of one photo each of different lesions; None if no map shows a thing.

    "score" is half of how much more probability is left when the coldest places go first than
    when the hottest do, averaged over the shares removed: above zero the maps mark what matters.
    "shuffled" is the same for the maps with their cells exchanged at random, "gain" the score
    minus that. Each is [value, low, high].
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(table))
    _, firsts = np.unique(lesions[order], return_index=True)
    sample = order[np.sort(firsts)][:photos]
    rows = []
    for done, place in enumerate(sample, start=1):
        picture = read_photo(Path(table["path"].iloc[place]).read_bytes()).picture
        found = _one_photo(model, model.preparation.to_tensor(picture), random)
        if found:
            rows.append(found)
        progress(done, len(sample))
    if not rows:
        return None
    values = np.array(rows)

    def means(weights: Array) -> Array:
        score, shuffled = weights @ values / weights.sum()
        return np.array([score, shuffled, score - shuffled])

    score, shuffled, gain = intervals(means, np.arange(len(rows)))
    return {
        "photos": len(rows),
        "without_highlight": len(sample) - len(rows),
        "removed": list(REMOVED),
        "score": score,
        "shuffled": shuffled,
        "gain": gain,
    }


def _one_photo(
    model: Model, photo: Tensor, random: np.random.Generator
) -> tuple[float, float] | None:
    """The score of the photo's own map and of the shuffled one; None if the map shows nothing."""
    visit = torch.zeros(1, dtype=torch.long)
    with torch.no_grad():
        features = model.network.forward_features(photo[None])
    leading = _probabilities(model, photo[None])[0]
    target = int(leading.argmax())
    heat = heat_maps(model.network, features, visit, targets=[target])[0, 0]
    if heat.max() <= EMPTY:
        return None
    shuffled = random.permutation(heat.ravel()).reshape(heat.shape)
    versions = [*_removed(photo, heat, random), *_removed(photo, shuffled, random)]
    left = _probabilities(model, torch.stack(versions))[:, target].reshape(2, len(REMOVED), 2)
    own, chance = (left[..., 1] - left[..., 0]).mean(axis=1) / 2
    return float(own), float(chance)


def _removed(photo: Tensor, heat: Heat, random: np.random.Generator) -> list[Tensor]:
    """For each share the photo without its hottest and without its coldest places."""
    hot = _ranks(heat, photo, random)
    return [_without(photo, ranks, share, random) for share in REMOVED for ranks in (hot, 1 - hot)]


def _ranks(heat: Heat, photo: Tensor, random: np.random.Generator) -> Heat:
    """Each pixel's place (H, W) between the coldest, 0, and the hottest, 1.

    Large parts of a map are zero. Ties are broken cell by cell of the coarse map, not pixel by
    pixel: scattered holes would be filled in again from their neighbours, and nothing removed.
    """
    coarse = heat + random.random(heat.shape).astype(np.float32) * max(heat.max() * 1e-3, EMPTY)
    fine = torch.nn.functional.interpolate(
        torch.from_numpy(coarse)[None, None], photo.shape[-2:], mode="bilinear"
    )
    flat = fine.numpy().ravel()
    places = np.empty(flat.size, dtype=np.float32)
    places[flat.argsort(kind="stable")] = np.linspace(0, 1, flat.size, dtype=np.float32)
    return places.reshape(photo.shape[-2:])


def _without(photo: Tensor, ranks: Heat, share: float, random: np.random.Generator) -> Tensor:
    """The photo (3, H, W) with its highest-ranked share filled in from around, with a little noise.

    The library's own call does the same, but draws from torch's global state.
    """
    keep = (ranks < 1 - share).astype(np.float32)
    system, right = NoisyLinearImputer.setup_sparse_system(keep, photo.numpy(), neighbors_weights)
    values = spsolve(csc_matrix(system), right)  # (removed pixels, 3)
    filled = photo.numpy().copy()
    filled[:, keep == 0] = values.T + NOISE * random.standard_normal(values.T.shape)
    return torch.from_numpy(filled)


def _probabilities(model: Model, photos: Tensor) -> Probabilities:
    """The probabilities a clinician sees (N, K) of prepared photos (N, 3, H, W)."""
    visit = torch.zeros(len(photos), 1, dtype=torch.long)
    with torch.no_grad():
        logits = model.network(photos[:, None], visit)[:, -1]
    return model.calibration.probabilities(logits.numpy())

"""How far a photo is from all that a network was trained on: UNK, "none of these".

The score is a distance in the network's own pooled features, brought to [0, 1] so that 0.5 is the
line beyond which a differential is withheld. It knows no diagnosis, no probability and no mix of
diagnoses.

What was tried, with a first network on 1,361 test photos of lesions against 542 pictures that are
none (blank, noise, textures, text, screenshots, photos of animals, food and streets), as AUROC:
energy 0.46, maximum softmax 0.42 and largest logit 0.45 (the network is sure of a cat); the ten
nearest training photos by cosine 0.92, by distance 0.96; Mahalanobis distance with a shared
covariance 0.984, relative to one for all 0.984. Of these, features made of length 1 and what a
subspace of the training photos' leaves of them (Wang et al. 2022, ViM, without its logit,
https://arxiv.org/abs/2203.10807) came to 0.989 with 128 directions and 0.994 with 256; the plain
distances refused 10 to 12 of 16 vascular lesions, until each diagnosis was weighted by the root of
its number. The features' length tells blank and blurred photos: with it, plain skin beside a lesion
rose from 0.71 to 0.82, heavy blur from 0.70 to 0.89.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

UNKNOWN_FILE = "unknown.safetensors"
THRESHOLD = 0.5  # the ISIC 2019 challenge's own line between yes and no
KEEP = 0.98  # of the lesions kept apart, this share stays below the threshold
MOST_DIRECTIONS = 256  # 640 KiB on disk for MobileNetV2's 1,280 features
TYPICAL = 0.01  # what the median lesion scores
LENGTH_POWER = 0.5  # blank and blurred photos have long features

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Unknown:
    """The subspace that training photos' features lie in, and how far beside it is too far.

    `basis` (F, D) are orthonormal columns, `mean` (F,) the point they start from: the directions
    in which training photos' features of length 1 differ. `middle` is the distance that scores
    0.5, `width` the width of the logistic around it.
    """

    mean: Tensor
    basis: Tensor
    middle: Tensor
    width: Tensor

    def __post_init__(self) -> None:
        if self.basis.ndim != 2 or self.mean.shape != self.basis.shape[:1]:
            raise ValueError("The unknown score's mean and basis do not fit together.")
        if self.middle.ndim or self.width.ndim or not self.width > 0:
            raise ValueError("The unknown score's width must be a positive number.")
        if not all(bool(getattr(self, one.name).isfinite().all()) for one in fields(self)):
            raise ValueError("The unknown score is not finite.")

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        """The score from a model's file; ValueError if a tensor is missing, unknown or unfit."""
        names = {one.name for one in fields(cls)}
        if differing := sorted(names ^ tensors.keys()):
            what = "lacks" if differing[0] in names else "has an unknown"
            raise ValueError(f"The unknown score {what} {differing[0]}.")
        return cls(**{name: tensor.float() for name, tensor in tensors.items()})

    def to_tensors(self) -> dict[str, Tensor]:
        """What is stored: mean and basis as float16, which they hold without loss."""
        tensors = {one.name: getattr(self, one.name).contiguous() for one in fields(self)}
        return tensors | {name: tensors[name].half() for name in ("mean", "basis")}

    def scores(self, pooled: Tensor) -> Array:
        """The score (N,) in [0, 1] of photos from their pooled features (N, F)."""
        exponent = (self.distances(pooled) - float(self.middle)) / float(self.width)
        return np.asarray(1 / (1 + np.exp(-np.clip(exponent, -60, 60))))

    def distances(self, pooled: Tensor) -> Array:
        """How far photos (N,) lie beside the training photos' subspace, as a logarithm."""
        direction, length = _parted(pooled)
        beside = _beside(direction, self.mean, self.basis)
        far = beside.clamp(min=1e-9).log() + LENGTH_POWER * length.log()
        return np.asarray(far.double().numpy())


def fit_unknown(
    pooled: Tensor, labels: ArrayLike, *, held_out: Tensor, lesions: ArrayLike, keep: float = KEEP
) -> Unknown:
    """The score of a network, from features of training photos and of lesions kept apart.

    `pooled` (N, F) with `labels` (N,) are the training photos, `held_out` (M, F) with `lesions`
    (M,) those that set the threshold: a share `keep` of these lesions lies below it with all
    their photos. Each diagnosis counts by the root of its number of photos, so that rare ones have
    a say in what is usual.
    """
    direction, _ = _parted(pooled)
    weights = _weights(labels)  # (N,), sums to 1
    mean = (weights[:, None] * direction).sum(dim=0).half().float()
    apart = direction - mean
    covariance = (apart * weights[:, None]).T @ apart
    _, vectors = torch.linalg.eigh(covariance.double())
    directions = min(MOST_DIRECTIONS, max(1, len(mean) // 5))
    # Rounded now: what is measured is what is stored.
    basis = vectors[:, -directions:].flip(1).half().float()
    start = Unknown(mean=mean, basis=basis, middle=torch.tensor(0.0), width=torch.tensor(1.0))
    _, owner = np.unique(np.asarray(lesions), return_inverse=True)
    farthest = np.full(owner.max() + 1, -np.inf)
    np.maximum.at(farthest, owner, start.distances(held_out))
    line, median = np.quantile(farthest, [keep, 0.5], method="inverted_cdf")
    width = max(float(line - median), 1e-6) / math.log(1 / TYPICAL - 1)
    # One step above the last lesion that is kept, which then scores just below the threshold.
    middle = float(np.nextafter(np.float32(line), np.float32(np.inf)))
    return replace(start, middle=torch.tensor(middle), width=torch.tensor(width))


def _parted(pooled: Tensor) -> tuple[Tensor, Tensor]:
    """Features (N, F) as directions of length 1, and their lengths (N,)."""
    features = pooled.detach().cpu().float()
    length = features.norm(dim=1).clamp(min=1e-6)
    return features / length[:, None], length


def _beside(direction: Tensor, mean: Tensor, basis: Tensor) -> Tensor:
    """The square of what the subspace leaves of each direction (N,)."""
    apart = direction - mean
    return apart.square().sum(dim=1) - (apart @ basis).square().sum(dim=1)


def _weights(labels: ArrayLike) -> Tensor:
    """Each photo's share of the mean and the covariance (N,)."""
    _, place, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    weights = torch.tensor(counts[place], dtype=torch.float32).rsqrt()
    return weights / weights.sum()

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

With the network of model 1.2 that still let a cat through. Early features, of layers that tell
textures rather than diagnoses, know a cat by its fur. 168 crops of eight photos of other things:
0.992 without them, 0.999 by their Mahalanobis distance alone, 0.9997 by the farther of both, and
all crops of the cat refused; 42 crops of screenshots 0.95, 0.991 and 0.990; but plain skin 0.980,
0.930 and 0.977. Earlier layers did as well: together 0.9997 with each of MobileNetV2's 7th, 11th
and, as here, 14th, plain skin 0.982, 0.980 and 0.977.

How plain skin could be told better, tried on the calibration lesions of model 1.3 in five folds, at
98 % of lesions kept: both distances refuse 106 of 200 pieces of skin, with 1 of 57 melanomas. A
logistic regression of skin against whole photos as a third distance, on early features, refuses all
200, but also 84 of 150 pieces of lesions cut out as small, where the two alone refuse 14: it knows
a piece by how much it was enlarged. With such pieces among what is to be kept it refuses 198 and
19, with 10 of 625 lesions and no melanoma; on pooled features 174 and 13, on both 193 and 14. It
needs outlines beside the training data and a fit of its own, and no model has it yet. Of the
figures for plain skin some is enlargement, too: of pieces as small, skin and lesion, the two
distances tell 0.866.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from torch import Tensor

UNKNOWN_FILE = "unknown.safetensors"
THRESHOLD = 0.5  # the ISIC 2019 challenge's own line between yes and no
KEEP = 0.98  # of the lesions kept apart, this share stays below the threshold
MOST_DIRECTIONS = 256  # 640 KiB on disk for MobileNetV2's 1,280 features
TYPICAL = 0.01  # what the median lesion scores
LENGTH_POWER = 0.5  # blank and blurred photos have long features

EARLY = "early_"  # how the early features' tensors begin in the file
LEAST_SPREAD = 1e-3  # of the mean: directions in which training photos never differ

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Early:
    """How far early features lie from the training photos', each direction by its own spread.

    `mean` (E,) is where the training photos lie, `whitening` (E, E) brings their spread to 1 in
    all directions; `middle` and `width` are as in `Unknown`.
    """

    mean: Tensor
    whitening: Tensor
    middle: Tensor
    width: Tensor

    def __post_init__(self) -> None:
        _check(self, self.mean, self.whitening)

    def distances(self, early: Tensor) -> Array:
        """How far photos (N,) lie from the usual, as a logarithm, from early features (N, E)."""
        apart = (early.detach().cpu().float() - self.mean) @ self.whitening
        return np.asarray(apart.norm(dim=1).clamp(min=1e-9).log().double().numpy())


@dataclass(frozen=True, kw_only=True, eq=False)
class Unknown:
    """The subspace that training photos' features lie in, and how far beside it is too far.

    `basis` (F, D) are orthonormal columns, `mean` (F,) the point they start from: the directions
    in which training photos' features of length 1 differ. `middle` is the distance that scores
    0.5, `width` the width of the logistic around it. `early` is the same for early features, None
    in a model made before they counted.
    """

    mean: Tensor
    basis: Tensor
    middle: Tensor
    width: Tensor
    early: Early | None = None

    def __post_init__(self) -> None:
        _check(self, self.mean, self.basis)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        """The score from a model's file; ValueError if a tensor is missing, unknown or unfit."""
        late = {name: one for name, one in tensors.items() if not name.startswith(EARLY)}
        early = {name: one for name, one in tensors.items() if name.startswith(EARLY)}
        names = _names(cls) | ({f"{EARLY}{name}" for name in _names(Early)} if early else set())
        if differing := sorted(names ^ tensors.keys()):
            what = "lacks" if differing[0] in names else "has an unknown"
            raise ValueError(f"The unknown score {what} {differing[0]}.")
        part = {name.removeprefix(EARLY): one.float() for name, one in early.items()}
        return cls(
            **{name: one.float() for name, one in late.items()},
            early=Early(**part) if part else None,
        )

    def to_tensors(self) -> dict[str, Tensor]:
        """What is stored: mean and basis as float16, which they hold without loss."""
        tensors = {name: getattr(self, name).contiguous() for name in _names(Unknown)}
        tensors |= {name: tensors[name].half() for name in ("mean", "basis")}
        if self.early:
            tensors |= {f"{EARLY}{n}": getattr(self.early, n).contiguous() for n in _names(Early)}
        return tensors

    def scores(self, pooled: Tensor, early: Tensor) -> Array:
        """The score (N,) in [0, 1] of photos from their features (N, F) and early ones (N, E)."""
        exponent = np.clip(self.distances(pooled, early), -60, 60)
        return np.asarray(1 / (1 + np.exp(-exponent)))

    def distances(self, pooled: Tensor, early: Tensor) -> Array:
        """How far beyond the line photos (N,) lie, in widths, by what finds them farther."""
        late = (self.beside(pooled) - float(self.middle)) / float(self.width)
        if self.early is None:
            return np.asarray(late)
        found = self.early.distances(early) - float(self.early.middle)
        return np.asarray(np.maximum(late, found / float(self.early.width)))

    def beside(self, pooled: Tensor) -> Array:
        """How far photos (N,) lie beside the training photos' subspace, as a logarithm."""
        direction, length = _parted(pooled)
        apart = direction - self.mean
        beside = apart.square().sum(dim=1) - (apart @ self.basis).square().sum(dim=1)
        far = beside.clamp(min=1e-9).log() + LENGTH_POWER * length.log()
        return np.asarray(far.double().numpy())


def fit_unknown(
    pooled: Tensor,
    early: Tensor,
    labels: ArrayLike,
    *,
    held_out: tuple[Tensor, Tensor],
    lesions: ArrayLike,
    keep: float = KEEP,
) -> Unknown:
    """The score of a network, from features of training photos and of lesions kept apart.

    `pooled` (N, F) and `early` (N, E) with `labels` (N,) are the training photos, `held_out` (M, F)
    and (M, E) with `lesions` (M,) those that set the threshold: a share `keep` of these lesions
    lies below it with all their photos, and neither of the two distances refuses more of them than
    the other. Each diagnosis counts by the root of its number of photos, so that rare ones have a
    say in what is usual.
    """
    weights = _weights(labels)
    start = replace(_fit_late(pooled, weights), early=(near := _fit_early(early, weights)))
    farthest = [
        _by_lesion(distances, lesions)
        for distances in (start.beside(held_out[0]), near.distances(held_out[1]))
    ]
    ranks = np.stack([rankdata(one, method="max") for one in farthest])
    last = int(np.quantile(ranks.max(axis=0), keep, method="inverted_cdf"))
    late_line, early_line = (_line(one, last) for one in farthest)
    return replace(start, **late_line, early=replace(near, **early_line))


def _fit_late(pooled: Tensor, weights: Tensor) -> Unknown:
    direction, _ = _parted(pooled)
    mean = (weights[:, None] * direction).sum(dim=0).half().float()
    _, vectors = torch.linalg.eigh(_covariance(direction - mean, weights))
    directions = min(MOST_DIRECTIONS, max(1, len(mean) // 5))
    # Rounded now: what is measured is what is stored.
    basis = vectors[:, -directions:].flip(1).half().float()
    return Unknown(mean=mean, basis=basis, middle=torch.tensor(0.0), width=torch.tensor(1.0))


def _fit_early(early: Tensor, weights: Tensor) -> Early:
    features = early.detach().cpu().float()
    mean = (weights[:, None] * features).sum(dim=0)
    values, vectors = torch.linalg.eigh(_covariance(features - mean, weights))
    least = max(LEAST_SPREAD * float(values.mean()), 1e-12)
    whitening = (vectors / (values.clamp(min=0) + least).sqrt()).float().contiguous()
    return Early(mean=mean, whitening=whitening, middle=torch.tensor(0.0), width=torch.tensor(1.0))


def _by_lesion(distances: Array, lesions: ArrayLike) -> Array:
    """The farthest photo of each lesion (L,)."""
    _, owner = np.unique(np.asarray(lesions), return_inverse=True)
    farthest = np.full(owner.max() + 1, -np.inf)
    np.maximum.at(farthest, owner, distances)
    return farthest


def _line(farthest: Array, last: int) -> dict[str, Tensor]:
    """Middle and width that keep the nearest `last` lesions below the threshold."""
    ordered = np.sort(farthest)
    line, median = ordered[last - 1], ordered[(len(ordered) - 1) // 2]
    width = max(float(line - median), 1e-6) / math.log(1 / TYPICAL - 1)
    # One step above the last lesion that is kept, which then scores just below the threshold.
    middle = float(np.nextafter(np.float32(line), np.float32(np.inf)))
    return {"middle": torch.tensor(middle), "width": torch.tensor(width)}


def _parted(pooled: Tensor) -> tuple[Tensor, Tensor]:
    """Features (N, F) as directions of length 1, and their lengths (N,)."""
    features = pooled.detach().cpu().float()
    length = features.norm(dim=1).clamp(min=1e-6)
    return features / length[:, None], length


def _covariance(apart: Tensor, weights: Tensor) -> Tensor:
    return ((apart * weights[:, None]).T @ apart).double()


def _weights(labels: ArrayLike) -> Tensor:
    """Each photo's share of the mean and the covariance (N,), which sum to 1."""
    _, place, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    weights = torch.tensor(counts[place], dtype=torch.float32).rsqrt()
    return weights / weights.sum()


def _names(kind: type[Unknown] | type[Early]) -> set[str]:
    """The names of a part's own tensors."""
    return {one.name for one in fields(kind)} - {"early"}


def _check(part: Unknown | Early, mean: Tensor, directions: Tensor) -> None:
    """ValueError where a part's tensors cannot be a distance."""
    if directions.ndim != 2 or mean.shape != directions.shape[:1]:
        raise ValueError("The unknown score's mean and basis do not fit together.")
    if part.middle.ndim or part.width.ndim or not part.width > 0:
        raise ValueError("The unknown score's width must be a positive number.")
    if not all(bool(getattr(part, name).isfinite().all()) for name in _names(type(part))):
        raise ValueError("The unknown score is not finite.")

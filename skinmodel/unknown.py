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

Plain skin has a part of its own where outlines lie beside the training photos: a direction in the
early features, from a logistic regression of pieces beside the lesion, one a lesion, against whole
photos and pieces as small of the lesion. Against whole photos alone it refused all of 200 pieces,
but also 84 of 150 of lesions: it knew a piece by how much it was enlarged. Fitted to training
photos of model 1.3, at 98 % of its 625 calibration lesions kept, 194 of 200 pieces of skin are
refused instead of 105, and of lesions' pieces 23 instead of 15, with 11 of the lesions, one of 57
melanomas among them, as before. With 200 to 1,500 pieces of each kind to learn from it is 193 to
195, with a strength of 0.01 to 10 188 to 196. Pieces mirrored until they fill a photo, and so not
enlarged: skin 131 instead of 58, lesions 75 instead of 84.
Its share of the lesions that may be refused is taken from the two distances: on test photos
screenshots fell from 0.989 to 0.979, all other pictures together from 0.998 to 0.996.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

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

EARLY, SKIN = "early_", "skin_"  # how the tensors of these parts begin in the file
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
class Skin:
    """How far early features lie towards those of plain skin, as the logarithm of odds.

    `direction` (E,) leads from lesions to plain skin; `middle` and `width` are as in `Unknown`.
    """

    direction: Tensor
    middle: Tensor
    width: Tensor

    def __post_init__(self) -> None:
        _check(self, self.direction, self.direction.unsqueeze(-1))

    def distances(self, early: Tensor) -> Array:
        """How far photos (N,) lie towards plain skin, from early features (N, E)."""
        return np.asarray((early.detach().cpu().float() @ self.direction).double().numpy())


@dataclass(frozen=True, kw_only=True, eq=False)
class Unknown:
    """The subspace that training photos' features lie in, and how far beside it is too far.

    `basis` (F, D) are orthonormal columns, `mean` (F,) the point they start from: the directions
    in which training photos' features of length 1 differ. `middle` is the distance that scores
    0.5, `width` the width of the logistic around it. `early` is the same for early features and
    `skin` for their likeness to plain skin: None in a model made before they counted, or without
    the outlines that tell skin from lesions.
    """

    mean: Tensor
    basis: Tensor
    middle: Tensor
    width: Tensor
    early: Early | None = None
    skin: Skin | None = None

    def __post_init__(self) -> None:
        _check(self, self.mean, self.basis)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        """The score from a model's file; ValueError if a tensor is missing, unknown or unfit."""
        parts: dict[str, Any] = {}
        names, late = _names(cls), dict(tensors)
        for prefix, kind in PARTS.items():
            if own := {name for name in tensors if name.startswith(prefix)}:
                names |= {f"{prefix}{name}" for name in _names(kind)}
                parts[prefix] = {n.removeprefix(prefix): late.pop(n).float() for n in own}
        if differing := sorted(names ^ tensors.keys()):
            what = "lacks" if differing[0] in names else "has an unknown"
            raise ValueError(f"The unknown score {what} {differing[0]}.")
        return cls(
            **{name: one.float() for name, one in late.items()},
            early=Early(**parts[EARLY]) if EARLY in parts else None,
            skin=Skin(**parts[SKIN]) if SKIN in parts else None,
        )

    def to_tensors(self) -> dict[str, Tensor]:
        """What is stored: mean and basis as float16, which they hold without loss."""
        tensors = {name: getattr(self, name).contiguous() for name in _names(Unknown)}
        tensors |= {name: tensors[name].half() for name in ("mean", "basis")}
        for prefix, part in ((EARLY, self.early), (SKIN, self.skin)):
            if part:
                names = _names(type(part))
                tensors |= {f"{prefix}{name}": getattr(part, name).contiguous() for name in names}
        return tensors

    def scores(self, pooled: Tensor, early: Tensor) -> Array:
        """The score (N,) in [0, 1] of photos from their features (N, F) and early ones (N, E)."""
        exponent = np.clip(self.distances(pooled, early), -60, 60)
        return np.asarray(1 / (1 + np.exp(-exponent)))

    def distances(self, pooled: Tensor, early: Tensor) -> Array:
        """How far beyond the line photos (N,) lie, in widths, by what finds them farther."""
        beyond = [(self.beside(pooled) - float(self.middle)) / float(self.width)]
        for part in (self.early, self.skin):
            if part:
                found = part.distances(early) - float(part.middle)
                beyond.append(found / float(part.width))
        return np.asarray(np.max(beyond, axis=0))

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
    to_skin: Tensor | None = None,
    keep: float = KEEP,
) -> Unknown:
    """The score of a network, from features of training photos and of lesions kept apart.

    `pooled` (N, F) and `early` (N, E) with `labels` (N,) are the training photos, `held_out` (M, F)
    and (M, E) with `lesions` (M,) those that set the threshold: a share `keep` of these lesions
    lies below it with all their photos, and none of the distances refuses more of them than
    another. `to_skin` (E,) is the direction from lesions to plain skin in early features. Each
    diagnosis counts by the root of its number of photos, so that rare ones have a say in what is
    usual.
    """
    weights = _weights(labels)
    late, near = _fit_late(pooled, weights), _fit_early(early, weights)
    skin = None if to_skin is None else Skin(direction=to_skin, **_unset())
    found = [late.beside(held_out[0]), near.distances(held_out[1])]
    if skin:
        found.append(skin.distances(held_out[1]))
    farthest = [_by_lesion(distances, lesions) for distances in found]
    ranks = np.stack([rankdata(one, method="max") for one in farthest])
    last = int(np.quantile(ranks.max(axis=0), keep, method="inverted_cdf"))
    lines = [_line(one, last) for one in farthest]
    return replace(
        late,
        **lines[0],
        early=replace(near, **lines[1]),
        skin=skin and replace(skin, **lines[2]),
    )


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
    return Early(mean=mean, whitening=whitening, **_unset())


def _unset() -> dict[str, Tensor]:
    """Middle and width of a part whose line is not drawn yet."""
    return {"middle": torch.tensor(0.0), "width": torch.tensor(1.0)}


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


def _names(kind: type[Unknown] | type[Early] | type[Skin]) -> set[str]:
    """The names of a part's own tensors."""
    return {one.name for one in fields(kind)} - {"early", "skin"}


def _check(part: Unknown | Early | Skin, mean: Tensor, directions: Tensor) -> None:
    """ValueError where a part's tensors cannot be a distance."""
    if directions.ndim != 2 or mean.shape != directions.shape[:1]:
        raise ValueError("The unknown score's mean and basis do not fit together.")
    if part.middle.ndim or part.width.ndim or not part.width > 0:
        raise ValueError("The unknown score's width must be a positive number.")
    if not all(bool(getattr(part, name).isfinite().all()) for name in _names(type(part))):
        raise ValueError("The unknown score is not finite.")


PARTS: dict[str, type[Early] | type[Skin]] = {EARLY: Early, SKIN: Skin}

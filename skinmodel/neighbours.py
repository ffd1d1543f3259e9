"""The confirmed lesions most alike to one, by the network's own features.

A lesion is the mean of its photos' pooled features, each of length 1, in the first directions of
the model's unknown score, in which training photos differ most; alike is the cosine.

What was tried with model 1.1: the share of the five nearest with the same diagnosis, queries from
validation lesions among 4,535 training lesions, and among 1,617 lesions the model had never met;
in brackets the mean over the diagnoses, which the many nevi do not rule. Cosine of the mean
features 0.830 (0.600) and 0.790 (0.525); distance 0.820 (0.569) and 0.792 (0.518); whitened to 64
directions 0.817 (0.581) and 0.777 (0.513), to 16 0.826 (0.597) and 0.795 (0.557); the directions
used here, 16 of them 0.831 (0.622) and 0.800 (0.544), 32 0.833 (0.621) and 0.798 (0.550), 256
0.831 (0.616) and 0.793 (0.537). With 32, test lesions come to 0.826 (0.626) and 0.799 (0.516); for
a melanoma 0.47 and 0.44, for a squamous cell carcinoma 0.26 among the training lesions.
"""

import json
import os
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor

from skinmodel.analysis import extract_features
from skinmodel.bundle import Model
from skinmodel.unknown import THRESHOLD

DIRECTIONS = 32
NEAREST = 5
FORMAT = "1"

Vector = NDArray[np.float32]


class InvalidIndex(ValueError):
    """A file is no index of lesions; the text is one plain sentence."""


@dataclass(frozen=True)
class Case:
    """A confirmed lesion: what it is called, its diagnosis, and where a photo of it is."""

    key: str
    diagnosis: str
    photo: str = ""


@dataclass(frozen=True)
class Neighbour:
    """A case near a lesion; `distance` is 0 for the very same direction and 2 for the opposite."""

    case: Case
    distance: float


@dataclass(frozen=True, eq=False)
class Index:
    """Cases and their vectors (N, D), each of length 1, of one model.

    `agreement` says by diagnosis how many of the five nearest shared it, where that was measured:
    {"how": ..., "lesions": ..., "share": ..., "per_diagnosis": {...}}.
    """

    name: str
    model_sha256: str
    cases: tuple[Case, ...]
    vectors: Vector = field(repr=False)
    agreement: Mapping[str, Any] = field(default_factory=dict)

    def nearest(
        self, vector: Vector, *, count: int = NEAREST, without: Collection[str] = ()
    ) -> tuple[Neighbour, ...]:
        """The nearest cases, nearest first, but for those whose keys are in `without`."""
        alike = self.vectors @ vector
        wanted = min(count + len(without), len(alike))
        best = np.argpartition(-alike, wanted - 1)[:wanted] if wanted else np.zeros(0, int)
        ordered = best[np.argsort(-alike[best], kind="stable")]
        found = [
            Neighbour(self.cases[i], float(1 - alike[i]))
            for i in ordered
            if self.cases[i].key not in without
        ]
        return tuple(found[:count])

    def joined(self, cases: Sequence[Case], vectors: Vector) -> "Index":
        """This index with these cases, which replace those of the same keys."""
        new = {case.key for case in cases}
        kept = [place for place, case in enumerate(self.cases) if case.key not in new]
        return Index(
            self.name,
            self.model_sha256,
            (*(self.cases[place] for place in kept), *cases),
            np.concatenate([self.vectors[kept], vectors]),
            self.agreement,
        )

    def save(self, path: Path) -> None:
        """Writes the index as safetensors, in full or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
        texts = {
            "format": FORMAT,
            "name": self.name,
            "model_sha256": self.model_sha256,
            "cases": json.dumps([[case.key, case.diagnosis, case.photo] for case in self.cases]),
            "agreement": json.dumps(dict(self.agreement)),
        }
        try:
            save_file({"vectors": np.ascontiguousarray(self.vectors)}, part, metadata=texts)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def empty(name: str, model: Model) -> Index:
    """An index of a model without any case."""
    width = min(DIRECTIONS, model.unknown.basis.shape[1]) if model.unknown else None
    features = model.network.shortcut.in_features
    return Index(name, model.sha256, (), np.zeros((0, width or features), np.float32))


def load(path: Path) -> Index:
    """The index in a file; InvalidIndex if it is none."""
    try:
        with safe_open(path, framework="numpy") as file:
            texts, vectors = file.metadata() or {}, file.get_tensor("vectors")
        if texts["format"] != FORMAT:
            raise InvalidIndex(f"{path.name} was made by a newer version.")
        cases = tuple(Case(*map(str, row)) for row in json.loads(texts["cases"]))
        if vectors.shape[:1] != (len(cases),) or vectors.ndim != 2:
            raise ValueError("lengths")
        sound = vectors.astype(np.float32, copy=False)
        agreement = json.loads(texts["agreement"])
        return Index(texts["name"], texts["model_sha256"], cases, sound, agreement)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, InvalidIndex):
            raise
        raise InvalidIndex(f"{path.name} is no index of lesions, or it is damaged.") from error


def photo_features(model: Model, pictures: Sequence[Image.Image]) -> tuple[Tensor, Tensor]:
    """Pooled features (P, F) and early features (P, E) of upright RGB pictures."""
    maps, early = extract_features(model, pictures)
    return maps.mean(dim=(-2, -1)), early


def directions(model: Model, pooled: Tensor) -> Tensor:
    """Photos' features (P, F) of length 1, in the directions that count (P, D)."""
    features = torch.nn.functional.normalize(pooled.float(), dim=1)
    if model.unknown is None:
        return features
    return (features - model.unknown.mean) @ model.unknown.basis[:, :DIRECTIONS]


def vector(model: Model, pooled: Tensor) -> Vector:
    """A lesion's vector (D,), of length 1, from its photos' pooled features (P, F)."""
    return mean(directions(model, pooled).numpy())


def mean(rows: Vector) -> Vector:
    """The mean of photos' directions (P, D), of length 1."""
    middle = rows.mean(axis=0)
    return np.asarray(middle / max(float(np.linalg.norm(middle)), 1e-12), dtype=np.float32)


def is_strange(model: Model, pooled: Tensor, early: Tensor) -> bool:
    """Whether a photo is so unlike those the model was trained on that likeness means nothing."""
    if model.unknown is None:
        return False
    return bool((model.unknown.scores(pooled, early) > THRESHOLD).any())


def agreement(index: Index, keys: Collection[str]) -> dict[str, Any]:
    """How many of the five nearest share the diagnosis of the cases with these keys.

    Each is left out of its own neighbours; in all, and by diagnosis.
    """
    shares: dict[str, list[float]] = {}
    for case, query in zip(index.cases, index.vectors, strict=True):
        if case.key in keys:
            found = index.nearest(query, without=(case.key,))
            same = [one.case.diagnosis == case.diagnosis for one in found]
            shares.setdefault(case.diagnosis, []).append(sum(same) / max(1, len(same)))
    every = [share for one in shares.values() for share in one]
    return {
        "lesions": len(every),
        "share": float(np.mean(every)) if every else None,
        "per_diagnosis": {
            code: {"lesions": len(one), "share": float(np.mean(one))}
            for code, one in sorted(shares.items())
        },
    }

"""Five neighbours among 100,000 lesions, against cosines of the network's whole features."""

from typing import Any

import numpy as np

from benchmarks.sidebyside import ratios, side_by_side
from skinmodel.neighbours import DIRECTIONS, NEAREST, Case, Index

LESIONS = 100_000
FEATURES = 1280  # of MobileNetV2
LIMIT_MS = 50.0
WHOLE = "whole features"


def measure(
    *, rounds: int = 15, lesions: int = LESIONS, features: int = FEATURES
) -> dict[str, Any]:
    """Seconds of a search once the index is in memory, and how many times the plain way's."""
    chance = np.random.default_rng(0)
    vectors = _made(chance, lesions, DIRECTIONS)
    cases = tuple(Case(str(number), "NV") for number in range(lesions))
    index = Index("made up", "", cases, vectors)
    whole, query = _made(chance, lesions, features), _made(chance, 1, features)[0]
    gone = {str(number) for number in range(20)}
    seconds = side_by_side(
        {
            "index": lambda: index.nearest(vectors[-1], without=gone),
            WHOLE: lambda: np.argsort(-(whole @ query))[:NEAREST],
        },
        rounds=rounds,
    )
    return {"seconds": seconds, "ratios": ratios(seconds, base=WHOLE)}


def _made(chance: np.random.Generator, rows: int, width: int) -> np.ndarray[Any, Any]:
    """Vectors of length 1."""
    values = chance.standard_normal((rows, width), dtype=np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return values

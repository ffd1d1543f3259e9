"""Which lesions train, validate, calibrate and test.

A lesion's side is a function of its patient's id (or its own, where the patient is unknown), so it
never changes when data is added later, and photos of one lesion are never on two sides.
"""

import hashlib
from typing import Literal

import pandas as pd

Split = Literal["train", "validation", "calibration", "test"]
SHARES: tuple[tuple[Split, float], ...] = (
    ("train", 0.70),
    ("validation", 0.08),
    ("calibration", 0.08),
    ("test", 0.14),
)


def split_of(group: str) -> Split:
    """The side of a patient or lesion, from the first 64 bits of its id's SHA-256."""
    place = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8]) / 2**64
    reached = 0.0
    for name, share in SHARES:
        reached += share
        if place < reached:
            return name
    return SHARES[-1][0]


def assign(manifest: pd.DataFrame) -> pd.DataFrame:
    """The manifest with a column `split`, by `patient` where it is not blank, else by `lesion`."""
    return manifest.assign(split=owners(manifest).map(split_of))


def owners(manifest: pd.DataFrame) -> "pd.Series[str]":
    """Whose each photo is: the patient's where known, else the lesion's."""
    return manifest["patient"].where(manifest["patient"] != "", manifest["lesion"])

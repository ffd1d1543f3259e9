"""Which lesions train, validate, calibrate and test.

A lesion's side is a function of its patient's id (or its own, where the patient is unknown), so it
never changes when data is added later, and photos of one lesion are never on two sides.
"""

import hashlib
from typing import Literal

import pandas as pd

from skinmodel.diagnoses import CODES, MALIGNANT, diagnosis

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


def lacking(table: pd.DataFrame, *, binary: bool = False) -> list[str]:
    """Why lesions with a `split` cannot be learned from, a sentence each.

    Training needs every class. What chooses, calibrates and tests needs no more than some lesions:
    a small clinic has not each diagnosis among a twelfth of its own.
    """
    found = [
        f"No lesion falls into the {split} split: there are too few lesions."
        for split, _ in SHARES
        if not (table["split"] == split).any()
    ]
    learned = set(table.loc[table["split"] == "train", "diagnosis"])
    if not learned:
        return found
    malignant = {CODES[place] for place in MALIGNANT}
    if binary:
        sides = {"malignant": malignant, "benign": set(CODES) - malignant}
        missing = [side for side, codes in sides.items() if not learned & codes]
    else:
        missing = [diagnosis(code).name.lower() for code in CODES if code not in learned]
    if missing:
        found.append(
            f"No lesion falls into the train split that is {' or '.join(missing)}. Add data that"
            " has some: a model cannot learn what it is never shown."
        )
    return found


def owners(manifest: pd.DataFrame) -> "pd.Series[str]":
    """Whose each photo is: the patient's where known, else the lesion's."""
    return manifest["patient"].where(manifest["patient"] != "", manifest["lesion"])

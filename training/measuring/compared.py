"""Comparisons of two models as they lie on disk, and which one counts.

`comparison.json` holds the figures, `comparison.csv` each photo's and each lesion's scores from
both, a row each, so that erasing a patient takes the rows along. A run leaves its own beside its
candidate; those asked for later lie in a folder of each pair. The newest counts.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from skinmodel.bundle import CARD
from skinmodel.weights import InvalidModel
from training.data.manifest import InvalidData
from training.disk import write_atomically

FORMAT = 1
NUMBERS, CASES = "comparison.json", "comparison.csv"
CANDIDATE, OTHER = "candidate", "other"
KINDS = ("single_photos", "series")
BESIDE = " beside "  # which no version holds
TEXTS = ("kind", "image", "path", "lesion", "diagnosis")
_SCORES = ("first", "probability", "malignancy", "above")
VALUES = ("photos", *(f"{name}_{side}" for name in _SCORES for side in (CANDIDATE, OTHER)))


@dataclass(frozen=True, eq=False)
class Comparison:
    """A comparison as it lies on disk.

    `numbers` are plain values; `cases` has a row for each photo and each lesion: kind, image, path,
    lesion, diagnosis, photos, and for both models `first_…`, `malignancy_…` and `above_…`.
    """

    numbers: Mapping[str, Any]
    cases: pd.DataFrame

    def of(self, candidate: str, other: str) -> bool:
        """Whether it is of the models with these weights (SHA-256)."""
        models = self.numbers["models"]
        return bool(models[CANDIDATE]["sha256"] == candidate and models[OTHER]["sha256"] == other)


def write(folder: Path, made: Comparison) -> None:
    """Saves a comparison; the rows first: figures are never without them."""
    write_atomically(folder / CASES, made.cases.to_csv(index=False))
    text = json.dumps(made.numbers, indent=1, allow_nan=False, ensure_ascii=False)
    write_atomically(folder / NUMBERS, text + "\n")


def read(folder: Path) -> Comparison | None:
    """What `write` has saved; None if there is nothing, InvalidData if it cannot be read."""
    if not (folder / NUMBERS).exists():
        return None
    try:
        numbers = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))
        cases = pd.read_csv(folder / CASES, dtype={c: str for c in TEXTS}, keep_default_na=False)
        lesions = numbers["data"]["lesions"]
        parts = ("made_on", "classes", "models", "difference", "paired")
        lacking = [name for name in (*TEXTS, *VALUES) if name not in cases]
        if numbers["format"] != FORMAT or lacking or not {*parts} <= numbers.keys():
            raise ValueError(f"another form, of {lesions} lesions")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidData([f"A comparison in {folder.name} cannot be read."]) from error
    return Comparison(numbers, cases)


def find(candidate: Path, other: Path, kept: Path) -> Comparison | None:
    """The newest comparison of two models as they are now; None if there is none.

    `kept` holds those that were asked for. InvalidData where there is only one that cannot be
    read, InvalidModel for a model without a card.
    """
    mine, theirs = weights_of(candidate), weights_of(other)
    broken: InvalidData | None = None
    for folder, _ in stamps(candidate, other, kept):
        try:
            found = read(folder)
        except InvalidData as error:
            broken = broken or error
            continue
        if found and found.of(mine, theirs):
            return found
    if broken:
        raise broken
    return None


def stamps(candidate: Path, other: Path, kept: Path) -> tuple[tuple[Path, int], ...]:
    """Where comparisons of the two may lie and when each was written (ns), the newest first."""
    there = []
    for folder in (candidate, *kept.joinpath(pair(candidate.name, other.name)).glob("[!.]*")):
        try:
            there.append((folder, (folder / NUMBERS).stat().st_mtime_ns))
        except OSError:
            continue
    return tuple(sorted(there, key=lambda one: one[1], reverse=True))


def keep(made: Path, kept: Path) -> None:
    """Moves a finished comparison's folder into its pair's; those before it go."""
    os.replace(made, kept / made.name)
    for one in kept.iterdir():
        if one.name != made.name:
            shutil.rmtree(one, ignore_errors=True)


def pair(candidate: str, other: str) -> str:
    """The folder's name for a candidate's version beside another's."""
    return f"{candidate}{BESIDE}{other}"


def forget(version: str, kept: Path) -> None:
    """Removes what was measured of a model that is deleted."""
    for folder in kept.glob(f"*{BESIDE}*"):
        if version in folder.name.split(BESIDE):
            shutil.rmtree(folder, ignore_errors=True)


def weights_of(folder: Path) -> str:
    """The SHA-256 of a model's weights, as its card says; InvalidModel if that cannot be read."""
    try:
        return str(json.loads((folder / CARD).read_text("utf-8"))["weights_sha256"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidModel(f"The card of model {folder.name} cannot be read.") from error

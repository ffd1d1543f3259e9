"""The worst mistakes, one photo of a lesion, with what the network looked at."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from skinmodel.analysis import SeriesPhoto, analyse
from skinmodel.bundle import Model
from skinmodel.diagnoses import CODES, MALIGNANT
from skinmodel.export import overlay
from skinmodel.images import read_photo
from training.measuring.evaluate import Labels
from training.measuring.metrics import Array

EACH = 6  # of the two kinds
WIDEST = 320  # pixels of an embedded photo


@dataclass(frozen=True)
class Mistake:
    """One photo that was ranked wrong: the truth, what was ranked first, both probabilities.

    Classes are indices; `row` is the photo's.
    """

    row: int
    truth: int
    leading: int
    p_truth: float
    p_leading: float


def worst(shown: Array, labels: Labels, lesions: Labels) -> dict[str, list[Mistake]]:
    """Malignant lesions given the least malignancy, and the other confident mistakes.

    `shown` (N, K) are the probabilities a clinician sees. A photo counts as a mistake if its
    diagnosis is not ranked first; each lesion is shown once, by its worst photo.
    """
    eight = shown.shape[1] == len(CODES)
    malignant = np.isin(labels, MALIGNANT) if eight else labels == 1
    total = shown[:, MALIGNANT].sum(axis=1) if eight else shown[:, 1]
    leading = shown.argmax(axis=1)
    called = np.isin(leading, MALIGNANT) if eight else leading == 1
    p_truth = shown[np.arange(len(labels)), labels]
    missed = malignant & ~called
    others = (leading != labels) & ~missed
    found = {}
    for name, kind, badness in (("missed", missed, total), ("others", others, p_truth)):
        rows: list[int] = []
        taken: set[int] = set()
        for row in np.argsort(badness, kind="stable"):
            if kind[row] and int(lesions[row]) not in taken and len(rows) < EACH:
                taken.add(int(lesions[row]))
                rows.append(int(row))
        found[name] = [
            Mistake(r, int(labels[r]), int(leading[r]), float(p_truth[r]), float(shown[r].max()))
            for r in rows
        ]
    return found


def pictures(model: Model, path: Path, classes: Sequence[int]) -> list[tuple[str, bool]]:
    """A photo, then its heat map for each class, as data addresses and whether a map shows a thing.

    A binary model has one heat map, of what raised malignancy.
    """
    photo = read_photo(path.read_bytes())
    analysis = analyse(model, [SeriesPhoto(photo.picture, photo.sha256, path.name)])
    found = [(_address(photo.picture), True)]
    for label in classes:
        output = min(label, len(analysis.codes) - 1)
        heat, frame = analysis.maps[output, 0], analysis.frames[0]
        lit = analysis.highlights(output)
        found.append((_address(overlay(photo.picture, heat, frame) if lit else photo.picture), lit))
    return found


def plain(mistake: Mistake, table: pd.DataFrame, names: Sequence[str]) -> dict[str, Any]:
    """A mistake as plain values for JSON, without pictures."""
    return {
        "image": table["image"].iloc[mistake.row],
        "lesion": table["lesion"].iloc[mistake.row],
        "truth": names[mistake.truth],
        "ranked_first": names[mistake.leading],
        "probability_of_truth": round(mistake.p_truth, 4),
        "probability_of_first": round(mistake.p_leading, 4),
    }


def _address(picture: Image.Image) -> str:
    small = picture.convert("RGB")
    small.thumbnail((WIDEST, WIDEST))
    stored = BytesIO()
    small.save(stored, "WEBP", quality=82)
    return "data:image/webp;base64," + base64.b64encode(stored.getvalue()).decode()

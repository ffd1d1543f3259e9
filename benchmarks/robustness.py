"""The same real photos made otherwise: how often the answer of the model in use stays the same.

Test photos of lesions that took no part in training, one a lesion. The changes and what is counted
are those of the model's card, for which `python -m training remeasure` takes more photos.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

import settings
from skinmodel.bundle import load_model
from skinmodel.images import read_photo
from skinmodel.registry import Registry
from training.data.manifest import read_isic
from training.data.splits import assign
from training.measuring.robustness import measure_changes

ROOT = Path(__file__).resolve().parents[1]
MOST = 200  # photos


def data_folder() -> Path:
    """Where the real photos are: SKIN_TEST_DATA, else shared/data beside the checkout."""
    given = os.environ.get("SKIN_TEST_DATA")
    return Path(given) if given else ROOT.parent / "shared" / "data"


def measure(folder: Path, most: int = MOST, seed: int = 0) -> dict[str, Any]:
    """What `measure_changes` finds on at most so many test photos of an ISIC folder."""
    found = settings.load()
    model = load_model(Registry(found.models_dir, found.own_models_dir).active())
    table = assign(read_isic(folder / "isic2019").table)
    first = table[table["split"] == "test"].drop_duplicates("lesion")
    chosen = first.sample(min(most, len(first)), random_state=seed)
    photos = [
        np.asarray(model.preparation.to_scale(read_photo(Path(path).read_bytes()).picture))
        for path in chosen["path"]
    ]
    return measure_changes(model.network, model.preparation, model.calibration, photos)

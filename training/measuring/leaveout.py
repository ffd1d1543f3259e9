"""Each diagnosis left out in turn: is one that was never trained on told from those that were?

The encoder must not have learnt any of them, or it would know what was left out: ImageNet's, kept
as it is, so that only the unknown score is fitted anew each time.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from skinmodel.diagnoses import CODES
from skinmodel.network import for_use
from skinmodel.unknown import KEEP, THRESHOLD, fit_unknown
from training.data.splits import Split
from training.learning.checkpoint import write_atomically
from training.learning.folds import unseen
from training.learning.run import Run, new_network
from training.measuring.refusal import sample
from training.measuring.scoring import all_features

LEFT_OUT = "left-out.json"
STEP = 128  # photos between two words of progress
HOW = (
    f"For each diagnosis the unknown score was fitted without its photos, so that {KEEP:.0%} of "
    "the other calibration lesions stay below, on features of an encoder that never learnt any of "
    "them, one view a photo. AUROC: its test photos against all others."
)
Progress = Callable[[int, int], None]


def leave_out(run: Run, *, init: Path, progress: Progress = lambda *_: None) -> dict[str, Any]:
    """AUROC of each diagnosis when it is none that the score was fitted to; also in `LEFT_OUT`.

    InvalidConfig where `init` is a model that has met the lesions.
    """
    encoder = unseen(run.table, init)
    network = for_use(new_network(run.config, init, torch.device("cpu")))
    network.views = 1
    parts = {
        "train": sample(run),
        "calibration": _photos(run, "calibration"),
        "test": _photos(run, "test"),
    }
    every = [photo for photos in parts.values() for photo in photos]
    found = []
    for start in range(0, len(every), STEP):
        part = every[start : start + STEP]
        found.append(all_features(network, run.cache.__getitem__, part, run.config.preparation))
        progress(start + len(part), len(every))
    pooled, early = (torch.cat(kind) for kind in zip(*found, strict=True))
    codes = run.table["diagnosis"].loc[every].to_numpy(dtype=str)
    lesions = run.table["lesion"].loc[every].to_numpy(dtype=str)
    side = np.repeat(list(parts), [len(photos) for photos in parts.values()])
    per_diagnosis = {}
    for code in CODES:
        known = (side == "train") & (codes != code)
        line = (side == "calibration") & (codes != code)
        unknown = fit_unknown(
            pooled[known], early[known], codes[known],
            held_out=(pooled[line], early[line]), lesions=lesions[line],
        )  # fmt: skip
        tested = side == "test"
        far = unknown.distances(pooled[tested], early[tested])
        refused = unknown.scores(pooled[tested], early[tested]) > THRESHOLD
        strange = codes[tested] == code
        several = 0 < strange.sum() < len(strange)
        per_diagnosis[code] = {
            "photos": int(strange.sum()),
            "auroc": round(float(roc_auc_score(strange, far)), 4) if several else None,
            "refused": int((refused & strange).sum()),
        }
    result = {"how": HOW, "encoder": encoder, "per_diagnosis": per_diagnosis}
    write_atomically(run.folder / LEFT_OUT, json.dumps(result, indent=1))
    return result


def _photos(run: Run, split: Split) -> list[int]:
    return [photo for photos in run.lesions(split).photos for photo in photos]

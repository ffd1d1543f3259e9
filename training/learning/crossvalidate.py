"""Cross-validation: every lesion is tested once, by a network that met neither it nor its patient.

The locked test lesions take no part, so that settings may be chosen by what is found here.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skinmodel.diagnoses import CODES
from skinmodel.network import CnnLstm
from training.learning.checkpoint import load_tensors, write_atomically
from training.learning.config import InvalidConfig, read_object
from training.learning.folds import assign_folds, unseen
from training.learning.loop import Log
from training.learning.objective import class_shares
from training.learning.ranks import ALONE, Ranks
from training.learning.run import Run, source_for, train
from training.learning.source import sha256_of
from training.measuring import metrics
from training.measuring.evaluate import Labels
from training.measuring.metrics import Array
from training.measuring.scoring import head_logits, pooled_from
from training.runs.folder import BEST, LAST

RESULT, PLAN, PHOTOS, SERIES = "cross-validation.json", "folds.json", "photos.csv", "series.csv"
METRICS = (
    "accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1", "macro_auroc",
    "accuracy_at_training_mix",
)  # fmt: skip
KINDS = ("single_photos", "series")
HOW = (
    "Grouped by patient where known, else by lesion, and stratified by diagnosis; the locked test "
    "lesions are left out. Which diagnosis ranks first is decided as if all were equally frequent, "
    "but for the accuracy at the training mix. Every value is of lesions that took no part in the "
    "fold's training and selection; mean and sample standard deviation are over the folds."
)


def cross_validate(
    run: Run,
    *,
    folds: int,
    init: Path | None,
    log: Log,
    stop: Callable[[], bool],
    ranks: Ranks = ALONE,
) -> dict[str, Any] | None:
    """Train and test each fold, or go on where this folder stands; None if stopped before the end.

    Each fold is a run folder below the run's, with its logits of photos and series as tables. The
    whole is written to `cross-validation.json`. InvalidData if a diagnosis has too few lesions,
    InvalidConfig if the folder holds other folds or `init` is a model that met the lesions.
    """
    free = run.table[run.table["split"] != "test"]
    fold_of = assign_folds(free, folds, run.config.seed)
    encoder = {"from": init.name if init else None, "unseen": unseen(free, init)}
    _same_plan(run.folder / PLAN, {"folds": folds, "init": sha256_of(init) if init else None})
    split = np.where(free["split"] == "validation", "validation", "train")
    parts = []
    for fold in range(1, folds + 1):
        table = free.assign(split=np.where(fold_of == fold, "test", split))
        part = replace(run, folder=run.folder / f"fold-{fold}", table=table)
        part.folder.mkdir(exist_ok=True)
        if not (part.folder / SERIES).exists():
            trained = train(part, init=init, log=log, stop=stop, ranks=ranks)
            if not trained or not _test(part, log, stop, ranks):
                return None
            (part.folder / LAST).unlink(missing_ok=True)  # nothing goes on from here
        parts.append(_measured(part, fold))
        log({"stage": "fold", "folds": folds, **parts[-1]})
    result = {
        "how": HOW,
        "learns": run.config.learns,
        "encoder": encoder,
        "photos": len(free),
        "lesions": int(free["lesion"].nunique()),
        "folds": parts,
        "mean_and_sd": {kind: _over_folds([part[kind] for part in parts]) for kind in KINDS},
        "classes": list(_classes(run)),
        "confusion": {
            kind: np.sum([part[kind]["confusion"] for part in parts], axis=0).tolist()
            for kind in KINDS
        },
        "settings": run.config.to_dict(),
    }
    write_atomically(run.folder / RESULT, json.dumps(result, indent=1))
    return result


def _same_plan(path: Path, plan: dict[str, Any]) -> None:
    """Keep the plan, or refuse another one's folder."""
    if path.exists() and read_object(path) != plan:
        raise InvalidConfig(
            f"{path.parent} holds a cross-validation with other folds or another start; "
            "choose another folder."
        )
    write_atomically(path, json.dumps(plan))


def _test(part: Run, log: Log, stop: Callable[[], bool], ranks: Ranks) -> bool:
    """Write a trained fold's logits of its test photos and series; False if stopped before."""
    network = CnnLstm(part.config.model)
    network.load_state_dict(load_tensors(part.folder / BEST)[0])
    network.to(ranks.device).eval().requires_grad_(False)
    source = source_for(part, network, log=log, stop=stop, ranks=ranks)
    if source is None:
        return False
    lesions = part.lesions("test")
    indices = [photo for photos in lesions.photos for photo in photos]
    pooled = pooled_from(source, network, indices, part.config.preparation)
    ends = np.cumsum([len(photos) for photos in lesions.photos]).tolist()
    rows = [
        list(range(end - len(photos), end))
        for end, photos in zip(ends, lesions.photos, strict=True)
    ]
    classes = _classes(part)
    labels = np.array(classes)[list(lesions.labels)]
    known = part.table.loc[indices, ["image", "lesion"]].reset_index(drop=True)
    known["label"] = np.repeat(labels, [len(members) for members in rows])
    outputs = list(classes)[-part.config.model.outputs :]
    alone = head_logits(network, pooled, [[row] for row in range(len(indices))])
    together = head_logits(network, pooled, rows, lesions.days)
    series = pd.DataFrame({"lesion": known["lesion"][[members[0] for members in rows]].array})
    series["label"] = labels
    for name, table, logits in ((PHOTOS, known, alone), (SERIES, series, together)):
        whole = pd.concat([table, pd.DataFrame(logits, columns=outputs)], axis=1)
        write_atomically(part.folder / name, whole.to_csv(index=False))
    return True


def _measured(part: Run, fold: int) -> dict[str, Any]:
    """A fold's numbers from its tables."""
    classes = _classes(part)
    outputs = list(classes)[-part.config.model.outputs :]
    mix = class_shares(part.lesions("train"), part.config.model.outputs).log().numpy()
    line: dict[str, Any] = {"fold": fold}
    for kind, name in zip(KINDS, (PHOTOS, SERIES), strict=True):
        table = pd.read_csv(part.folder / name, keep_default_na=False)
        labels = table["label"].map(classes.index).to_numpy()
        line[kind] = _scores(table[outputs].to_numpy(float), labels, mix)
    return line


def _scores(logits: Array, labels: Labels, mix: Array) -> dict[str, Any]:
    """All metrics of a fold and its confusion matrix; None where undefined."""
    scores = metrics.probabilities(logits)
    classes = scores.shape[1]
    matrix = metrics.confusion(scores.argmax(axis=1), labels, classes)
    at_mix = metrics.probabilities(logits + mix).argmax(axis=1)
    recall = metrics.mean(metrics.recall(matrix))
    values = (
        metrics.accuracy(matrix),
        recall,
        metrics.mean(metrics.precision(matrix)),
        recall,
        metrics.mean(metrics.f1(matrix)),
        metrics.mean(metrics.RocAreas(scores, labels)()),
        metrics.accuracy(metrics.confusion(at_mix, labels, classes)),
    )
    named = dict(zip(METRICS, values, strict=True))
    return {"cases": len(labels), **named, "confusion": matrix.astype(int).tolist()}


def _over_folds(folds: list[dict[str, Any]]) -> dict[str, list[float] | None]:
    """Mean and sample standard deviation of each metric; None where a fold has none."""
    spread: dict[str, list[float] | None] = {}
    for name in METRICS:
        values = [fold[name] for fold in folds]
        whole = None not in values
        spread[name] = [float(np.mean(values)), float(np.std(values, ddof=1))] if whole else None
    return spread


def _classes(run: Run) -> tuple[str, ...]:
    return CODES if run.config.model.task == "multiclass" else ("BENIGN", "MALIGNANT")

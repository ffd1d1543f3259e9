"""evaluate(model, data) -> Evaluation: everything measured of one model on one folder."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinmodel.bundle import Model
from skinmodel.diagnoses import CODES
from skinmodel.unknown import THRESHOLD
from training.data.manifest import read_isic
from training.measuring.evaluate import report
from training.measuring.metrics import proportion
from training.measuring.reliability import reliability
from training.measuring.series import several_photos
from training.measuring.tested import measure_alerts, measure_sets
from training.report.attention import summary
from training.report.curves import curves
from training.report.mistakes import Mistake, plain, worst
from training.report.road import road
from training.report.scores import Scores, score
from training.report.selection import Which, select
from training.report.subgroups import subgroups

MASKS = "masks"  # folder with the lesions' outlines, beside the photos' folder
Progress = Callable[[str, int, int], None]  # what is done, how many are done, of how many


@dataclass(frozen=True, eq=False)
class Evaluation:
    """`numbers` are plain values for JSON; scores and mistakes are what the page draws on."""

    model: Model
    numbers: dict[str, Any]
    scores: Scores
    mistakes: dict[str, list[Mistake]]


def evaluate(
    model: Model,
    data: Path,
    *,
    which: Which = "unseen",
    road_photos: int = 24,
    progress: Progress = lambda *_: None,
) -> Evaluation:
    """Measures a model on a folder in ISIC 2019's layout; InvalidData says what is wrong with it.

    `which` photos count is explained in training.report.selection. `road_photos` is the size of the
    sample for ROAD, which takes seconds a photo; 0 leaves it out.
    """
    manifest = read_isic(data, without_unknown=True)
    selection = select(manifest.table, model.card, which)
    masks = data / MASKS if (data / MASKS).is_dir() else None
    scores = score(
        model, selection.table, masks=masks, progress=lambda *n: progress("scoring photos", *n)
    )
    table, photos, series = scores.table, scores.photos, scores.series
    names = class_names(model)
    ranked = photos.probabilities(model.calibration, "balanced")
    shown = photos.probabilities(model.calibration)
    mistakes = worst(shown, photos.labels, photos.lesions)
    progress("measuring", 0, 4)
    numbers: dict[str, Any] = {
        "made_on": datetime.now(UTC).date().isoformat(),
        "model": {
            "version": model.version,
            "sha256": model.sha256,
            "task": model.config.task,
            "created_on": model.card.get("created_on"),
        },
        "data": {
            "folder": data.resolve().name,
            "notes": list(manifest.notes),
            "counted": selection.sentence,
            "photos_of_lesions_met": selection.met,
            "photos": len(table),
            "lesions": len(scores.rows),
            "photos_per_diagnosis": {c: int((table["diagnosis"] == c).sum()) for c in CODES},
            "refused": [{"image": image, "reason": reason} for image, reason in scores.refused],
        },
        "classes": list(names),
        "single_photos": report(photos, model.calibration),
    }
    progress("measuring", 1, 4)
    numbers["series"] = report(series, model.calibration)
    numbers["reliability"] = {
        "single_photos": reliability(photos, model.calibration),
        "series": reliability(series, model.calibration),
    }
    numbers |= decisions(model, scores)
    numbers["curves"] = curves(ranked, photos.labels, names)
    progress("measuring", 2, 4)
    numbers["several_photos"] = several_photos(
        model.network, scores.pooled, scores.rows, scores.days, series.labels,
        calibration=model.calibration,
    )  # fmt: skip
    progress("measuring", 3, 4)
    numbers["subgroups"] = subgroups(table, photos, model.calibration)
    progress("measuring", 4, 4)
    numbers["heat_maps"] = _heat_maps(scores, shown.argmax(axis=1), names)
    numbers["road"] = None
    if road_photos:
        numbers["road"] = road(
            model, table, photos.lesions, photos=road_photos,
            progress=lambda *n: progress("testing heat maps", *n),
        )  # fmt: skip
    numbers["worst_mistakes"] = {
        kind: [plain(mistake, table, names) for mistake in found]
        for kind, found in mistakes.items()
    }
    return Evaluation(model, numbers, scores, mistakes)


def class_names(model: Model) -> tuple[str, ...]:
    """The classes' codes in the order of labels and probabilities."""
    return CODES if model.config.task == "multiclass" else ("BENIGN", "MALIGNANT")


def decisions(model: Model, scores: Scores) -> dict[str, Any]:
    """What the refusals, the prediction sets and the alert line are worth on the lesions.

    None for what the model has not. One case a lesion, from all its photos; a lesion with a photo
    that was refused, as none of the diagnoses, is never below the alert line.
    """
    calibration, unknown = model.calibration, np.array([], dtype=np.int64)
    found: dict[str, Any] = {"refusals": None, "sets": None, "alert": None}
    refused = None
    if model.unknown:
        far = model.unknown.scores(scores.pooled, scores.early) > THRESHOLD
        refused = np.array([bool(far[rows].any()) for rows in scores.rows])
        found["refusals"] = {
            "cases": len(refused),
            "share": proportion(int(refused.sum()), len(refused)),
            "per_diagnosis": {
                code: _share(refused[scores.diagnoses == i]) for i, code in enumerate(CODES)
            },
        }
    if calibration.sets:
        measured = measure_sets(scores.series, calibration)
        found["sets"] = measured | {"meant": calibration.sets.coverage}
    if calibration.alert:
        measured = measure_alerts(
            scores.series, scores.diagnoses, calibration, fitted=unknown, refused=refused
        )
        line = calibration.alert
        found["alert"] = measured | {"meant": line.sensitivity, "threshold": line.threshold}
    return found


def _share(hits: NDArray[np.bool_]) -> dict[str, Any]:
    return {"cases": len(hits), "share": proportion(int(hits.sum()), len(hits))}


def _heat_maps(scores: Scores, leading: Any, names: tuple[str, ...]) -> dict[str, Any] | None:
    """The maps against the outlines: all photos, ranked right and wrong, and by diagnosis."""
    if not scores.attention:
        return None
    labels = scores.photos.labels
    parts = {"ranked right": leading == labels, "ranked wrong": leading != labels}
    parts |= {name: np.asarray(labels == i) for i, name in enumerate(names)}
    return summary(scores.attention, scores.photos.lesions, parts)

"""Two models on the same lesions, which neither has met: a candidate beside the model in use.

What was measured is saved as training.measuring.compared reads it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skinmodel.bundle import Model, load_model
from skinmodel.diagnoses import MALIGNANT
from skinmodel.unknown import THRESHOLD
from training.data.manifest import InvalidData
from training.data.seen import seen
from training.data.splits import assign
from training.measuring.compared import CANDIDATE, FORMAT, KINDS, OTHER, Comparison, write
from training.measuring.conformal import MELANOMA, alert_scores
from training.measuring.evaluate import report
from training.measuring.paired import Pairs, differences, right
from training.measuring.reliability import reliability
from training.measuring.series import several_photos
from training.report.curves import curves
from training.report.evaluation import class_names, decisions
from training.report.scores import Scores, score
from training.report.subgroups import subgroups

INTERVALS = "intervals"  # the last step
Progress = Callable[[str, int, int], None]  # what is done, how many are done, of how many


def compare(
    candidate: Path,
    other: Path,
    table: pd.DataFrame,
    *,
    into: Path | None = None,
    sets: Sequence[str] = (),
    progress: Progress = lambda *_: None,
) -> Comparison:
    """Measures two models on the lesions of a manifest's table that neither has met, and saves it.

    `into` is where, the candidate's folder if left out; `sets` are the names of the data.
    InvalidModel if a model cannot be used, InvalidData with a sentence if the two cannot be
    compared on these data.
    """
    models = load_model(candidate), load_model(other)
    chosen = unmet(table, models[0].card, models[1].card)
    scores = _scored(models[0], chosen, progress), _scored(models[1], chosen, progress)
    progress(INTERVALS, 0, 1)
    numbers = _numbers(models, scores, table, sets)
    result = Comparison(numbers, _cases(models, scores))
    write(into or candidate, result)
    progress(INTERVALS, 1, 1)
    return result


def unmet(
    table: pd.DataFrame, candidate: Mapping[str, Any], other: Mapping[str, Any]
) -> pd.DataFrame:
    """The photos of lesions that neither model has met; InvalidData if two cannot be compared.

    Where a card does not say which lesions its model met, only the test side is certain.
    """
    if _task(candidate) != _task(other):
        raise InvalidData(["One model knows eight diagnoses, the other malignant and benign only."])
    assigned = assign(table)
    fresh = np.ones(len(assigned), dtype=bool)
    for card in (candidate, other):
        met = seen(assigned, card)
        fresh &= (assigned["split"] == "test") if met is None else ~met
    chosen: pd.DataFrame = assigned[fresh].reset_index(drop=True)
    if chosen.empty:
        raise InvalidData(["There is no lesion that neither of the two models has met."])
    return chosen


def _task(card: Mapping[str, Any]) -> str:
    return str(card["config"].get("task", "multiclass"))


def _scored(model: Model, table: pd.DataFrame, progress: Progress) -> Scores:
    step = f"model {model.version} on test photos"
    return score(model, table, masks=None, progress=lambda *n: progress(step, *n))


def _numbers(
    models: tuple[Model, Model],
    scores: tuple[Scores, Scores],
    table: pd.DataFrame,
    sets: Sequence[str],
) -> dict[str, Any]:
    first = scores[0]
    names = class_names(models[0])
    melanomas = int((first.diagnoses == MELANOMA).sum())
    return {
        "format": FORMAT,
        "made_on": datetime.now(UTC).date().isoformat(),
        "classes": list(names),
        "data": {
            "sets": list(sets),
            "photos": len(first.table),
            "lesions": len(first.rows),
            "melanomas": melanomas,
            "in_all": len(table),
            "refused": [{"image": image, "reason": why} for image, why in first.refused],
        },
        "models": {
            side: _of_one(model, found)
            for side, model, found in zip((CANDIDATE, OTHER), models, scores, strict=True)
        },
        "difference": {
            kind: differences(
                (getattr(scores[0], name), models[0].calibration),
                (getattr(scores[1], name), models[1].calibration),
            )
            for kind, name in zip(KINDS, ("photos", "series"), strict=True)
        },
        "paired": _paired(models, scores),
    }


def _of_one(model: Model, scores: Scores) -> dict[str, Any]:
    """Everything measured of one model."""
    calibration = model.calibration
    ranked = scores.photos.probabilities(calibration, "balanced")
    return {
        "version": model.version,
        "sha256": model.sha256,
        "single_photos": report(scores.photos, calibration),
        "series": report(scores.series, calibration),
        "reliability": {
            "single_photos": reliability(scores.photos, calibration),
            "series": reliability(scores.series, calibration),
        },
        "curves": {
            "single_photos": curves(ranked, scores.photos.labels, class_names(model)),
            "series": curves(
                scores.series.probabilities(calibration, "balanced"),
                scores.series.labels,
                class_names(model),
            ),
        },
        **decisions(model, scores),
        "several_photos": several_photos(
            model.network, scores.pooled, scores.rows, scores.days, scores.series.labels,
            calibration=calibration,
        ),
        "subgroups": subgroups(scores.table, scores.photos, calibration),
    }  # fmt: skip


def _paired(models: tuple[Model, Model], scores: tuple[Scores, Scores]) -> dict[str, Any]:
    """What each model got right that the other did not, one case a lesion, from all its photos."""
    firsts = [
        right(one.series, model.calibration) for model, one in zip(models, scores, strict=True)
    ]
    found: dict[str, Any] = {
        "how": "One case a lesion, with all its photos. difference: candidate minus other with "
        "Tango's 95 % score interval for pairs; mcnemar_p: exact and two-sided.",
        "ranked_first": Pairs.of(firsts[0], firsts[1]).to_dict(),
        "melanoma_sensitivity": None,
        "malignant_sensitivity": None,
        "specificity": None,
    }
    if all(model.calibration.alert for model in models):
        above = [_above(model, one) for model, one in zip(models, scores, strict=True)]
        diagnoses = scores[0].diagnoses
        malignant = np.isin(diagnoses, MALIGNANT)
        for name, own in (
            ("melanoma_sensitivity", diagnoses == MELANOMA),
            ("malignant_sensitivity", malignant),
        ):
            found[name] = Pairs.of(above[0][own], above[1][own]).to_dict()
        below = [~one[~malignant] for one in above]
        found["specificity"] = Pairs.of(below[0], below[1]).to_dict()
    return found


def _above(model: Model, scores: Scores) -> NDArray[np.bool_]:
    """Which lesions (L,) the model's own alert line flags; one with a refused photo always is."""
    line = model.calibration.alert
    if line is None:
        return np.zeros(len(scores.rows), dtype=bool)
    flagged = alert_scores(scores.series, model.calibration) >= line.threshold
    if model.unknown:
        far = model.unknown.scores(scores.pooled, scores.early) > THRESHOLD
        flagged |= np.array([bool(far[rows].any()) for rows in scores.rows])
    return np.asarray(flagged)


def _cases(models: tuple[Model, Model], scores: tuple[Scores, Scores]) -> pd.DataFrame:
    """A row for each photo alone, then one for each lesion, which names its first photo."""
    table = scores[0].table
    first_rows = [rows[0] for rows in scores[0].rows]
    parts = []
    for kind, name in zip(KINDS, ("photos", "series"), strict=True):
        known = table if name == "photos" else table.iloc[first_rows]
        part = known[["image", "path", "lesion", "diagnosis"]].reset_index(drop=True)
        part.insert(0, "kind", kind)
        part["photos"] = getattr(scores[0], name).photos
        for side, model, found in zip((CANDIDATE, OTHER), models, scores, strict=True):
            scored = getattr(found, name)
            balanced = scored.probabilities(model.calibration, "balanced")
            shown = scored.probabilities(model.calibration)
            codes = np.array(class_names(model))
            leading = balanced.argmax(axis=1)
            part[f"first_{side}"] = codes[leading]
            part[f"probability_{side}"] = shown[np.arange(len(shown)), leading].round(4)
            part[f"malignancy_{side}"] = alert_scores(scored, model.calibration).round(4)
            above = part[f"malignancy_{side}"] >= _threshold(model)
            part[f"above_{side}"] = _above(model, found) if name == "series" else above
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _threshold(model: Model) -> float:
    line = model.calibration.alert
    return line.threshold if line else np.inf

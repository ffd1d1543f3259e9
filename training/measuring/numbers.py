"""A card's numbers: calibrated on lesions kept apart, measured once on test lesions."""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from skinmodel.calibration import Calibration
from skinmodel.network import CnnLstm
from training.learning.dataset import Pixels
from training.learning.run import Run
from training.measuring.cases import Cases, score_cases
from training.measuring.conformal import COVERAGE, SENSITIVITY, fit_line, fit_sets, thresholds
from training.measuring.evaluate import Scored, report
from training.measuring.reliability import reliability
from training.measuring.scaling import fit_scaling
from training.measuring.series import several_photos
from training.measuring.tested import count_alerts, count_sets, measure_alerts, measure_sets
from training.report.subgroups import subgroups

NUMBERS = {1: "one_photo", 2: "two_photos", 3: "three_or_more_photos"}


def calibrate(kept_apart: Cases, *, prior_training: Sequence[float]) -> Calibration:
    """Scaling, sets and alert line from lesions kept apart; a binary network has no sets."""
    cases = kept_apart.photos.joined(kept_apart.series)
    calibration = fit_scaling(cases, prior_training=tuple(prior_training))
    diagnoses = kept_apart.diagnoses[cases.lesions]
    several = cases.logits.shape[1] > 1
    return replace(
        calibration,
        sets=fit_sets(cases, calibration) if several else None,
        alert=fit_line(cases, diagnoses, calibration),
    )


def with_tests(calibration: Calibration, test: Cases) -> Calibration:
    """The calibration with the counts of its sets and its alert line on test lesions."""
    sets, alert = calibration.sets, calibration.alert
    counted = test.by_number.items()
    if sets:
        found = [count_sets(cases, calibration, photos) for photos, cases in counted]
        sets = replace(sets, tested=tuple(found))
    if alert:
        alerts = (
            count_alerts(
                cases,
                test.diagnoses[cases.lesions],
                calibration,
                photos,
                refused=test.refusals(cases),
            )
            for photos, cases in counted
        )
        alert = replace(alert, tested=tuple(alerts))
    return replace(calibration, sets=sets, alert=alert)


def measured(
    network: CnnLstm, run: Run, calibration: Calibration, *, test: Cases, kept_apart: Cases
) -> dict[str, Any]:
    """Everything that is measured on the test lesions, as plain values for the card."""
    return {
        "how": "Test lesions, which took no part in training, selection or calibration. Values are "
        "[value, low, high] with 95 % intervals: Wilson's for recall and precision, else bootstrap "
        "over lesions. Ranking under a balanced mix; log loss, calibration error and accuracy at "
        "the training mix of the shown probabilities, each lesion counted once.",
        "single_photos": report(test.photos, calibration),
        "series": report(test.series, calibration),
        "calibration": _calibration(calibration, test),
        "sets": _sets(calibration, test, kept_apart),
        "alert": alert_numbers(calibration, test, kept_apart),
        "subgroups": _subgroups(run, calibration, test),
        "photos_by_another_route": _another_route(network, run, calibration, test),
        "several_photos": several_photos(
            network, test.pooled, test.rows, test.days, test.series.labels, calibration=calibration
        ),
    }


def _calibration(calibration: Calibration, test: Cases) -> dict[str, Any]:
    return {
        "how": "Of the shown probabilities, at the training mix; each lesion counted once. "
        "calibration_error: ECE in 15 bins of equal mass. perfect_95: what 95 % of perfectly "
        "calibrated models with the same confidences and count stay below. _before: the bare "
        "logits. By number of photos: lesions with so many or more, which in this data are other "
        "lesions than those with one, more often malignant and harder.",
        "single_photos": reliability(test.photos, calibration),
        "series": reliability(test.series, calibration),
        **{
            NUMBERS[photos]: reliability(cases, calibration)
            for photos, cases in test.by_number.items()
        },
    }


def _sets(calibration: Calibration, test: Cases, kept_apart: Cases) -> dict[str, Any] | None:
    if calibration.sets is None:
        return None
    fitted = kept_apart.series.labels
    return {
        "how": f"Split conformal sets meant to hold the diagnosis in {COVERAGE:.0%} of melanomas, "
        "of nevi, and of the other six together; one case a lesion. They always hold the likeliest "
        "diagnosis: where that alone is right more often, as with nevi, more is held, and no "
        "larger sets are behind it. expected: where 95 % of coverages would lie, at the share "
        "meant or at that of the likeliest alone on the lesions kept apart, whichever is more, "
        "given how few lesions they were fitted and tested on.",
        "series": measure_sets(test.series, calibration, fitted=fitted, alike=kept_apart.series),
        **{
            NUMBERS[photos]: measure_sets(
                cases, calibration, fitted=fitted, alike=kept_apart.by_number.get(photos)
            )
            for photos, cases in test.by_number.items()
        },
    }


def alert_numbers(calibration: Calibration, test: Cases, kept_apart: Cases) -> dict[str, Any]:
    """How the alert line does on test lesions, with and without their other photos."""
    kept = kept_apart.photos.joined(kept_apart.series)
    lines = thresholds(kept, kept_apart.diagnoses[kept.lesions], calibration)

    def at(cases: Scored, line: float | None = None) -> dict[str, Any]:
        return measure_alerts(
            cases,
            test.diagnoses[cases.lesions],
            calibration,
            fitted=kept_apart.diagnoses,
            line=line,
            refused=test.refusals(cases),
        )

    one = test.by_number[1]
    return {
        "how": f"The malignancy at the training mix that {SENSITIVITY:.0%} of melanomas alone, and "
        "of all malignant lesions together, reach on lesions kept apart; the alert line is the "
        "lower. One case a lesion; actinic keratosis counts as not malignant; a refused photo is "
        "never below. expected: where 95 % of sensitivities of exactly that share would lie.",
        "lines": {
            name: {"threshold": line, "one_photo": at(one, line)} for name, line in lines.items()
        },
        "series": at(test.series),
        **{NUMBERS[photos]: at(cases) for photos, cases in test.by_number.items()},
    }


def _subgroups(run: Run, calibration: Calibration, test: Cases) -> dict[str, Any]:
    photos = [photo for lesion in run.lesions("test").photos for photo in lesion]
    return {
        "how": "Single photos, by sex, age and body site as the data state them; accuracy and "
        "melanoma_recall of what ranks first under a balanced mix. minus_others: the difference "
        "from all other photos. Of twenty such intervals one leaves out zero by luck alone.",
        **subgroups(run.table.loc[photos], test.photos, calibration),
    }


def _another_route(
    network: CnnLstm, run: Run, calibration: Calibration, test: Cases
) -> dict[str, Any]:
    other = score_cases(network, run, "test", lambda i: by_another_route(run.cache[i])).photos
    first, then = (
        scored.probabilities(calibration, "balanced").argmax(axis=1)
        for scored in (test.photos, other)
    )
    found = report(other, calibration)
    return {
        "how": "The same photos enlarged to a short side of 450 px (Lanczos), as JPEG, q 90.",
        "same_top_diagnosis": round(float((first == then).mean()), 4),
        **{name: found[name] for name in ("balanced_accuracy", "macro_auroc")},
    }


def by_another_route(pixels: Pixels) -> Pixels:
    """A photo as an upload would bring it: larger, and stored as JPEG once more."""
    picture = Image.fromarray(pixels)
    scale = 450 / min(picture.size)
    size = round(picture.width * scale), round(picture.height * scale)
    stored = BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(stored, "JPEG", quality=90)
    return np.asarray(Image.open(stored).convert("RGB"))

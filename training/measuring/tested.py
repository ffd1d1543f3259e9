"""What prediction sets and the alert line are worth on test lesions, one case a lesion."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinmodel.alert import AlertTest
from skinmodel.calibration import Calibration
from skinmodel.diagnoses import CODES, MALIGNANT
from skinmodel.sets import SetTest
from training.measuring.conformal import (
    COVERAGE,
    GROUPS,
    MELANOMA,
    SENSITIVITY,
    alert_scores,
    allowed_below,
)
from training.measuring.evaluate import Labels, Scored, intervals
from training.measuring.metrics import Array, proportion

DRAWS = 20_000


def count_sets(cases: Scored, calibration: Calibration, photos: int) -> SetTest:
    """How many sets held the diagnosis, in all and for melanoma."""
    hit, _ = _sets(cases, calibration)
    melanoma = cases.labels == MELANOMA
    return SetTest(
        photos=photos,
        cases=len(hit),
        contained=int(hit.sum()),
        melanomas=int(melanoma.sum()),
        melanomas_contained=int(hit[melanoma].sum()),
    )


def measure_sets(
    cases: Scored,
    calibration: Calibration,
    *,
    fitted: Labels | None = None,
    alike: Scored | None = None,
) -> dict[str, Any]:
    """Coverage and size of the sets as plain values; shares are [value, low, high] (Wilson).

    `fitted` are the labels of the lesions that the sets were fitted on, `alike` those of them with
    as many photos as in `cases`; None where they are not at hand. `expected` is where 95 % of
    coverages would lie, the luck of those lesions and of these included: at exactly the promised
    share, or at what the likeliest diagnosis alone comes to, which a set always holds, if that is
    more.
    """
    hit, size = _sets(cases, calibration)
    mean_size = intervals(lambda w: np.array([np.average(size, weights=w)]), cases.lesions)[0]
    counts = {
        name: (
            *_fitted_and_missed(fitted, alike, calibration, own),
            int(np.isin(cases.labels, own).sum()),
        )
        for name, own in GROUPS.items()
    }
    return {
        "cases": len(hit),
        "coverage": proportion(int(hit.sum()), len(hit)),
        "expected": expected(list(counts.values()), kept=COVERAGE),
        "mean_size": mean_size,
        "sizes": np.bincount(size, minlength=len(CODES) + 1)[1:].tolist(),
        "per_group": {
            name: _coverage(hit[np.isin(cases.labels, own)])
            | {"fitted_on": counts[name][0], "expected": expected([counts[name]], kept=COVERAGE)}
            for name, own in GROUPS.items()
        },
        "per_diagnosis": {code: _coverage(hit[cases.labels == i]) for i, code in enumerate(CODES)},
    }


def _fitted_and_missed(
    fitted: Labels | None, alike: Scored | None, calibration: Calibration, own: Sequence[int]
) -> tuple[int, int]:
    """On how many lesions of a group the sets were fitted, and how many of so many they miss."""
    if fitted is None:
        return 0, 0
    lesions = int(np.isin(fitted, own).sum())
    if alike is None or not (members := np.isin(alike.labels, own)).any():
        return lesions, lesions
    hit = _sets(alike, calibration)[0][members]
    return lesions, round(lesions * float((~hit).mean()))


def expected(counts: Sequence[tuple[int, int, int]], *, kept: float) -> list[float] | None:
    """Where 95 % of shares kept would lie, for groups of lesions (fitted on, missed, tested on).

    A threshold from n lesions of which l may lie below keeps a share that is Beta(n + 1 - l, l)
    distributed over such samples of lesions; the test lesions are drawn from that. Where fewer were
    missed than might have been, it is not the threshold that keeps them, and those count. None
    where nothing was tested or fitted on.
    """
    random = np.random.default_rng(0)
    hits: Array = np.zeros(DRAWS)
    tested = sum(test for _, _, test in counts)
    if not tested or not any(fitted for fitted, _, _ in counts):
        return None
    for fitted, missed, test in counts:
        below = min(allowed_below(fitted, kept), missed + 1)
        share = random.beta(fitted + 1 - below, below, DRAWS) if below else np.ones(DRAWS)
        hits += random.binomial(test, share)
    return [round(float(q), 4) for q in np.percentile(hits / tested, [2.5, 97.5])]


def count_alerts(
    cases: Scored,
    diagnoses: Labels,
    calibration: Calibration,
    photos: int,
    *,
    refused: NDArray[np.bool_] | None = None,
) -> AlertTest:
    """How many test lesions fell below the line; `diagnoses` (N,) are among the eight.

    A case that was `refused` (N,), as none of the eight, never counts as below.
    """
    below = _below(cases, calibration, _line(calibration), refused)
    melanoma, malignant = diagnoses == MELANOMA, np.isin(diagnoses, MALIGNANT)
    return AlertTest(
        photos=photos,
        melanomas=int(melanoma.sum()),
        melanomas_below=int(below[melanoma].sum()),
        malignant=int(malignant.sum()),
        malignant_below=int(below[malignant].sum()),
        benign=int((~malignant).sum()),
        benign_below=int(below[~malignant].sum()),
    )


def measure_alerts(
    cases: Scored,
    diagnoses: Labels,
    calibration: Calibration,
    *,
    fitted: Labels,
    line: float | None = None,
    refused: NDArray[np.bool_] | None = None,
) -> dict[str, Any]:
    """Sensitivity, specificity and false alerts as plain values, at the alert line or another.

    Shares are [value, low, high] (Wilson), `benign_per_malignant` with a bootstrap interval;
    `expected` is where 95 % of sensitivities at exactly the promised share would lie, and `fitted`
    the diagnoses of the lesions that the line was fitted on.
    """
    above = ~_below(cases, calibration, _line(calibration) if line is None else line, refused)
    melanoma, malignant = diagnoses == MELANOMA, np.isin(diagnoses, MALIGNANT)

    def ratio(weights: Array) -> Array:
        found = (weights * (above & malignant)).sum()
        flagged = (weights * (above & ~malignant)).sum()
        return np.array([flagged / found if found else np.nan])

    def sensitivity(own: NDArray[np.bool_], members: Sequence[int]) -> dict[str, Any]:
        lesions = int(np.isin(fitted, members).sum())
        as_promised = [(lesions, lesions, int(own.sum()))]  # nothing else keeps them above the line
        return _coverage(above[own]) | {
            "fitted_on": lesions, "expected": expected(as_promised, kept=SENSITIVITY)
        }  # fmt: skip

    return {
        "cases": len(above),
        "sensitivity_melanoma": sensitivity(melanoma, (MELANOMA,)),
        "sensitivity_malignant": sensitivity(malignant, MALIGNANT),
        "specificity": proportion(int((~above & ~malignant).sum()), int((~malignant).sum())),
        "benign_per_malignant": intervals(ratio, cases.lesions)[0],
        "refused": 0 if refused is None else int(refused.sum()),
    }


def _sets(cases: Scored, calibration: Calibration) -> tuple[NDArray[np.bool_], Labels]:
    """Whether each set holds the diagnosis (N,), and how many diagnoses it has (N,)."""
    if calibration.sets is None:
        raise ValueError("This calibration has no prediction sets.")
    inside = calibration.sets.members(cases.probabilities(calibration))
    return inside[np.arange(len(inside)), cases.labels], inside.sum(axis=1)


def _coverage(hit: NDArray[np.bool_]) -> dict[str, Any]:
    return {"cases": len(hit), "share": proportion(int(hit.sum()), len(hit))}


def _line(calibration: Calibration) -> float:
    if calibration.alert is None:
        raise ValueError("This calibration has no alert line.")
    return calibration.alert.threshold


def _below(
    cases: Scored, calibration: Calibration, line: float, refused: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    below: NDArray[np.bool_] = alert_scores(cases, calibration) < line
    return below if refused is None else below & ~refused

"""How the model fares by sex, age and body site: counts and intervals, or a plain "too few"."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skinmodel.calibration import Calibration
from skinmodel.diagnoses import CODES, MALIGNANT
from training.measuring import metrics
from training.measuring.evaluate import Labels, Scored, intervals
from training.measuring.metrics import Array

FEWEST = 10  # lesions of a kind below which a share of them is not given
BANDS = ((0, 18, "under 18"), (18, 40, "18 to 39"), (40, 60, "40 to 59"), (60, 75, "60 to 74"))
OLDEST = "75 and over"
UNKNOWN = "not stated"
FIGURES = ("accuracy", "melanoma_recall", "malignancy_auroc")
SITES = 12  # more body sites than this are put together


@dataclass(frozen=True)
class Group:
    """Photos that share an attribute: `mask` (N,) of all photos."""

    kind: str
    name: str
    mask: NDArray[np.bool_]


def subgroups(table: pd.DataFrame, photos: Scored, calibration: Calibration) -> dict[str, Any]:
    """What a card and a report hold of N photos, which are the rows of `table` in their order."""
    scores = photos.probabilities(calibration, "balanced"), photos.probabilities(calibration)
    found = by_group(groups(table), scores, photos.labels, photos.lesions)
    return {"fewest_lesions": FEWEST, "groups": found}


def groups(table: pd.DataFrame) -> list[Group]:
    """The groups of a table in the manifest's form: by sex, by age, by body site, unknown last."""
    sites = table["site"].str.strip().str.lower()
    rare = sites.value_counts().index[SITES:]
    kinds = {
        "Sex": table["sex"].str.strip().str.lower(),
        "Age": table["age"].map(age_band),
        "Body site": sites.where(~sites.isin(rare), "other sites"),
    }
    order = [name for *_, name in BANDS] + [OLDEST]
    found = []
    for kind, values in kinds.items():
        values = values.where(values != "", UNKNOWN)
        names = sorted(
            values.unique(),
            key=lambda n: (n == UNKNOWN, order.index(n) if n in order else -1, n),
        )
        found += [Group(kind, name, np.asarray(values == name)) for name in names]
    return found


def age_band(text: str) -> str:
    """The age band of a metadata cell; blank where it holds no age."""
    try:
        age = float(text)
    except ValueError:
        return ""
    if not 0 <= age <= 120:
        return ""
    return next((name for low, high, name in BANDS if low <= age < high), OLDEST)


def by_group(
    found: list[Group], scores: tuple[Array, Array], labels: Labels, lesions: Labels
) -> list[dict[str, Any]]:
    """Per group its counts and its figures, and how far they are from all the other photos'.

    `scores` are the probabilities (N, K) at a balanced mix, which rank, and as the clinic sees
    them, whose malignant share is the malignancy. Each figure is [value, low, high], or None where
    fewer than ten lesions of the kind it counts are in the group (for a difference: or among the
    others).
    """
    kinds = _Kinds.of(*scores, labels)

    def measure(weights: Array) -> Array:
        rows = []
        for group in found:
            inside = np.array(kinds.figures(weights * group.mask), dtype=float)
            outside = np.array(kinds.figures(weights * ~group.mask), dtype=float)
            rows.append(np.concatenate([inside, inside - outside]))
        return np.concatenate(rows)

    values = intervals(measure, lesions)
    result = []
    for place, group in enumerate(found):
        row: dict[str, Any] = {
            "kind": group.kind,
            "group": group.name,
            "photos": int(group.mask.sum()),
            "lesions": _lesions(lesions, group.mask),
            "malignant_lesions": _lesions(lesions, group.mask & kinds.malignant),
            "melanoma_lesions": _lesions(lesions, group.mask & kinds.melanoma),
        }
        enough = kinds.enough(lesions, group.mask)
        others = kinds.enough(lesions, ~group.mask)
        for i, name in enumerate(FIGURES):
            value, apart = values[6 * place + i], values[6 * place + 3 + i]
            row[name] = value if enough[i] else None
            row[f"{name}_minus_others"] = apart if enough[i] and others[i] else None
        result.append(row)
    return result


@dataclass(frozen=True, eq=False)
class _Kinds:
    """What the figures count: three masks (N,), and the areas under the malignancy's ROC curve.

    A binary model's melanomas are all that is malignant.
    """

    malignant: NDArray[np.bool_]
    melanoma: NDArray[np.bool_]
    right: NDArray[np.bool_]
    areas: metrics.RocAreas

    @classmethod
    def of(cls, balanced: Array, shown: Array, labels: Labels) -> Self:
        """From probabilities (N, K) at both mixes, and labels (N,)."""
        eight = balanced.shape[1] == len(CODES)
        malignant = np.isin(labels, MALIGNANT) if eight else labels == 1
        score = shown[:, MALIGNANT].sum(axis=1) if eight else shown[:, 1]
        return cls(
            malignant=malignant,
            melanoma=labels == CODES.index("MEL") if eight else malignant,
            right=balanced.argmax(axis=1) == labels,
            # One column, whose class is therefore number 0.
            areas=metrics.RocAreas(score[:, None], np.where(malignant, 0, 1)),
        )

    def figures(self, weights: Array) -> tuple[float | None, ...]:
        """The figures of photos counted by weights (N,), in the order of FIGURES."""
        melanomas = weights * self.melanoma
        return (
            float(weights @ self.right / weights.sum()) if weights.sum() else None,
            float(melanomas @ self.right / melanomas.sum()) if melanomas.sum() else None,
            self.areas(weights)[0],
        )

    def enough(self, lesions: Labels, mask: NDArray[np.bool_]) -> tuple[bool, bool, bool]:
        """For each of FIGURES, whether a group holds enough lesions of the kind it counts."""
        malignant = _lesions(lesions, mask & self.malignant)
        return (
            _lesions(lesions, mask) >= FEWEST,
            _lesions(lesions, mask & self.melanoma) >= FEWEST,
            min(malignant, _lesions(lesions, mask & ~self.malignant)) >= FEWEST,
        )


def _lesions(lesions: Labels, mask: NDArray[np.bool_]) -> int:
    return len(np.unique(lesions[mask]))

"""Can the diagnosis be told without looking? From how often and when a lesion was photographed.

A melanoma is excised: its series is short. A network that is given days could learn that instead of
what a lesion looks like, and be of no use before the excision.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinmodel.diagnoses import CODES, MALIGNANT
from training.data.splits import owners

FOLDS = 5
LEAST = 10  # lesions of either kind below which nothing is said
DRAWS = 500  # of the bootstrap
SEED = 0


@dataclass(frozen=True)
class Shortcut:
    """How well visits and intervals alone tell malignant lesions from others, with 95 % limits."""

    lesions: int
    malignant: int
    auroc: float
    low: float
    high: float

    @property
    def predicts(self) -> bool:
        """Whether chance does not explain it."""
        return self.low > 0.5

    @property
    def sentence(self) -> str:
        """What it means, for whoever is about to train."""
        figures = f"AUROC {self.auroc:.2f}, {self.low:.2f} to {self.high:.2f}"
        if self.predicts:
            return (
                "The number of visits and their intervals alone tell malignant lesions from others"
                f" ({figures}): a model given the days may learn that instead of the lesion."
            )
        return (
            "The number of visits and their intervals alone do not tell malignant lesions from"
            f" others ({figures})."
        )


def measure(table: pd.DataFrame) -> Shortcut | None:
    """The baseline on a manifest's lesions, cross-validated by patient or lesion.

    None where no lesion has two known days, or there are too few lesions of either kind.
    """
    dated = table[table["day"] != ""]
    if not (dated.groupby("lesion")["day"].nunique() > 1).any():
        return None
    features, labels, groups = _lesions(dated)
    if min(labels.sum(), (1 - labels).sum()) < LEAST or len(set(groups)) < FOLDS:
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    scores = cross_val_predict(
        model, features, labels, groups=groups, cv=folds, method="predict_proba"
    )[:, 1]
    chance = np.random.default_rng(SEED)
    drawn = []
    for _ in range(DRAWS):
        rows = chance.integers(0, len(labels), len(labels))
        if 0 < labels[rows].sum() < len(rows):
            drawn.append(roc_auc_score(labels[rows], scores[rows]))
    low, high = np.percentile(drawn, (2.5, 97.5))
    value = roc_auc_score(labels, scores)
    return Shortcut(len(labels), int(labels.sum()), float(value), float(low), float(high))


def _lesions(dated: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.int64], list[str]]:
    """Per lesion: number of visits, days in all, mean and last interval (logarithms); its label."""
    malignant = {CODES[index] for index in MALIGNANT}
    rows, labels, groups = [], [], []
    for _, part in dated.assign(owner=owners(dated)).groupby("lesion", sort=True):
        days = np.unique(part["day"].astype(float))
        gaps = np.diff(days) if len(days) > 1 else np.zeros(1)
        rows.append([np.log1p(len(days)), *np.log1p([days[-1] - days[0], gaps.mean(), gaps[-1]])])
        labels.append(int(part["diagnosis"].iloc[0] in malignant))
        groups.append(str(part["owner"].iloc[0]))
    return np.array(rows), np.array(labels), groups

"""The folds of a cross-validation, and whether what they start from has met their lesions."""

from pathlib import Path

import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from training.data.manifest import InvalidData
from training.data.seen import BY_CHANCE, seen
from training.data.splits import owners
from training.learning.config import InvalidConfig
from training.learning.source import card_of


def assign_folds(table: pd.DataFrame, folds: int, seed: int) -> "pd.Series[int]":
    """Each photo's fold, 1 … `folds`; InvalidData if a diagnosis cannot be in all of them."""
    owner = owners(table)
    counts = owner.groupby(table["diagnosis"]).nunique()
    if few := [f"{code} ({counts[code]})" for code in counts.index if counts[code] < folds]:
        what = ", ".join(few)
        raise InvalidData([f"{folds} folds need as many lesions of each diagnosis: {what}."])
    fold = pd.Series(0, index=table.index)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for number, (_, test) in enumerate(splitter.split(table, table["diagnosis"], owner), start=1):
        fold.iloc[test] = number
    return fold


def unseen(table: pd.DataFrame, init: Path | None) -> str:
    """A sentence on whether what the folds start from has met the lesions; InvalidConfig if so."""
    if init is None:
        return "It started from random weights."
    if not init.is_dir():
        return f"It started from {init.name}; ImageNet's weights have met none of these lesions."
    met = seen(table, card_of(init) or {})
    if met is None:
        return (
            f"It started from model {init.name}, whose card does not say which lesions it met: "
            "the folds may not be unseen."
        )
    known, lesions = table["lesion"][met].nunique(), table["lesion"].nunique()
    if known > BY_CHANCE:
        raise InvalidConfig(
            f"Model {init.name} has met {known} of these {lesions} lesions, so no fold would be "
            "unseen. Start from ImageNet's weights."
        )
    return f"It started from model {init.name}, which has met none of these lesions by its card."

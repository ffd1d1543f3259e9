"""Which photos of a folder count, so that no figure comes from lesions the model has met."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pandas as pd

from training.data.manifest import InvalidData
from training.data.seen import seen
from training.data.splits import Split, assign

Which = Literal["unseen", "all", Split]
CHOICES: tuple[str, ...] = ("unseen", "all", *get_args(Split))


@dataclass(frozen=True)
class Selection:
    """The photos that count, in the manifest's form, and how they were chosen in one sentence.

    `met` is how many of them are of lesions the model has met, None if its card does not say.
    """

    table: pd.DataFrame
    sentence: str
    met: int | None


def select(manifest: pd.DataFrame, card: Mapping[str, Any], which: Which = "unseen") -> Selection:
    """The photos to evaluate; InvalidData if there are none.

    By default those of lesions the model has never met. Where its card does not list the lesions it
    met, only the test side is certain: which side a lesion is on depends on its id alone.
    """
    table = assign(manifest)
    met = seen(table, card)
    photos, lesions = len(table), table["lesion"].nunique()
    if which == "all":
        chosen = table
        sentence = f"All {_count(table)} of the folder, chosen by the option --split all."
    elif which != "unseen":
        chosen = table[table["split"] == which]
        sentence = (
            f"The {which} side of the folder, chosen by the option --split {which}: "
            f"{_count(chosen)} of {photos:,} photos."
        )
    elif met is None:
        chosen = table[table["split"] == "test"]
        sentence = (
            f"The test side of the folder: {_count(chosen)}, of {_count(table)}. The model's card "
            "does not list the lesions it learned from; this side is never learned from."
        )
    elif met.any():
        chosen = table[~met]
        sentence = (
            f"Lesions the model has never met: {_count(chosen)}. The folder also holds "
            f"{_count(table[met])} that took part in training, in choosing the epoch or in "
            "calibration; they are left out."
        )
    else:
        chosen = table
        sentence = f"All {_count(table)} of the folder; the model has met none of the lesions."
    if chosen.empty:
        raise InvalidData(
            [
                f"None of the {photos:,} photos of {lesions:,} lesions can be counted: no lesion "
                "is one the model is known never to have met. The option --split all evaluates "
                "every photo and says so in the report."
                if which == "unseen"
                else f"No lesion falls on the {which} side."
            ]
        )
    inside = None if met is None else int(met[chosen.index].sum())
    return Selection(chosen.reset_index(drop=True), sentence, inside)


def _count(table: pd.DataFrame) -> str:
    """As "3 photos of 2 lesions"."""
    photos, lesions = len(table), table["lesion"].nunique()
    return f"{photos:,} photo{'s' * (photos != 1)} of {lesions:,} lesion{'s' * (lesions != 1)}"

"""Photos that training must not see: a lesion kept apart holds the same picture under another id.

Public collections hold a few photos twice, as two lesions, and the lesions' ids decide their sides.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from training.data.csvfile import counted
from training.data.likeness import alike, look_of
from training.learning.dataset import Pixels

LEFT_OUT = "left out"  # the side of a photo that is on none


def without_twins(
    table: pd.DataFrame, pixels: Callable[[int], Pixels], kept: Path
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A table of photos with their sides, with those that training must not see left out; a note.

    `pixels(i)` gives the photo of row i. A run that was begun has its table in the file `kept`:
    there stays left out what was, so that it ends as it began.
    """
    if kept.exists():
        before = pd.read_csv(kept, dtype=str, keep_default_na=False)
        images = before["image"][before["split"] == LEFT_OUT]
        out = table["image"].isin(images) & (table["split"] == "train")
    else:
        looks = [look_of(Image.fromarray(np.asarray(pixels(i)))) for i in table.index]
        trains = (table["split"] == "train").to_numpy()
        mine, theirs = np.flatnonzero(trains), np.flatnonzero(~trains)
        pairs = alike([looks[i] for i in mine], [looks[j] for j in theirs])
        out = pd.Series(False, index=table.index)
        out.iloc[[mine[i] for i, _ in pairs]] = True
    if not out.any():
        return table, ()
    count = int(out.sum())
    note = (
        f"{counted(count, 'photo')} {'is' if count == 1 else 'are'} left out of training: a lesion"
        " kept apart for selection, calibration or the test holds the same picture under another"
        " id."
    )
    return table.assign(split=table["split"].mask(out, LEFT_OUT)), (note,)

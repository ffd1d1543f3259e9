"""One visit more: a lesion's thirteenth photo analysed, with and without what was computed before.

The model in use, prediction and all heat maps, one core. The photos are read already.
"""

import datetime
import itertools
from dataclasses import replace
from typing import Any

from benchmarks.diagnose import a_model
from benchmarks.sidebyside import ratios, side_by_side
from skinmodel.analysis import SeriesPhoto, analyse
from skinmodel.drawn import draw_lesion
from skinmodel.recall import Recall

VISITS = 13
LIMIT = 0.12  # of analysing all of them; a thirteenth is 0.077
BASE = "all anew"
START = datetime.date(2024, 1, 10)


def measure(*, rounds: int = 15, visits: int = VISITS) -> dict[str, Any]:
    """Seconds of both ways, and the share of the second in the first."""
    model, numbers = a_model(), itertools.count()
    photos = [
        SeriesPhoto(
            draw_lesion(seed), f"photo {seed}", "photo.jpg", START + datetime.timedelta(90 * seed)
        )
        for seed in range(visits)
    ]
    recall = Recall()
    analyse(model, photos[:-1], recall=recall)

    def one_more() -> object:
        latest = replace(photos[-1], sha256=f"new {next(numbers)}")  # never seen before
        return analyse(model, [*photos[:-1], latest], recall=recall)

    seconds = side_by_side(
        {BASE: lambda: analyse(model, photos), "one more": one_more}, rounds=rounds
    )
    return {"seconds": seconds, "ratios": ratios(seconds, base=BASE)}

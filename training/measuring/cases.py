"""The lesions of one split as a network scores them: photo by photo, and as series."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from skinmodel.calibration import PHOTO_GROUPS
from skinmodel.diagnoses import CODES
from skinmodel.network import CnnLstm
from training.data.splits import Split
from training.learning.dataset import Pixels
from training.learning.run import Run
from training.measuring.evaluate import Labels, Scored
from training.measuring.scoring import all_features, head_logits


@dataclass(frozen=True, eq=False)
class Cases:
    """L lesions of N photos, which stand one lesion after another.

    `photos` are all photos, each by itself, and `series` all lesions, each with all its photos.
    `by_number` are the lesions with at least one, two and three photos, where there are any, scored
    from their first photo, from the first two and from all. `pooled` (N, F) and `early` (N, E) are
    the photos' features, `rows` and `days` (L series) their places in them and their days,
    `diagnoses` (L,) the lesions' places among the eight. `refused` (N,) are photos that count as
    none of them.
    """

    photos: Scored
    series: Scored
    by_number: Mapping[int, Scored]
    pooled: Tensor
    early: Tensor
    rows: Sequence[list[int]]
    days: Sequence[Sequence[float]]
    diagnoses: Labels
    refused: NDArray[np.bool_] | None = None

    def refusals(self, cases: Scored) -> NDArray[np.bool_]:
        """Which of some lesions' cases, made from each one's first photos, would be refused (N,).

        One refused photo refuses the case.
        """
        if self.refused is None:
            return np.zeros(len(cases.labels), dtype=np.bool_)
        pairs = zip(cases.lesions, cases.photos, strict=True)
        return np.array([self.refused[self.rows[i][:count]].any() for i, count in pairs])


def score_cases(
    network: CnnLstm, run: Run, split: Split, pixels: Callable[[int], Pixels] | None = None
) -> Cases:
    """The lesions of a split of the run; `pixels` gives a photo as another route would bring it."""
    lesions = run.lesions(split)
    indices = [photo for photos in lesions.photos for photo in photos]
    read = pixels or run.cache.__getitem__
    pooled, early = all_features(network, read, indices, run.config.preparation)
    ends = np.cumsum([len(photos) for photos in lesions.photos]).tolist()
    rows = [list(range(end - len(p), end)) for end, p in zip(ends, lesions.photos, strict=True)]
    count = np.array([len(series) for series in rows])
    labels, place = np.array(lesions.labels), np.arange(len(rows))

    def first(photos: int) -> Scored:
        """The lesions with so many photos or more, from their first so many; the last from all."""
        most = None if photos == PHOTO_GROUPS else photos
        chosen = np.flatnonzero(count >= photos)
        logits = head_logits(
            network,
            pooled,
            [rows[i][:most] for i in chosen],
            [lesions.days[i][:most] for i in chosen],
        )
        used = np.minimum(count[chosen], most or count.max())
        return Scored(logits, labels[chosen], place[chosen], used)

    owner = np.repeat(place, count)
    alone = head_logits(network, pooled, [[row] for row in range(len(indices))])
    in_time = head_logits(network, pooled, rows, lesions.days)
    codes = run.table["diagnosis"]
    return Cases(
        photos=Scored(alone, labels[owner], owner),
        series=Scored(in_time, labels, place, count),
        by_number={n: first(n) for n in range(1, PHOTO_GROUPS + 1) if n <= count.max()},
        pooled=pooled,
        early=early,
        rows=rows,
        days=lesions.days,
        diagnoses=np.array([CODES.index(codes[photos[0]]) for photos in lesions.photos]),
    )

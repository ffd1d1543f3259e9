"""The unknown score of a finished run, and how it does on lesions and on what is none."""

from itertools import chain

import numpy as np
from torch import Tensor

from skinmodel.network import CnnLstm
from skinmodel.unknown import Unknown, fit_unknown
from training.run import Run
from training.scoring import photo_features
from training.splits import Split


def unknown_of(network: CnnLstm, run: Run) -> Unknown:
    """The score from the run's training photos, its threshold from its calibration lesions."""
    pooled, photos, _ = _features(network, run, "train")
    labels = run.table["diagnosis"].loc[photos].to_numpy(dtype=str)
    held_out, _, lesions = _features(network, run, "calibration")
    return fit_unknown(pooled, labels, held_out=held_out, lesions=lesions)


def _features(
    network: CnnLstm, run: Run, split: Split
) -> tuple[Tensor, list[int], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Pooled features (N, F) of a split's photos, their rows in the table and lesions (N,)."""
    members = run.lesions(split).photos
    photos = list(chain.from_iterable(members))
    pooled = photo_features(network, run.cache.__getitem__, photos, run.config.preparation)
    return pooled, photos, np.repeat(np.arange(len(members)), [len(m) for m in members])

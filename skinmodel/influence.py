"""How much each visit counted: what the result would be without it, by the network's head alone."""

import numpy as np
import torch
from torch import Tensor

from skinmodel.bundle import Model
from skinmodel.calibration import Prior, Probabilities
from skinmodel.series import Series

MOST = 60  # visits; the cost grows with their square, to 0.7 s here
AT_ONCE = 16  # series through the head at a time: bounds the memory


def without_each(model: Model, pooled: Tensor, series: Series, prior: Prior) -> Probabilities:
    """Probabilities (T, K) after the last visit, had each of T visits not been there.

    From pooled features (N, F). (0, K) for one visit alone, which has no rest, and for very many.
    """
    visit, total = series.visit_of_photo(), len(series.visits)
    if not 1 < total <= MOST:
        return np.zeros((0, model.config.outputs))
    days = series.days() if model.config.uses_days else None
    rows = []
    for start in range(0, total, AT_ONCE):
        left_out = torch.arange(start, min(start + AT_ONCE, total))[:, None]  # (B, 1)
        kept = visit - (visit > left_out).long()  # (B, N): later visits close up
        kept[visit == left_out] = -1
        rest = None
        if days is not None:
            there = torch.arange(total - 1) + (torch.arange(total - 1) >= left_out).long()
            rest = days[there]  # (B, T - 1)
            rest = rest - rest[:, :1]  # counted from what is the first visit now
        with torch.no_grad():
            many = pooled.expand(len(left_out), -1, -1)
            rows.append(model.network.forward_pooled(many, kept, rest)[:, -1])
    photos = len(visit) - np.array([len(one.photos) for one in series.visits])
    return model.calibration.probabilities(torch.cat(rows).numpy(), prior=prior, photos=photos)

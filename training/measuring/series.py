"""Does the LSTM earn its place? A series' answer against simpler ways to use several photos.

The photos of one lesion in the public data have no dates, and their order is not known: nothing
here says anything about change over time. Where the order is unknown, the answer should not depend
on it, so that is measured, too.
"""

from collections.abc import Sequence
from itertools import permutations
from math import isnan
from typing import Any

import numpy as np
from torch import Tensor

from skinmodel.calibration import Calibration
from skinmodel.network import CnnLstm
from training.measuring.evaluate import Arm, Labels, compare, intervals
from training.measuring.metrics import Array, both_classes
from training.measuring.scoring import head_logits

ORDERS = 6  # orders tried of each lesion's photos: all there are of three photos
FIRST, MEAN, SERIES = "first photo alone", "mean of the photos", "CNN-LSTM on the series"


def several_photos(
    network: CnnLstm,
    pooled: Tensor,
    rows: Sequence[Sequence[int]],
    days: Sequence[Sequence[float]],
    labels: Labels,
    *,
    calibration: Calibration,
) -> dict[str, Any]:
    """The lesions with two photos or more: three ways to score them, and what their order does.

    `rows` and `days` (L series) index `pooled` (N, F); `labels` (L,). The mean is of the single
    photos' probabilities. `share_of_course` is how far the LSTM's reading of the course counts in
    the network's answer; the rest is the mean's.
    """
    chosen = [i for i, members in enumerate(rows) if len(members) > 1]
    photos = sum(len(rows[i]) for i in chosen)
    if not chosen:
        return {"lesions": 0, "photos": 0, "arms": {}, "order": None}
    alone = head_logits(network, pooled, [[row] for i in chosen for row in rows[i]])
    in_time = head_logits(network, pooled, [rows[i] for i in chosen], [days[i] for i in chosen])
    starts = np.cumsum([0, *(len(rows[i]) for i in chosen)])[:-1]
    count = np.diff([*starts, photos])[:, None]
    each = _arm(alone, calibration, np.repeat(count[:, 0], count[:, 0]))
    arms = {
        FIRST: Arm(each.balanced[starts], each.shown[starts]),
        MEAN: Arm(
            np.add.reduceat(each.balanced, starts) / count,
            np.add.reduceat(each.shown, starts) / count,
        ),
        SERIES: _arm(in_time, calibration, count[:, 0]),
    }
    undated = [i for i in chosen if any(map(isnan, days[i]))]
    return {
        "lesions": len(chosen),
        "photos": photos,
        "share_of_course": round(network.course.sigmoid().item(), 3),
        "arms": compare(arms, labels[chosen], np.arange(len(chosen))),
        "order": order_effect(network, pooled, [rows[i] for i in undated], calibration),
    }


def order_effect(
    network: CnnLstm,
    pooled: Tensor,
    series: Sequence[Sequence[int]],
    calibration: Calibration,
    *,
    seed: int = 0,
) -> dict[str, Any] | None:
    """How far a series' answer moves when its photos come in another order; None without series.

    `same_leading_diagnosis`: share of lesions with the same diagnosis first in every order tried.
    `largest_change`: mean over lesions of how far the probability that moves most moves, from its
    lowest to its highest; `largest_change_95`: what 95 % of lesions stay below.
    """
    if not series:
        return None
    random = np.random.default_rng(seed)
    orders = [_orders(members, random) for members in series]
    logits = head_logits(network, pooled, [order for tried in orders for order in tried])
    lengths = np.array([len(order) for tried in orders for order in tried])
    shown = _arm(logits, calibration, lengths).shown
    ends = np.cumsum([len(tried) for tried in orders])
    parts = np.split(shown, ends[:-1])
    same = np.array([len(set(part.argmax(axis=1))) == 1 for part in parts], dtype=float)
    moved = np.array([np.ptp(part, axis=0).max() for part in parts])
    table = np.stack([same, moved], axis=1)

    def means(weights: Array) -> Array:
        return np.asarray(weights @ table / weights.sum())

    share, change = intervals(means, np.arange(len(series)))
    return {
        "lesions": len(series),
        "orders_at_most": ORDERS,
        "same_leading_diagnosis": share,
        "largest_change": change,
        "largest_change_95": round(float(np.quantile(moved, 0.95)), 4),
    }


def _orders(members: Sequence[int], random: np.random.Generator) -> list[list[int]]:
    """Every order of up to three photos, else some: as given, backwards, and others by chance."""
    if len(members) <= 3:
        return [list(order) for order in permutations(members)]
    drawn = [[int(i) for i in random.permutation(members)] for _ in range(ORDERS - 2)]
    return [list(members), list(members)[::-1], *drawn]


def _arm(logits: Array, calibration: Calibration, photos: Labels) -> Arm:
    """Every way is scaled as its lesions' number of photos asks for, so that none is favoured."""
    return Arm(
        both_classes(calibration.probabilities(logits, prior="balanced", photos=photos)),
        both_classes(calibration.probabilities(logits, photos=photos)),
    )

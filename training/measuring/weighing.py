"""How far the LSTM's reading of a course counts, chosen on lesions it did not learn from.

On the lesions it learned from, the LSTM tells more than it will of others. A network's answer to
several visits lies between the mean of the visits read one by one and that reading, so the weight
is one number, and the validation lesions are enough to choose it.
"""

from math import log

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from skinmodel.calibration import log_odds
from skinmodel.network import CnnLstm
from training.data.visits import visits_of
from training.measuring.cases import Cases
from training.measuring.metrics import probabilities
from training.measuring.scoring import head_logits

LEAST, MOST = 0.01, 0.99
FEWEST = 20  # lesions of several visits, or the share stays as it was learned


def weigh_course(
    network: CnnLstm, cases: Cases, *, prior_training: tuple[float, ...] | list[float]
) -> float | None:
    """Sets `network.course` to the share with the least log loss at the training mix; returns it.

    None, with nothing changed, if fewer than `FEWEST` lesions were seen on several visits.
    """
    chosen = [i for i, days in enumerate(cases.days) if max(visits_of(days)[0])]
    if len(chosen) < FEWEST:
        return None
    labels, offset = cases.series.labels[chosen], log_odds(prior_training, network.config.outputs)

    def logits(share: float) -> np.ndarray:
        with torch.no_grad():
            network.course.fill_(log(share / (1 - share)))
        return offset + head_logits(
            network, cases.pooled, [cases.rows[i] for i in chosen], [cases.days[i] for i in chosen]
        )

    def loss(share: float) -> float:
        weight = (share - LEAST) / (MOST - LEAST)
        right = probabilities((1 - weight) * mean + weight * course)[np.arange(len(labels)), labels]
        return float(-np.log(right).mean())

    mean, course = logits(LEAST), logits(MOST)  # all others lie on the line between them
    share = float(minimize_scalar(loss, bounds=(LEAST, MOST), method="bounded").x)
    with torch.no_grad():
        network.course.fill_(log(share / (1 - share)))
    return share

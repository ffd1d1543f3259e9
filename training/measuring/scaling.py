"""From logits to calibrated probabilities: temperatures and a shift per diagnosis, fitted.

Temperature scaling (Guo et al. 2017, https://arxiv.org/abs/1706.04599) with a temperature for one,
two, and three or more photos, a lower one where the network is sure (a sample's own temperature, as
in Balanya et al. 2022, https://arxiv.org/abs/2208.00461), and a shift of each diagnosis's logit.
All are held by ridges to what few lesions can tell.
"""

import numpy as np
from numpy.typing import NDArray

from skinmodel.calibration import PHOTO_GROUPS, Calibration, confident, log_odds, photo_group
from training.measuring.evaluate import Scored
from training.measuring.metrics import Array

# Chosen on the calibration lesions of the first bundled model by ten-fold cross-validation: log
# loss 0.428 with a temperature alone, 0.411 and 0.407 with shifts at ridges of 10 and 3, 0.407 at
# 1. A temperature per number of photos made no difference there, and on the validation lesions,
# which no scaling had seen, a smaller log loss of series (0.443 to 0.441). The second model wanted
# smaller shifts: fitted on its calibration lesions and measured on the validation ones, and the
# other way round, balanced accuracy was 0.688 at 3, 0.710 at 10, 0.708 at 30, 0.701 without shifts.
SHIFT_RIDGE = 10.0
PHOTOS_RIDGE = 10.0
# On the 1,181 calibration and validation lesions of the third model, ten-fold, photos and series:
# calibration error 0.040 and 0.041 without, 0.034 and 0.029 with it; log loss 0.422 and 0.407
# without, 0.417 and 0.401 with it. Fitted on either side and measured on the other it was better,
# too, at ridges of 0.1 to 3. A matrix or a slope per diagnosis moved the ranking and lowered
# balanced accuracy. Isotonic regression of the leading probability was best calibrated, 0.022 and
# 0.016, but jumps, and lost log loss from calibration to validation lesions (0.459 to 0.472).
CONFIDENCE_RIDGE = 1.0
LEAST_SHARPNESS = 0.05  # of logits that tell next to nothing, or the wrong thing
STEPS = 100


def fit_scaling(cases: Scored, *, prior_training: tuple[float, ...]) -> Calibration:
    """The calibration with the least ridged log loss of the training-mix posterior.

    `cases` are photos and series of lesions kept apart; each lesion counts once. A binary
    network's logits (N, 1) are scaled likewise.
    """
    logits, binary = cases.logits, cases.logits.shape[1] == 1
    offset = log_odds(prior_training, logits.shape[1])
    sure = confident(logits, prior_training)  # (N, 1)
    if binary:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
        offset = np.concatenate([np.zeros(1), offset])
    # A common sharpness, one more for each number of photos, one for the sure, a shift per class:
    # log p is linear in them, so the loss is convex and Newton's method finds its one minimum.
    classes = logits.shape[1]
    in_group = np.eye(PHOTO_GROUPS)[photo_group(cases.photos)]  # (N, G)
    sharpness = np.concatenate([np.ones((len(logits), 1)), in_group, sure], axis=1)
    features = np.concatenate(
        [
            logits[:, :, None] * sharpness[:, None, :],
            np.broadcast_to(np.eye(classes), (len(logits), classes, classes)),
        ],
        axis=2,
    )  # (N, K, 1 + G + 1 + K)
    place = 1 + PHOTO_GROUPS  # of what the sure get
    ridge = np.array(
        [1e-6] + [PHOTOS_RIDGE] * PHOTO_GROUPS + [CONFIDENCE_RIDGE] + [SHIFT_RIDGE] * classes
    )
    start = np.array([1.0] + [0.0] * (place + classes))
    found = _newton(features, offset, cases.labels, cases.weights(), ridge, start)
    if found[place] < 0:  # a clearer case must never be shown as less sure: without it
        features[:, :, place] = 0
        found = _newton(features, offset, cases.labels, cases.weights(), ridge, start)
    common = max(found[0], LEAST_SHARPNESS)
    sharp = np.maximum(found[0] + found[1:place], LEAST_SHARPNESS)
    shift = found[place + 1 :]
    shift = shift[1:] - shift[:1] if binary else shift - shift.mean()
    return Calibration(
        temperature=float(1 / common),
        prior_training=prior_training,
        by_photos=tuple(float(common / s) for s in sharp),
        shift=tuple(float(s) for s in shift),
        confidence=float(found[place]),
    )


def _newton(
    features: Array,
    offset: Array,
    labels: NDArray[np.int64],
    weights: Array,
    ridge: Array,
    start: Array,
) -> Array:
    """Parameters (P,) of the least log loss of softmax(features @ parameters + offset), ridged.

    `features` (N, K, P), `offset` (K,), `weights` (N,); `ridge` (P,) pulls towards `start`.
    """
    rows = np.arange(len(labels))

    def loss_of(parameters: Array) -> tuple[float, Array]:
        scores = features @ parameters + offset
        scores = scores - scores.max(axis=1, keepdims=True)
        log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        pull = (ridge * (parameters - start) ** 2).sum()
        return float(pull - (weights * log_p[rows, labels]).sum()), np.exp(log_p)

    parameters = start
    loss, p = loss_of(parameters)
    for _ in range(STEPS):
        mean = np.einsum("nk,nkp->np", p, features)
        gradient = -(weights @ (features[rows, labels] - mean)) + 2 * ridge * (parameters - start)
        spread = np.einsum("n,nk,nkp,nkq->pq", weights, p, features, features, optimize=True)
        curvature = spread - (mean * weights[:, None]).T @ mean + 2 * np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while (trial := loss_of(parameters - size * step))[0] > loss and size > 1e-6:
            size /= 2
        if loss - trial[0] < 1e-10 * max(1.0, loss):
            break
        parameters, (loss, p) = parameters - size * step, trial
    return parameters

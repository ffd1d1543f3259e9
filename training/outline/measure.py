"""How well outlines agree with those drawn by people, and what certainty is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skinmodel.outline import Mask, framed, lesion_probability, to_mask
from skinmodel.outline_network import OutlineNetwork
from skinmodel.transforms import Preparation
from training.learning.dataset import Cache
from training.outline.examples import Examples

POOR = 0.8  # Dice overlap under which an outline is no use
POOR_FOUND = 0.8  # share of poor outlines that the mark "uncertain" should catch
Array = NDArray[np.float64]


@dataclass(frozen=True)
class OutlineScores:
    """Per photo (N,): Dice overlap with the person's outline, and the network's certainty."""

    dice: Array
    certainty: Array


def measure(network: OutlineNetwork, cache: Cache, examples: Examples, side: int) -> OutlineScores:
    """Every example outlined as the clinic would, compared at the size of the drawn mask."""
    dice, certainty = [], []
    for photo, drawn in zip(examples.photos, examples.masks, strict=True):
        picture = Image.fromarray(np.asarray(cache[photo]))
        lesion = lesion_probability(network, framed(picture, Preparation().frame(picture), side))
        height, width = drawn.shape
        mask, sure = to_mask(
            np.asarray(cv2.resize(lesion, (width, height), interpolation=cv2.INTER_LINEAR))
        )
        dice.append(overlap(mask, drawn > 127))
        certainty.append(sure)
    return OutlineScores(np.array(dice), np.array(certainty))


def overlap(one: Mask, other: Mask) -> float:
    """Dice overlap of two masks of one size, in [0, 1]; 1 for two empty ones."""
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else 1.0


def fit_certainty(scores: OutlineScores) -> float:
    """The certainty from which an outline counts as sure: the mark catches most poor outlines."""
    poor = np.sort(scores.certainty[scores.dice < POOR])
    if not len(poor):
        return 0.0
    return float(poor[min(len(poor) - 1, int(np.ceil(POOR_FOUND * len(poor))) - 1)]) + 1e-6


def report(
    scores: OutlineScores, sure_from: float, lesions: Sequence[str], *, seed: int = 0
) -> dict[str, Any]:
    """The card's numbers for lesions the network never saw; [value, low, high] is a 95 % interval
    from 1,000 bootstrap samples of lesions.
    """
    owner = np.unique(lesions, return_inverse=True)[1]
    random = np.random.default_rng(seed)
    means = []
    for _ in range(1000):
        times = np.bincount(random.integers(owner.max() + 1, size=owner.max() + 1))
        weight = np.pad(times, (0, owner.max() + 1 - len(times)))[owner]
        means.append(float(np.average(scores.dice, weights=weight)))
    mean = [float(scores.dice.mean()), *np.percentile(means, [2.5, 97.5]).tolist()]
    unsure = scores.certainty < sure_from
    poor = scores.dice < POOR
    return {
        "photos": len(scores.dice),
        "lesions": len(set(lesions)),
        "mean_dice": [round(value, 4) for value in mean],
        "median_dice": round(float(np.median(scores.dice)), 4),
        "dice_5th_percentile": round(float(np.percentile(scores.dice, 5)), 4),
        "poor_under": POOR,
        "poor": int(poor.sum()),
        "uncertain": int(unsure.sum()),
        "poor_called_uncertain": int((poor & unsure).sum()),
        "mean_dice_where_sure": (
            None if unsure.all() else round(float(scores.dice[~unsure].mean()), 4)
        ),
    }

"""How far measures differ when outlines are drawn by people and nothing changed.

Nobody drew one photo's outline twice in the data. What there is: two photos of one lesion, each
outlined by a person, and a person's outline beside the network's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from skinmodel.changes import HANDS
from skinmodel.comparison import Examined, examine
from skinmodel.measures import corners
from skinmodel.outline import BY_HAND, MASK_SIDE, Mask, Outline
from skinmodel.outline_bundle import OutlineModel
from training.outline.repeatability import (
    LEAST,
    SAMPLE,
    differences_between,
    repeatability,
    upload,
)
from training.outline.simulate import rephotographed

Pixels = NDArray[np.uint8]
PAIRS = 600  # at most
HOW = (
    "Outlines drawn or checked by people, as published with the photos. both: two photos of one "
    "lesion, each with such an outline, at other magnifications, on unknown days and at other "
    "angles, so that more differs between them than the drawing. one: a person's outline of a "
    "test photo against the network's of the same photo taken again by simulation."
)


def measured_hands(
    model: OutlineModel,
    photos: Callable[[int], Pixels],
    *,
    test: Mapping[int, Mask],
    masks: Mapping[int, Mask],
    pairs: Sequence[tuple[int, int]],
    seed: int = 0,
) -> dict[str, Any]:
    """The card's errors of measures where one or both outlines are drawn by people.

    `test` are outlines of photos that the network never saw, one for each lesion; `masks` all
    outlines of `pairs`, two photos of one lesion, whether the network has seen them or not: it
    takes no part there. What fewer than 20 pairs say is left out.
    """
    random = np.random.default_rng(seed)
    one, both = [], []
    for place, number in enumerate(random.permutation(list(test))[:SAMPLE].tolist()):
        by_hand = _drawn(model, photos(number), test[number])
        again = examine(model, upload(rephotographed(photos(number), random)))
        sides = (by_hand, again) if place % 2 else (again, by_hand)
        one.append(differences_between(*sides))
    for first, second in random.permutation(list(pairs))[:PAIRS].tolist():
        sides = (
            _drawn(model, photos(first), masks[first]),
            _drawn(model, photos(second), masks[second]),
        )
        both.append(differences_between(*sides))
    found: dict[str, Any] = {"how": HOW}
    for name, every in zip(HANDS, (one, both), strict=True):
        rows = [row for row in every if not isinstance(row, str)]
        known = repeatability(rows) if len(rows) >= LEAST else {}
        found[name] = {
            "asked": len(every),
            "measures": {measure: asdict(values) for measure, values in known.items()},
        }
    return found


def _drawn(model: OutlineModel, pixels: Pixels, mask: Mask) -> Examined:
    """A photo with a person's outline, as the clinic takes one: a polygon of few points."""
    picture = upload(pixels)
    scale = MASK_SIDE / min(mask.shape)
    size = round(mask.shape[1] * scale), round(mask.shape[0] * scale)
    large = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) > 0.5
    frame = (0.0, 0.0, float(picture.width), float(picture.height))
    points = corners(Outline(large, frame, 1.0, False, BY_HAND))
    return examine(model, picture, [(float(x), float(y)) for x, y in points])

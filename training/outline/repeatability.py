"""How far measures differ when nothing changed, and whether they follow what did.

Simulated re-photographs of test lesions give the error and the limit that the clinic is told. The
data's own several photos of one lesion mix magnifications and unknown days: reported apart.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skinmodel.changes import Repeatability, differences, log_ratios
from skinmodel.comparison import Examined, examine
from skinmodel.outline import Mask
from skinmodel.outline_bundle import OutlineModel
from skinmodel.registration import register
from training.outline.simulate import grown, rephotographed

Pixels = NDArray[np.uint8]
GROWTHS = (0.0, 0.1, 0.2, 0.4, 0.6)
SAMPLE = 240  # lesions, and pairs, at most
LEAST = 20
HOW = (
    "Test photos photographed again by simulation: turned, up to 10 % nearer or farther, shifted, "
    "other light and focus. error: root mean square difference; limit: 95th percentile; sizes as "
    "logarithms of ratios. False alarms are counted on other photos than those that set the limit."
)
HOW_REAL = "Two photos of one lesion as published: other magnifications, on unknown days."


def differences_between(before: Examined, after: Examined) -> dict[str, float] | None:
    """Every measure's difference (ratios in logarithms), or None where sizes are withheld."""
    if before.measures is None or after.measures is None:
        return None
    registration = register(after.prepared, before.prepared)
    if registration.refusal:
        return None
    return log_ratios(before.measures, after.measures, registration.scale) | differences(
        before.measures, after.measures
    )


def repeatability(rows: Sequence[Mapping[str, float]]) -> dict[str, Repeatability]:
    """Error and limit of every measure from the differences of unchanged lesions' pairs."""
    found = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        found[name] = Repeatability(
            error=round(float(np.sqrt((values**2).mean())), 4),
            limit=round(float(np.percentile(np.abs(values), 95)), 4),
            pairs=len(values),
        )
    return found


def measured_repeatability(
    model: OutlineModel,
    photos: Callable[[int], Pixels],
    masks: Mapping[int, Mask],
    pairs: Sequence[tuple[int, int]],
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """The card's section on change, from photos `masks` names and real `pairs` of one lesion.

    `masks` are the outlines drawn by people, which only tell the simulator what to enlarge. Fewer
    than 20 comparable photos give no errors, and the clinic then states no change.
    """
    random = np.random.default_rng(seed)
    chosen = random.permutation(list(masks))[:SAMPLE].tolist()
    unchanged, true_growth, found_growth = [], [], []
    for place, number in enumerate(chosen):
        first = examine(model, _upload(photos(number)))
        again = examine(model, _upload(rephotographed(photos(number), random)))
        if (row := differences_between(first, again)) is not None:
            unchanged.append(row)
        larger, true = grown(photos(number), masks[number], GROWTHS[place % len(GROWTHS)])
        later = examine(model, _upload(rephotographed(larger, random)))
        if (row := differences_between(first, later)) is not None:
            true_growth.append(float(np.log(true.sum() / masks[number].sum())))
            found_growth.append(row["area"])
    counts = {"photos": len(chosen), "withheld": len(chosen) - len(unchanged)}
    if min(len(unchanged), len(true_growth)) < LEAST:
        return {"how": HOW, **counts, "measures": {}}
    half = len(unchanged) // 2
    limits = {name: known.limit for name, known in repeatability(unchanged[:half]).items()}
    slope, offset = np.polyfit(true_growth, found_growth, 1)
    low, high = _slopes(np.array(true_growth), np.array(found_growth), random)
    return {
        "how": HOW,
        **counts,
        "measures": {name: asdict(known) for name, known in repeatability(unchanged).items()},
        "false_alarms": {
            name: round(float(np.mean([abs(row[name]) > limit for row in unchanged[half:]])), 4)
            for name, limit in limits.items()
        },
        "growth": {
            "photos": len(true_growth),
            "slope": [round(float(slope), 4), low, high],
            "offset": round(float(offset), 4),
        },
        "real_pairs": _real(model, photos, random.permutation(pairs)[:SAMPLE].tolist()),
    }


def _real(
    model: OutlineModel, photos: Callable[[int], Pixels], pairs: Sequence[Sequence[int]]
) -> dict[str, Any]:
    """The same for the several photos of one lesion in the data."""
    rows = []
    for one, two in pairs:
        first, second = (examine(model, _upload(photos(number))) for number in (one, two))
        if (row := differences_between(first, second)) is not None:
            rows.append(row)
    measures = {name: asdict(known) for name, known in repeatability(rows).items()} if rows else {}
    return {"how": HOW_REAL, "pairs": len(pairs), "compared": len(rows), "measures": measures}


def _slopes(
    true: NDArray[np.float64], found: NDArray[np.float64], random: np.random.Generator
) -> list[float]:
    """95 % bootstrap interval of the slope of found against true growth."""
    slopes = []
    for _ in range(500):
        rows = random.integers(len(true), size=len(true))
        slopes.append(float(np.polyfit(true[rows], found[rows], 1)[0]))
    return [round(float(value), 4) for value in np.percentile(slopes, [2.5, 97.5])]


def _upload(pixels: Pixels) -> Image.Image:
    """A thumbnail at the size of an upload, as the clinic's photos are."""
    height, width = pixels.shape[:2]
    return Image.fromarray(
        np.asarray(cv2.resize(pixels, (2 * width, 2 * height), interpolation=cv2.INTER_CUBIC))
    )

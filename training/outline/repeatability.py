"""How far measures differ when nothing changed, and whether they follow what did.

Simulated re-photographs of test lesions give the error and the limit that the clinic is told. The
data's own several photos of one lesion mix magnifications and unknown days: reported apart.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from math import pi
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import binom

from skinmodel.changes import Repeatability, differences, log_ratios
from skinmodel.comparison import Examined, align, examine
from skinmodel.measures import touches_edge
from skinmodel.outline import Mask
from skinmodel.outline_bundle import OutlineModel
from training.outline.simulate import grown, rephotographed, stained

Pixels = NDArray[np.uint8]
GROWTHS = (-0.25, 0.1, 0.2, 0.4, 0.6)
STAINS = (0.4, 0.7, 1.0)  # of a shift to blue-grey
STAIN = (-24.0, -8.0, -24.0)  # CIE L*a*b*
SAMPLE = 160  # lesions, and pairs, at most
LEAST = 20
COVERED, CONFIDENCE = 0.95, 0.9  # of unchanged lesions, and how surely
HOW = (
    "Test photos photographed again by simulation: turned, up to 10 % nearer or farther, shifted, "
    "other light, focus and noise. error: root mean square difference; limit: 95 % of unchanged "
    "lesions differ by less, with a confidence of 90 %; sizes as logarithms of ratios. False "
    "alarms are counted on other photos than those that set the limit. growth: lesions made "
    "larger or smaller by known amounts, all round and to one side; colour: half of a lesion "
    "stained; slopes of what was found against what is true, with 95 % intervals."
)
HOW_REAL = "Two photos of one lesion as published: other magnifications, on unknown days."


def differences_between(before: Examined, after: Examined) -> dict[str, float] | str:
    """Every measure's difference (ratios in logarithms), or why sizes are withheld."""
    for each in (before, after):
        if each.measures is None:
            return str(each.refusal)
    assert before.measures and after.measures  # for the type checker
    registration, refusal = align(before, after)
    if refusal:
        return refusal
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
            limit=round(_limit(np.abs(values)), 4),
            pairs=len(values),
        )
    return found


def _limit(sizes: NDArray[np.float64]) -> float:
    """What 95 % of all such sizes stay under, with a confidence of 90 % (Wilks 1941).

    The largest one where there are too few to say.
    """
    rank = int(binom.ppf(CONFIDENCE, len(sizes), COVERED))  # so many may be below the 95 %
    return float(np.sort(sizes)[min(rank, len(sizes) - 1)])


def measured_repeatability(
    model: OutlineModel,
    photos: Callable[[int], Pixels],
    masks: Mapping[int, Mask],
    pairs: Sequence[tuple[int, int]],
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """The card's section on change, from photos `masks` names and real `pairs` of one lesion.

    `masks` are the outlines drawn by people, which only tell the simulator what to change. Fewer
    than 20 comparable photos give no errors, and the clinic then states no change.
    """
    random = np.random.default_rng(seed)
    chosen = random.permutation(list(masks))[:SAMPLE].tolist()
    unchanged: list[dict[str, float]] = []
    growth: list[tuple[float, float]] = []
    colour: list[tuple[float, float]] = []
    withheld: Counter[str] = Counter()
    for place, number in enumerate(chosen):
        pixels, mask = photos(number), masks[number]
        first = examine(model, upload(pixels))
        again = differences_between(first, _again(model, pixels, random))
        if isinstance(again, str):
            withheld[again] += 1
        else:
            unchanged.append(again)
        if first.measures is None:
            continue
        towards = random.uniform(-pi, pi)
        larger, true = grown(
            pixels, mask, GROWTHS[place % len(GROWTHS)], towards=towards if place % 2 else None
        )
        if not touches_edge(mask) and not touches_edge(true):  # else its size is not known
            row = differences_between(first, _again(model, larger, random))
            if not isinstance(row, str):
                growth.append((float(np.log(true.sum() / mask.sum())), row["area"]))
        amount = STAINS[place % len(STAINS)]
        other, moved = stained(pixels, mask, amount * np.array(STAIN), towards)
        later = _again(model, other, random)
        if later.measures is not None:
            colour.append((moved, differences(first.measures, later.measures)["tone"]))
    counts = {
        "photos": len(chosen),
        "withheld": dict(withheld.most_common()),
    }
    if min(len(unchanged), len(growth), len(colour)) < LEAST:
        return {"how": HOW, **counts, "measures": {}}
    return {
        "how": HOW,
        **counts,
        "measures": {name: asdict(known) for name, known in repeatability(unchanged).items()},
        "false_alarms": _false_alarms(unchanged),
        "growth": _slope(growth, random),
        "colour": _slope(colour, random),
        "real_pairs": _real(model, photos, random.permutation(pairs)[:SAMPLE].tolist()),
    }


def _again(model: OutlineModel, pixels: Pixels, random: np.random.Generator) -> Examined:
    return examine(model, upload(rephotographed(pixels, random)))


def _false_alarms(unchanged: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """How often an unchanged lesion's measure is beyond the limit that the other half sets."""
    halves = unchanged[::2], unchanged[1::2]
    alarms: dict[str, list[bool]] = {name: [] for name in unchanged[0]}
    for own, other in (halves, halves[::-1]):
        limits = repeatability(other)
        for name, found in alarms.items():
            found += [abs(row[name]) > limits[name].limit for row in own]
    return {name: round(float(np.mean(found)), 4) for name, found in alarms.items()}


def _real(
    model: OutlineModel, photos: Callable[[int], Pixels], pairs: Sequence[Sequence[int]]
) -> dict[str, Any]:
    """The same for the several photos of one lesion in the data."""
    rows = []
    for one, two in pairs:
        first, second = (examine(model, upload(photos(number))) for number in (one, two))
        if not isinstance(row := differences_between(first, second), str):
            rows.append(row)
    measures = {name: asdict(known) for name, known in repeatability(rows).items()} if rows else {}
    return {"how": HOW_REAL, "pairs": len(pairs), "compared": len(rows), "measures": measures}


def _slope(points: Sequence[tuple[float, float]], random: np.random.Generator) -> dict[str, Any]:
    """Slope of what was found against what is true, with its 95 % bootstrap interval."""
    true, found = np.array(points).T
    slopes = []
    for _ in range(500):
        rows = random.integers(len(true), size=len(true))
        slopes.append(np.polyfit(true[rows], found[rows], 1)[0])
    slope, offset = np.polyfit(true, found, 1)
    values = [slope, *np.percentile(slopes, [2.5, 97.5])]
    return {
        "photos": len(points),
        "slope": [round(float(value), 4) for value in values],
        "offset": round(float(offset), 4),
    }


def upload(pixels: Pixels) -> Image.Image:
    """A thumbnail at the size of an upload, as the clinic's photos are."""
    height, width = pixels.shape[:2]
    return Image.fromarray(
        np.asarray(cv2.resize(pixels, (2 * width, 2 * height), interpolation=cv2.INTER_CUBIC))
    )

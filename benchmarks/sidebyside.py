"""Times several ways of doing the same thing in one run, so that their ratio means something."""

import gc
import os
import random
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any


def pin() -> None:
    """Keep this process on one processor, where the system lets us."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def side_by_side(
    arms: Mapping[str, Callable[[], Any]], *, rounds: int = 15, seed: int = 0
) -> dict[str, float]:
    """Median seconds of each arm, all arms called once a round in an order drawn anew.

    Slow spells of the machine hit all arms alike. A round before the first is not counted.
    """
    order, chance = list(arms), random.Random(seed)
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for name in order:
        arms[name]()
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            chance.shuffle(order)
            for name in order:
                begun = time.perf_counter()
                arms[name]()
                seconds[name].append(time.perf_counter() - begun)
            gc.collect()
    finally:
        if collecting:
            gc.enable()
    return {name: statistics.median(times) for name, times in seconds.items()}


def ratios(medians: Mapping[str, float], *, base: str) -> dict[str, float]:
    """Each arm's time as a multiple of the base arm's."""
    return {name: seconds / medians[base] for name, seconds in medians.items()}

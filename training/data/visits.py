"""Photos of one lesion as visits: one day is one visit, photos without days are one each."""

from collections.abc import Sequence
from math import isnan, nan


def in_order(photos: Sequence[int], days: Sequence[float]) -> tuple[list[int], list[float]]:
    """Photos and their days by day; as given if any day is unknown, all days then NaN."""
    if any(map(isnan, days)):
        return list(photos), [nan] * len(photos)
    pairs = sorted(zip(days, photos, strict=True), key=lambda pair: pair[0])
    return [photo for _, photo in pairs], [day for day, _ in pairs]


def visits_of(days: Sequence[float]) -> tuple[list[int], list[float]]:
    """Each photo's visit and each visit's days since the first; days as `in_order` gives them."""
    if any(map(isnan, days)):
        return list(range(len(days))), [nan] * len(days)
    known = sorted(set(days))
    return [known.index(day) for day in days], [day - known[0] for day in known]

"""How much each visit counted for a result, in one sentence."""

import datetime
from collections.abc import Sequence

import numpy as np

from pages.components.frame.words import percent
from skinmodel.export import long_date, output_diagnosis

NAMED = 4  # visits at most: a sentence, no table


def sentence(
    codes: Sequence[str],
    shares: Sequence[float],
    without_each: Sequence[Sequence[float]],
    days: Sequence[datetime.date | None],
) -> str:
    """What the leading diagnosis would be without each of T visits; empty where that is unknown.

    `shares` (K) are from all visits, `without_each` (T, K) had each not been there.
    """
    if not len(without_each):
        return ""
    leading = int(np.argmax(shares))
    share, left = shares[leading], [row[leading] for row in without_each]
    name = output_diagnosis(codes[leading]).name
    order = sorted(range(len(left)), key=lambda t: -abs(left[t] - share))
    said = "; ".join(
        f"without {long_date(days[t]) or f'photo {t + 1}'} {percent(left[t])}"
        for t in sorted(order[:NAMED])
    )
    start = f"How much each visit counted: {name} {percent(share)} from all {len(left)} visits"
    if len(left) <= NAMED:
        return f"{start}; {said}."
    return f"{start}. These {NAMED} counted most: {said}."

"""Drawn lesions are the same every time, grow by what they say, and admit to being drawn."""

import datetime

import numpy as np
import pytest

from skinmodel.drawn import GROWTH_PER_VISIT, MOST_GROWTH, draw_lesion, draw_series, lesion_mask

SMALL = (240, 180)


def brightness(seed: int, growth: float = 0.0) -> np.ndarray:
    return np.asarray(draw_lesion(seed, growth=growth, size=SMALL).convert("L"), dtype=float)


def test_a_seed_is_one_lesion() -> None:
    first = draw_lesion(4, size=SMALL)
    assert first.size == SMALL
    assert first.mode == "RGB"
    assert first.tobytes() == draw_lesion(4, size=SMALL).tobytes()
    assert first.tobytes() != draw_lesion(5, size=SMALL).tobytes()


@pytest.mark.parametrize("growth", [0.1, 0.44, MOST_GROWTH])
def test_the_area_grows_by_the_fraction_asked_for(growth: float) -> None:
    for seed in range(10):
        before, after = lesion_mask(seed), lesion_mask(seed, growth=growth)
        assert after.sum() / before.sum() == pytest.approx(1 + growth, rel=0.005)


def test_the_mask_lies_where_the_lesion_is_drawn() -> None:
    mask = lesion_mask(2, size=SMALL)
    picture = brightness(2)
    middle = (picture[mask].mean() + picture[~mask].mean()) / 2
    middle_part = np.s_[20:-20, 40:-40]  # without the dim corners and the caption
    dark, drawn = (picture < middle)[middle_part], mask[middle_part]
    assert (dark & drawn).sum() / (dark | drawn).sum() > 0.8
    ring = lesion_mask(2, growth=0.6, size=SMALL) & ~mask
    assert brightness(2, 0.6)[ring].mean() < picture[ring].mean() - 15


def test_a_grown_lesion_is_darker_and_less_even_around_its_centre() -> None:
    mask = lesion_mask(6, size=SMALL)
    assert brightness(6, 0.5)[mask].mean() < brightness(6)[mask].mean() - 5
    grown = lesion_mask(6, growth=0.5, size=SMALL)
    shift = np.argwhere(grown).mean(axis=0) - np.argwhere(mask).mean(axis=0)
    assert np.hypot(*shift) > 1.5


def test_no_lesion_reaches_the_caption_or_the_edge() -> None:
    for seed in range(30):
        mask = lesion_mask(seed, growth=MOST_GROWTH)
        inner = mask[10:-10, 10:-10]  # a series shifts the lesion by at most 9 pixels
        assert inner.sum() == mask.sum()
        assert not mask[-30:, -160:].any()


def test_the_caption_can_be_read() -> None:
    corner = np.asarray(draw_lesion(1).convert("L"))[-22:, -120:]
    assert corner.max() > 220
    assert np.median(corner) < 90


def test_a_series_is_dated_and_each_visit_is_a_new_photo() -> None:
    series = draw_series(3, visits=4, size=SMALL)
    dates = [day for _, day in series]
    assert dates[:3] == [
        datetime.date(2024, 3, 12),
        datetime.date(2024, 6, 18),
        datetime.date(2024, 10, 2),
    ]
    assert dates[3] > dates[2]
    assert series[0][0].tobytes() == draw_lesion(3, size=SMALL).tobytes()
    still = brightness(3, GROWTH_PER_VISIT)
    moved = np.asarray(series[1][0].convert("L"), dtype=float)
    assert np.abs(still - moved).mean() > 3
    assert [day for _, day in draw_series(3, visits=1, size=SMALL)] == dates[:1]

"""Numbers and texts as every screen writes them."""

import datetime
from types import SimpleNamespace
from typing import cast

import pytest

from pages.components.examination.tray import Tray
from pages.components.frame import words
from pages.components.model import card
from skinmodel.analysis import Analysis
from skinmodel.drawn import draw_lesion
from skinmodel.images import Photo


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "< 1 %"),
        (0.0049, "< 1 %"),
        (0.0051, "1 %"),
        (0.3427, "34 %"),
        (0.9949, "99 %"),
        (0.995, "> 99 %"),
        (1.0, "> 99 %"),
        (float("nan"), "-"),
    ],
)
def test_shares_have_the_digits_they_deserve(share: float, text: str) -> None:
    assert words.percent(share).replace(words.NARROW_SPACE, " ") == text


def test_counts_agree_with_their_noun() -> None:
    assert [words.count(n, "photo") for n in (0, 1, 2, 6300)] == [
        "0 photos",
        "1 photo",
        "2 photos",
        "6,300 photos",
    ]


def test_an_undefined_number_is_a_dash() -> None:
    assert card.interval(None, share=True) == "-"
    assert card.interval([0.7, None, 0.8], share=True) == "-"
    assert card.interval([0.912, 0.9, 0.92], share=False) == "0.91 (0.90 to 0.92)"


def test_the_tray_keeps_few_results_and_the_one_shown() -> None:
    tray = Tray()
    for number in range(6):
        tray.keep((number,), cast(Analysis, SimpleNamespace(warnings=())))
    assert list(tray.results) == [(2,), (3,), (4,), (5,)]
    assert tray.shown == (5,)


def test_a_removed_photo_is_put_back_once() -> None:
    tray = Tray()
    photo = Photo(draw_lesion(1, size=(80, 60)), "a", (80, 60), None, (), ())
    tray.add(photo, "a.jpg", datetime.date(2025, 3, 12))
    assert [item.taken_on for item in tray.items] == [datetime.date(2025, 3, 12)]
    tray.remove(1)
    assert tray.items == []
    tray.undo()
    tray.undo()  # there is nothing more to put back
    assert len(tray.items) == 1

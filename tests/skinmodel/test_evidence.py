"""What a card says lies outside its evidence, and when a result must say so."""

from typing import Any

import pytest

from skinmodel.evidence import UNSAID, Limits, Stated, notice

ENTRY = {"phototypes": ["V", "VI"], "sites": ["palm", "nail"], "under_age": 18}
CARD = {"outside_evidence": ENTRY}


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        (Stated(), ""),
        (Stated(phototype="IV", site="trunk", age=18), ""),
        (Stated(phototype="V"), "phototype V."),
        (Stated(site="nail", age=17), "nail, age under 18."),
        (Stated(age=0), "age under 18."),
    ],
)
def test_only_what_lies_outside_is_said(stated: Stated, said: str) -> None:
    text = notice(CARD, stated)
    assert (said in text) if said else text == ""


def test_a_card_that_says_nothing_is_not_taken_for_one_without_limits() -> None:
    assert notice({}, Stated()) == ""
    assert notice({}, Stated(age=40)) == UNSAID


@pytest.mark.parametrize(
    "wrong",
    [{"phototypes": ["VII"]}, {"sites": "nail"}, {"sites": [["nail"]]}, {"under_age": "18"}],
)
def test_a_card_that_cannot_be_understood_says_nothing(wrong: dict[str, Any]) -> None:
    assert Limits.from_card({"outside_evidence": ENTRY | wrong}) is None


def test_what_was_stated_is_said_in_words() -> None:
    assert Stated(phototype="II", site="trunk", age=1).words() == "phototype II, trunk, 1 year"
    assert Stated(age=0).words() == "0 years"
    assert Stated().words() == ""

"""When the page says that it is time to look, and when it does not."""

import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages.components.model.inuse import drifted, missed
from records.models.inuse import Agreement, Month


def month(number: int, results: int, not_assessed: int = 1, **rest: Any) -> Month:
    values = {"warned": 0, "distance": 0.1} | rest
    return Month(datetime.date(2025, number, 1), results, not_assessed, **values)


@pytest.mark.parametrize(
    ("last", "word"),
    [
        (month(3, 40, 12), "not assessed"),
        (month(3, 40, 1, warned=20), "with a warning about a photo"),
        (month(3, 40, 1, distance=0.4), "farther from the training photos"),
    ],
)
def test_photos_unlike_those_before_are_said(last: Month, word: str) -> None:
    (sentence,) = drifted([month(1, 50), month(2, 60), last])
    assert sentence.startswith("It is time to look") and word in sentence


@pytest.mark.parametrize("last", [month(3, 40, 2), month(3, 5, 5), month(3, 40, distance=None)])
def test_chance_and_few_photos_are_not(last: Month) -> None:
    assert drifted([month(1, 50), month(2, 60), last]) == []
    assert drifted([last]) == []


def test_too_few_flagged_malignant_lesions_are_said() -> None:
    model: Any = SimpleNamespace(
        calibration=SimpleNamespace(alert=SimpleNamespace(sensitivity=0.95))
    )
    few = [Agreement("MEL", 30, 20, 30, 20), Agreement("NV", 50, 1, 50, 0)]
    (sentence,) = missed(few, model)
    assert "20 of 30 confirmed malignant lesions lay above the alert line" in sentence
    assert missed([Agreement("MEL", 30, 20, 30, 28)], model) == []
    assert missed([Agreement("MEL", 9, 1, 9, 1)], model) == []


def test_months_are_drawn_and_stand_in_a_table() -> None:
    def script() -> None:
        import datetime

        from pages.components.model import inuse
        from records.models.inuse import Month

        days = (datetime.date(2025, 2, 1), datetime.date(2025, 3, 1))
        inuse.inputs([Month(days[0], 40, 4, 2, 0.1), Month(days[1], 3, 1, 0, None)])

    page = AppTest.from_function(script, default_timeout=100).run()
    assert not page.exception and len(page.get("plotly_chart")) == 3
    rows = page.table[0].value.replace(r"\\", "", regex=True)
    assert rows["Month"].tolist() == ["Feb 2025", "Mar 2025"]
    assert rows["Not assessed"][0].startswith("4 of 40, 10")
    assert rows["Not assessed"][1] == "1 of 3"  # of so few no share is said

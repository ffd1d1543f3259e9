"""What stands beside a differential: its calls, a refusal, and what a clinician states."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from pages.components.examination import keeping, menu
from pages.components.frame import serving
from skinmodel.alert import AlertLine, AlertTest
from skinmodel.calibration import Calibration
from skinmodel.evidence import Stated
from skinmodel.export import to_csv
from skinmodel.sets import SetRule, SetTest
from skinmodel.unknown import Unknown
from tests.pages.test_examine import MAIN, jpeg, press, says, shown, upload
from tests.tiny import save_tiny_model

CALLS = Calibration(
    1.5,
    (0.125,) * 8,
    sets=SetRule(
        coverage=0.9,
        thresholds=(0.0,) * 8,
        tested=(SetTest(photos=1, cases=9, contained=8, melanomas=3, melanomas_contained=2),),
    ),
    alert=AlertLine(
        sensitivity=0.95,
        threshold=1.0,
        tested=(
            AlertTest(
                photos=1, melanomas=3, melanomas_below=1, malignant=5, malignant_below=1, benign=4,
                benign_below=2,
            ),
        ),
    ),
)  # fmt: skip
FAR = Unknown(  # every photo is further away than this
    mean=torch.zeros(12), basis=torch.eye(12, 2), middle=torch.tensor(-40.0),
    width=torch.tensor(1.0),
)  # fmt: skip
CARD = {"outside_evidence": {"phototypes": ["V", "VI"], "sites": ["nail"], "under_age": 18}}


@pytest.fixture
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AppTest]:
    """The page with a model that makes calls and, where asked for, refuses everything."""
    unknown = FAR if getattr(request, "param", "") == "refusing" else None
    save_tiny_model(tmp_path, calibration=CALLS, unknown=unknown, card=CARD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKIN_MODELS_DIR", str(tmp_path))
        yield AppTest.from_file(str(MAIN), default_timeout=30).run()
        serving.decoder().close()
    st.cache_resource.clear()


def result(page: AppTest) -> Any:
    tray = page.session_state["tray"]
    return tray.results[tray.shown]


def drawn(page: AppTest) -> dict[str, Any]:
    view = shown(page)
    assert view
    return view


def test_the_calls_stand_beside_the_differential_and_in_the_exports(page: AppTest) -> None:
    upload(page, ("a.jpg", jpeg(1)))
    visit = drawn(page)["visits"][0]
    assert visit["alert"][0] == "Below the alert line."
    assert "1 of 3 melanomas also fell below it" in visit["alert"][1]
    assert visit["set"][0] == "Any of the eight diagnoses."
    assert "8 of 9 such sets" in visit["set"][1]
    values = json.loads(menu.as_json(result(page), stated=Stated(), notices=()))
    assert values["alert"] == "below" and len(values["prediction_set"]) == 8
    assert values["alert_statement"] == " ".join(visit["alert"])
    row, alone = csv.DictReader(io.StringIO(to_csv(result(page).analysis)))
    assert (row["alert"], alone["alert"]) == ("below", "")


def test_what_is_stated_stays_on_screen_and_in_the_exports(page: AppTest) -> None:
    upload(page, ("a.jpg", jpeg(1)))
    before = drawn(page)
    assert before["notices"] == []
    page.selectbox[0].set_value("VI").run()
    page.number_input[0].set_value(17).run()
    after = drawn(page)
    (notice,) = after["notices"]
    assert notice.startswith("Outside this model's evidence: phototype VI, age under 18.")
    assert "Stated: phototype VI, 17 years." in after["facts"]
    assert after["id"] == before["id"]  # so that the browser keeps its photo and its heat map
    stated = page.session_state["tray"].stated
    values = json.loads(menu.as_json(result(page), stated=stated, notices=after["notices"]))
    assert values["stated"] == {"phototype": "VI", "site": None, "age": 17}
    assert notice in values["warnings"]
    press(page, "Start with another lesion")
    upload(page, ("b.jpg", jpeg(2)))
    assert drawn(page)["notices"] == [] and page.selectbox[0].value is None


@pytest.mark.parametrize("page", ["refusing"], indirect=True)
def test_a_refused_result_shows_no_number_until_asked(page: AppTest) -> None:
    upload(page, ("a.jpg", jpeg(1, None)), ("b.jpg", jpeg(2)))
    press(page, "Analyse 2 photos")
    view = drawn(page)
    assert view["title"] == "Differential withheld"
    assert view["notices"][0].startswith("Not assessed: photos 1 and 2 do not look like")
    assert not any("Probabilities" in fact for fact in view["facts"])
    assert "a.jpg is further from" in view["notices"][1]
    assert "maps" not in view and view["visits"] == [{"running": [], "alone": []}] * 2
    assert "Each visit alone" not in says(page)
    page.session_state["tray"].revealed.add(result(page).mark)
    view = drawn(page.run())
    assert view["notices"][0].startswith("Not assessed")
    assert len(view["visits"][1]["running"]) == 8
    assert view["visits"][1]["alert"] == view["visits"][1]["set"] == []
    values = json.loads(menu.as_json(result(page), stated=Stated(), notices=()))
    assert values["assessed"] is False and values["alert"] is None
    assert values["not_assessed_because"] == view["notices"][0]
    assert len(values["differential"]) == 8


@pytest.mark.parametrize("page", ["refusing"], indirect=True)
def test_the_drawn_example_is_never_refused(page: AppTest) -> None:
    press(page, "Try an example: one photo")
    view = drawn(page)
    assert view["title"] == "Drawn, for practice" and view["notices"] == []
    assert view["visits"][0]["alert"]


@pytest.mark.parametrize("page", ["refusing"], indirect=True)
def test_a_strange_photo_can_be_left_out_of_the_result(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = np.array([0.9, 0.1])  # the first of two; one by itself is near
    monkeypatch.setattr(Unknown, "scores", lambda _self, pooled, *_: far[-len(pooled) :])
    upload(page, ("a.jpg", jpeg(1)), ("b.jpg", jpeg(2)))
    press(page, "Analyse 2 photos")
    assert drawn(page)["title"] == "Differential withheld"
    page.button(key="without").click().run()
    view = drawn(page)
    assert "withheld" not in view and len(view["visits"]) == 1
    assert "a.jpg was left out of this result." in view["warnings"]
    kept = keeping.result(result(page), Stated())
    assert kept.more["set_aside"] == list(kept.left_out) and len(kept.left_out) == 1
    assert "Left out of the result" in says(page)
    press(page, "Take photo 1 in again")
    assert "outdated" in says(page)

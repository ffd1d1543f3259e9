"""A lesion from visit to visit: diagnoses, measures and events, and how much each visit counted."""

import datetime
import json
from typing import Any

import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from pages.components.comparison import courses, events, timeline
from pages.components.examination import influence
from pages.components.frame import serving
from records.access.sessions import SignedIn
from records.clinic import confirmations
from records.clinic.confirmations import ConfirmationFields
from skinmodel.diagnoses import CODES
from skinmodel.drawn import draw_lesion, draw_series
from tests.pages.test_compare import DAYS, SIZE, settled, visited
from tests.pages.test_examine import jpeg, labels, says
from tests.pages.test_records import JUNE, MARCH, add_lesion, examined, open_page, save


def charts(page: AppTest) -> list[dict[str, Any]]:
    return [json.loads(one.proto.spec) for one in settled(page).get("plotly_chart")]


def test_measures_follow_the_first_visit_with_their_errors(person: SignedIn) -> None:
    pictures = [picture for picture, _ in draw_series(7, visits=2, size=SIZE)]
    opened = visited(person, *pictures, draw_lesion(3, size=SIZE))
    confirmations.confirm(
        serving.database(),
        actor=person.actor,
        lesion_id=opened.lesion.id,
        fields=ConfirmationFields("MEL", "histopathology", DAYS[2], "", ""),
        replaces_id=None,
        codes=CODES,
        save_key="a-confirmation",
    )
    page = open_page("lesion", lesion=opened.lesion.id)
    (chart,) = charts(page)  # without an assessment there are no probabilities
    trace = chart["data"][0]
    assert trace["x"] == ["2025-01-12", "2025-04-12"]
    assert trace["y"][0] == 0 and 0.1 < trace["y"][1] < 0.26
    assert trace["error_y"]["array"][0] == 0 < trace["error_y"]["array"][1] < 0.1
    said = says(page)
    assert "No assessment of several dated visits yet." in said
    assert "1 visit not measured" in said and "could not be aligned" in said
    assert "Outline model 1.0" in said.replace("\\", "")
    assert "(1) 12 Nov 2025, confirmed: Melanoma" in said
    page.segmented_control[-1].select("asymmetry").run()
    assert charts(page)[0]["data"][0]["y"] != trace["y"]


def test_probabilities_are_of_each_visit_alone_and_say_what_counted(person: SignedIn) -> None:
    opened = add_lesion(person)
    tray, result = examined(jpeg(1, MARCH), jpeg(2, JUNE))
    save(person, tray, result, opened)
    page = open_page("lesion", lesion=opened.lesion.id)
    chart = charts(page)[0]
    analysis = result.analysis
    leading = int(analysis.probabilities[-1].argmax())
    assert chart["data"][0]["x"] == ["2025-03-12", "2025-06-01"]
    assert chart["data"][0]["y"] == pytest.approx(analysis.alone[:, leading].tolist())
    said = says(page)
    assert "Model tiny\\-1" in said and "How much each visit counted: " in said


def test_many_visits_are_measured_only_when_asked_and_turned_over(
    person: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "UNASKED", 1)
    monkeypatch.setattr(courses, "AT_ONCE", 1)  # one after the other, each shown
    pictures = [picture for picture, _ in draw_series(7, visits=2, size=SIZE)]
    page = open_page("lesion", lesion=visited(person, *pictures).lesion.id)
    assert charts(page) == []
    assert "Measure 2 visits" in labels(page)
    next(one for one in page.button if one.label == "Measure 2 visits").click().run()
    (chart,) = charts(page)
    assert len(chart["data"][0]["x"]) == 2


def test_one_day_has_no_course(person: SignedIn) -> None:
    page = open_page("lesion", lesion=visited(person, draw_lesion(3, size=SIZE)).lesion.id)
    assert "From visit to visit" not in says(page)


def test_an_event_far_from_the_visits_is_told_but_not_drawn() -> None:
    days = [datetime.date(2025, 1, 1), datetime.date(2025, 7, 1)]
    near, far = datetime.date(2025, 7, 20), datetime.date(2026, 7, 1)
    happened = [events.Event(near, "excised"), events.Event(far, "model 2.0 in place of 1.0")]
    chart = go.Figure()
    events.mark(chart, happened, days, colour="#888888")
    assert [shape.x0 for shape in chart.layout.shapes] == [near]
    assert chart.layout.xaxis.range[1] < far
    assert events.sentence(happened).endswith("(2) 1 Jul 2026, model 2.0 in place of 1.0.")
    assert events.sentence([]) == ""


def test_the_visits_that_counted_most_are_named() -> None:
    codes, day = ("MEL", "NV"), datetime.date(2025, 3, 12)
    said = influence.sentence(codes, (0.62, 0.38), ((0.6, 0.4), (0.41, 0.59)), (day, None))
    said = said.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert said == (
        "How much each visit counted: Melanoma 62 % from all 2 visits; without 12 Mar 2025 60 %;"
        " without photo 2 41 %."
    )
    many = influence.sentence(codes, (0.6, 0.4), ((0.6, 0.4),) * 9 + ((0.2, 0.8),), (None,) * 10)
    assert "These 4 counted most: " in many and "without photo 10" in many
    assert influence.sentence(codes, (0.62, 0.38), (), ()) == ""

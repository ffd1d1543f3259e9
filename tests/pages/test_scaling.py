"""Millimetres on the lesion's page: from marks, from a field of view, with their errors."""

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.components.comparison import alone, changelist, statements, timeline
from pages.components.examination.saving import as_taken
from pages.components.frame import serving
from records.access.sessions import SignedIn
from records.clinic import scales, series, visits
from records.clinic.visits import VisitFields
from skinmodel import surroundings
from skinmodel.comparison import NO_SKIN
from skinmodel.drawn import draw_series
from skinmodel.sizes import Size
from tests.pages.test_compare import SIZE, compared, settled, visited
from tests.pages.test_examine import says
from tests.pages.test_records import KEY, open_page
from tests.pages.test_report import prepare, words
from tests.pages.test_timeline import charts


def row(data: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in data["rows"] if one["name"] == name)


def plain(text: str) -> str:
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ").replace("\N{NO-BREAK SPACE}", " ")


def mark(person: SignedIn, lesion_id: str, *millimetres: float) -> None:
    """Three hundred pixels of each visit's photo are so many millimetres; 0 leaves one as it is."""
    page = series.page(serving.database(), actor=person.actor, lesion_id=lesion_id)
    for one, length in zip(page.visits, millimetres, strict=True):
        if length:
            scales.mark(
                serving.database(),
                actor=person.actor,
                photo_id=one.photos[0].id,
                ends=((50, 10), (350, 10)),
                millimetres=length,
                replaces_id=None,
                save_key=f"{KEY}-{one.visit.id}",
            )


def two(visits_: int = 2, number: int = 7) -> list[Image.Image]:
    return [picture for picture, _ in draw_series(number, visits=visits_, size=SIZE)]


def test_marked_photos_have_millimetres_with_their_error_and_source(person: SignedIn) -> None:
    lesion_id = visited(person, *two()).lesion.id
    data = compared(open_page("lesion", lesion=lesion_id))
    assert not any("in mm" in one["name"] for one in data["rows"])
    assert "Sizes are relative: no scale is known of these photos." in data["facts"]
    assert data["millimetre"] is None
    mark(person, lesion_id, 15.0, 0)
    data = compared(open_page("lesion", lesion=lesion_id))
    assert "12 Jan 2025 only" in row(data, "Longest, in mm")["error"]
    earlier = float(row(data, "Longest, in mm")["value"])
    assert data["millimetre"] == pytest.approx(0.05)
    mark(person, lesion_id, 0, 15.0)
    data = compared(open_page("lesion", lesion=lesion_id))
    before, after = map(float, row(data, "Longest, in mm")["value"].split(changelist.ARROW))
    assert before == earlier and 4 < before < after < 15
    assert row(data, "Longest, in mm")["error"].startswith("(\N{PLUS-MINUS SIGN}")
    (said,) = [plain(one) for one in data["facts"] if one.startswith("Millimetres")]
    assert said.startswith("Millimetres by the scale marked by hand (\N{PLUS-MINUS SIGN} 3 %)")
    assert data["rows"][0]["name"] == "Area" and data["notices"] == []  # still by the skin


def test_a_field_of_view_makes_another_magnification_comparable(person: SignedIn) -> None:
    first, second = two()
    wide = VisitFields(magnification=10, field_mm=20.0, field_within_mm=0.2)
    near = VisitFields(magnification=20, field_mm=20.0, field_within_mm=0.2)
    opened = visited(person, first, second, last=near)
    kept = series.page(serving.database(), actor=person.actor, lesion_id=opened.lesion.id)
    visit = kept.visits[0].visit

    def enter(fields: VisitFields, edition: int) -> dict[str, Any]:
        visits.change(
            serving.database(),
            actor=person.actor,
            visit_id=visit.id,
            fields=replace(fields, day=visit.fields.day),
            edition=edition,
        )
        return compared(open_page("lesion", lesion=opened.lesion.id))

    visits.change(
        serving.database(),
        actor=person.actor,
        visit_id=kept.visits[1].visit.id,
        fields=replace(near, day=kept.visits[1].visit.fields.day),
        edition=1,
    )
    data = enter(VisitFields(magnification=10), 1)
    assert data["notices"][-2:] == ["Sizes are not compared.", statements.OTHER_SCALE]
    assert [one["name"] for one in data["rows"]] == ["Longest, in mm", "Area, in mm²"]
    data = enter(wide, 2)
    assert data["notices"] == [
        f"Another magnification: 10 x, then 20 x. {statements.BY_SCALE}",
    ]
    assert row(data, "Area")["value"].startswith("+") and row(data, "Area")["seen"]
    page = open_page("lesion", lesion=opened.lesion.id)
    assert "20 ± 0.2 mm across" in says(page).replace("\\", "")
    data = enter(replace(wide, field_mm=40.0), 3)
    assert "one of the two scales is wrong" in " ".join(data["notices"])
    assert data["rows"] == []


def test_a_lesion_that_fills_the_photo_says_what_helps_and_then_has_sizes(
    person: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "LARGEST", 0.0)
    lesion_id = visited(person, *two(number=8)).lesion.id
    data = compared(open_page("lesion", lesion=lesion_id))
    assert data["notices"] == [NO_SKIN, statements.SHAPE_ALONE, statements.NO_SCALE]
    mark(person, lesion_id, 15.0, 15.0)
    data = compared(open_page("lesion", lesion=lesion_id))
    assert data["notices"] == [] and data["rows"][0]["name"] == "Area"
    assert statements.BY_SCALE in data["facts"]


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (Size(5.234, 0.11), ("5.2", "0.2")),
        (Size(5.2, 0.1), ("5.2", "0.1")),
        (Size(16.4, 1.0), ("16", "1")),
        (Size(160.4, 12.3), ("160", "13")),
    ],
)
def test_a_size_has_the_digits_that_its_error_leaves(size: Size, said: tuple[str, str]) -> None:
    assert changelist._digits(size) == said


def test_a_field_of_view_does_not_pass_to_another_device() -> None:
    last = VisitFields(magnification=10, device="A", field_mm=20.0, field_within_mm=0.5)

    def item(device: str) -> Any:
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, "PNG")

        class Dicom:
            magnification = None

        Dicom.device = device  # type: ignore[attr-defined]

        class Photo:
            dicom = Dicom

        class Item:
            photo = Photo

        return Item

    assert as_taken([item("A")], last) == last
    assert as_taken([item("B")], last) == VisitFields(magnification=10, device="B")


def test_a_field_of_view_is_offered_again_for_its_device_and_magnification(
    person: SignedIn,
) -> None:
    how = VisitFields(magnification=10, device="DermLite", field_mm=20.3, field_within_mm=0.5)
    lesion_id = visited(person, *two()).lesion.id
    page = series.page(serving.database(), actor=person.actor, lesion_id=lesion_id)
    first = page.visits[0].visit
    visits.change(
        serving.database(),
        actor=person.actor,
        visit_id=first.id,
        fields=replace(how, day=first.fields.day),
        edition=1,
    )
    script = (  # outside its dialog, which AppTest would close at every click
        "import streamlit as st\n"
        "from pages.components.comparison import filmstrip\n"
        "from records.clinic.visits import VisitFields\n"
        "st.session_state.given = filmstrip.ask(VisitFields(magnification=10.0), key='how')\n"
    )
    asked = AppTest.from_string(script, default_timeout=60).run()
    assert not asked.button
    asked.text_input(key="how-device").input("dermlite").run()
    assert plain(asked.button[0].label) == "Use 20.3 ± 0.5 mm across, as last with DermLite at 10 x"
    asked.button[0].click().run()
    assert not asked.button
    given = asked.session_state.given
    assert (given.field_mm, given.field_within_mm) == (20.3, 0.5)
    asked.number_input(key="how-magnification").set_value(20.0).run()
    assert asked.session_state.given.field_mm is None


def test_the_only_visit_shows_its_size_once_a_scale_is_marked(person: SignedIn) -> None:
    lesion_id = visited(person, *two(1)).lesion.id
    page = settled(open_page("lesion", lesion=lesion_id))
    assert alone.NO_SCALE in says(page) and alone.NEXT in says(page)
    mark(person, lesion_id, 15.0)
    page = settled(open_page("lesion", lesion=lesion_id))
    said = plain(says(page).replace("\\", ""))
    assert re.search(r"\d\.\d ± 0\.\d mm at most and \d\.\d ± 0\.\d mm at least across, \d+", said)
    assert "Millimetres by the scale marked by hand (± 3 %); ± are 95 % bounds." in said
    printed = plain(words(prepare(lesion_id)))
    assert "Size on 12 Jan 2025" in printed and "mm at most and" in printed


def test_the_course_is_shown_in_millimetres_where_they_are_known(person: SignedIn) -> None:
    lesion_id = visited(person, *two()).lesion.id
    page = settled(open_page("lesion", lesion=lesion_id))
    assert timeline.SHOWN[timeline.MILLIMETRES] not in page.segmented_control[-1].options
    mark(person, lesion_id, 15.0, 15.0)
    page = settled(open_page("lesion", lesion=lesion_id))
    page.segmented_control[-1].select(timeline.MILLIMETRES).run()
    (trace,) = charts(page)[0]["data"]
    assert trace["x"] == ["2025-01-12", "2025-04-12"]
    assert 4 < trace["y"][0] < trace["y"][1] < 15
    assert 0 < trace["error_y"]["array"][0] < 1

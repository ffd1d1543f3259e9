"""Two visits of a lesion compared on its page, and how a change is put in words."""

import datetime
import io
import json
import time
from typing import Any

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.components.comparison import changelist, pairs, statements
from pages.components.examination.tray import Opened
from pages.components.frame import serving
from records.access.sessions import SignedIn
from records.clinic import comparability, series
from records.clinic.photos import NewPhoto
from records.clinic.series import NewVisit
from records.clinic.visits import Visit, VisitFields
from skinmodel import surroundings
from skinmodel.changes import Change
from skinmodel.comparison import NO_SKIN
from skinmodel.drawn import draw_lesion, draw_series
from tests.pages.test_examine import says
from tests.pages.test_records import KEY, add_lesion, open_page

SIZE = (400, 300)
DAYS = [datetime.date(2025, month, 12) for month in (1, 4, 11)]
HOW = VisitFields(magnification=10, polarisation="polarised")


def visited(person: SignedIn, *pictures: Image.Image, last: VisitFields = HOW) -> Opened:
    """A lesion with a visit for each picture, without an assessment."""
    opened = add_lesion(person)
    for place, picture in enumerate(pictures):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=92)
        photo = NewPhoto(file.getvalue(), f"{place}.jpg", "image/jpeg", *picture.size)
        how = last if place == len(pictures) - 1 else HOW
        fields = VisitFields(DAYS[place], how.magnification, how.polarisation)
        series.save(
            serving.database(),
            serving.store(),
            actor=person.actor,
            lesion_id=opened.lesion.id,
            new=[NewVisit(fields, (photo,))],
            save_key=f"{KEY}-{place}",
        )
    return opened


def drawn(page: AppTest, component: str) -> list[dict[str, Any]]:
    """What the browser is told to draw with a component."""
    return [
        json.loads(one.proto.json)
        for one in page.get("bidi_component")
        if one.proto.component_name.endswith(component)
    ]


def settled(page: AppTest) -> AppTest:
    """The page once nothing is worked on; asks again as the browser does."""
    for _ in range(300):
        if not page.get("progress"):
            return page
        time.sleep(0.1)
        page.run()
    raise AssertionError("The work never ended.")


def compared(page: AppTest) -> dict[str, Any]:
    """What the comparison shows."""
    (found,) = drawn(settled(page), "compare")
    assert not found.get("waiting")
    return found


def test_growth_is_measured_between_two_visits(person: SignedIn) -> None:
    first, second = (picture for picture, _ in draw_series(7, visits=2, size=SIZE))
    opened = visited(person, first, second)
    data = compared(open_page("lesion", lesion=opened.lesion.id))
    assert data["title"] == "12 Jan 2025 to 12 Apr 2025"
    assert data["interval"] == f"3.0 months apart. {pairs.SHORT_TERM_NOTE}"
    assert data["notices"] == [] and data["headline"] == "" and data["steps"] == []
    area = data["rows"][0]
    assert area["name"] == "Area" and area["seen"]
    assert area["value"].startswith("+") and area["error"].startswith("(repeat error ")
    assert 10 <= int(area["value"][1:3]) <= 26  # drawn 22 % larger
    assert data["facts"][0] == "Decision support, not a diagnosis."
    assert data["facts"][1].startswith("Aligned: ") and ", residual 0." in data["facts"][1]
    assert data["facts"][-1] == "Outline model 1.0."
    assert len(data["matrix"]) == 6 and data["difference"]["height"] == 300
    for photo in data["photos"]:
        assert len(photo["outline"]) > 100 and photo["source"].startswith("data:image/jpeg")


def test_an_unchanged_lesion_says_what_could_not_be_seen(person: SignedIn) -> None:
    picture = draw_lesion(7, size=SIZE)
    opened = visited(person, picture, picture.crop((8, 6, 392, 294)))
    data = compared(open_page("lesion", lesion=opened.lesion.id))
    assert data["headline"].startswith("No size change detected; changes under ")
    assert data["headline"].endswith("Check structure and colour yourself.")
    assert {row["value"] for row in data["rows"][:3]} == {"no change seen"}
    assert all(row["error"].endswith(" unseen") for row in data["rows"][:3])


def test_another_lesion_is_shown_beside_it_without_numbers(person: SignedIn) -> None:
    opened = visited(person, draw_lesion(3, size=SIZE), draw_lesion(9, size=SIZE))
    data = compared(open_page("lesion", lesion=opened.lesion.id))
    assert data["matrix"] is None and data["difference"] is None and data["rows"] == []
    assert data["notices"][0].startswith("These photos could not be aligned: ")
    assert data["notices"][1:] == [statements.OTHER_LESION, statements.NOT_MEASURED]


def test_without_skin_to_tell_the_scale_shape_and_colour_are_compared(
    person: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "LARGEST", 0.0)
    first, second = (picture for picture, _ in draw_series(8, visits=2, size=SIZE))
    data = compared(open_page("lesion", lesion=visited(person, first, second).lesion.id))
    assert data["notices"] == [NO_SKIN, statements.SHAPE_ALONE, statements.NO_SCALE]
    assert data["headline"] == ""
    names = [row["name"] for row in data["rows"]]
    assert names == ["Asymmetry", "Border", "Colour", "Colours"]
    assert not any(" mm" in fact for fact in data["facts"])


def test_sizes_of_photos_taken_otherwise_are_withheld(person: SignedIn) -> None:
    first, second = (picture for picture, _ in draw_series(7, visits=2, size=SIZE))
    opened = visited(person, first, second, last=VisitFields(magnification=20))
    data = compared(open_page("lesion", lesion=opened.lesion.id))
    assert data["matrix"] and data["rows"] == []
    assert data["notices"] == [
        "Another magnification: 10 x, then 20 x.",
        comparability.WITHHELD,
        statements.NO_SCALE,
    ]


def test_of_three_visits_the_last_two_come_first_and_others_are_a_click_away(
    person: SignedIn,
) -> None:
    pictures = [picture for picture, _ in draw_series(7, visits=3, size=SIZE)]
    page = open_page("lesion", lesion=visited(person, *pictures).lesion.id)
    assert compared(page)["title"] == "12 Apr 2025 to 12 Nov 2025"
    assert compared(page)["steps"] == [-1]
    page.segmented_control[0].select("The first visit").run()
    assert compared(page)["title"] == "12 Jan 2025 to 12 Nov 2025"
    page.selectbox[0].select_index(0).run()
    data = compared(page)
    assert data["title"] == "12 Jan 2025 to 12 Apr 2025" and data["steps"] == [1]


def test_one_visit_cannot_be_compared(person: SignedIn) -> None:
    page = open_page("lesion", lesion=visited(person, draw_lesion(3, size=SIZE)).lesion.id)
    assert "A comparison needs photos of at least 2 dates." in says(page)
    assert drawn(page, "compare") == []


@pytest.mark.parametrize(
    ("days", "expected"), [(75, False), (77, True), (136, True), (138, False), (0, False)]
)
def test_short_term_monitoring_takes_two_and_a_half_to_four_and_a_half_months(
    days: int, expected: bool
) -> None:
    after = DAYS[0] + datetime.timedelta(days=days)
    assert pairs.short_term(DAYS[0], after) is expected
    assert not pairs.short_term(None, after)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (1, f"1 day apart. {pairs.SOON}"),
        (100, f"3.3 months apart. {pairs.SHORT_TERM_NOTE}"),
        (400, "13.1 months apart"),
        (3650, f"10.0 years apart. {pairs.LATE}"),
    ],
)
def test_very_short_and_very_long_intervals_are_warned_of(days: int, said: str) -> None:
    def shot(day: datetime.date) -> pairs.Shot:
        photo: Any = None
        return pairs.Shot(Visit("v", "l", VisitFields(day), 1), photo)

    later = DAYS[0] + datetime.timedelta(days=days)
    assert pairs.Pair(shot(DAYS[0]), shot(later), ()).interval == said


@pytest.mark.parametrize(
    ("change", "value", "error"),
    [
        (Change("area", "ratio", 0.118, 0.051, 0.087), "+12 %", "(repeat error 6 %)"),
        (Change("area", "ratio", -0.118, 0.051, 0.087), "-12 %", "(repeat error 6 %)"),
        (Change("area", "ratio", 0.08, 0.051, 0.087), "no change seen", "under 9 % unseen"),
        (Change("tone", "difference", 7.2, 2.5, 4.5), "7 units", "(repeat error 3 units)"),
        (Change("asymmetry", "difference", -0.05, 0.01, 0.02), "-0.05", "(repeat error 0.01)"),
        (
            Change("irregularity", "difference", 0.01, 0.011, 0.021),
            "no change seen",
            "under 0.03 unseen",
        ),
    ],
)
def test_a_change_is_never_named_without_its_error(change: Change, value: str, error: str) -> None:
    row = changelist.row(change)
    plain = {"\N{NARROW NO-BREAK SPACE}": " ", "\N{MINUS SIGN}": "-"}
    said = [row[name].translate(str.maketrans(plain)) for name in ("value", "error")]
    assert said == [value, error]


def test_what_is_not_known_of_a_visit_is_no_difference() -> None:
    assert comparability.differences(VisitFields(magnification=10), VisitFields()) == ()
    assert comparability.differences(
        VisitFields(polarisation="polarised", device="Heine"),
        VisitFields(polarisation="non-polarised", device=" heine "),
    ) == ("Photographed otherwise: polarised, then non-polarised.",)

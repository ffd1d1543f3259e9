"""A lesion that grew, looked at in a real browser: dragged, blinked, measured, stepped through."""

import io
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from records.access.actors import CLINICIAN, Actor
from records.clinic import lesions, patients, series
from records.clinic.lesions import LesionFields
from records.clinic.patients import PatientFields
from records.clinic.photos import NewPhoto
from records.clinic.series import NewVisit
from records.clinic.visits import VisitFields
from records.keeping.store import open_store
from records.schema import open_database
from skinmodel.drawn import draw_series
from tests.browser.conftest import READY
from tests.browser.server import Server

pytestmark = pytest.mark.browser
ANNA = Actor("anna", frozenset({CLINICIAN}))
SIZE = (400, 300)


@pytest.fixture(scope="module")
def lesion_id(server: Server) -> str:
    """A lesion in the server's records: three visits, each larger than the one before."""
    return drawn(server, "4711")


def drawn(server: Server, clinic_id: str, visits: int = 3, *, size: tuple[int, int] = SIZE) -> str:
    """The id of a new patient's lesion with the first visits of a drawn one that grew."""
    database = open_database(f"sqlite:///{server.data / 'records.sqlite'}")
    store = open_store(str(server.data / "photos"))
    patient = patients.add(
        database, actor=ANNA, fields=PatientFields(clinic_id), save_key=f"patient-{clinic_id}"
    )
    lesion = lesions.add(
        database,
        actor=ANNA,
        patient_id=patient.id,
        fields=LesionFields("A"),
        save_key=f"lesion-{clinic_id}",
    )
    for place, (picture, day) in enumerate(draw_series(7, size=size)[:visits]):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=92)
        photo = NewPhoto(file.getvalue(), f"{place}.jpg", "image/jpeg", *size)
        series.save(
            database,
            store,
            actor=ANNA,
            lesion_id=lesion.id,
            new=[NewVisit(VisitFields(day), (photo,))],
            although_known=True,  # other stories on this server may draw the same
            save_key=f"visit-{clinic_id}-{place}",
        )
    database.close()
    return lesion.id


def opened(page: Page, server: Server, lesion_id: str) -> Locator:
    """The comparison on the lesion's page, made and idle."""
    page.goto(f"{server.address}/lesion?lesion={lesion_id}")
    compare = page.locator(".compare:not(.busied)")
    compare.wait_for()
    page.get_by_text("an unchanged lesion photographed").wait_for()  # made after the comparison
    page.wait_for_selector(READY)
    return compare


def shown(compare: Locator) -> str:
    """What the first canvas shows, small enough to compare: changed pixels change it."""
    return str(compare.locator("canvas").first.evaluate("canvas => canvas.toDataURL()"))


def wait_for_change(page: Page, compare: Locator, before: str) -> str:
    for _ in range(50):
        now = shown(compare)
        if now != before:
            return now
        page.wait_for_timeout(100)
    raise AssertionError("The picture stayed as it was.")


def test_two_visits_are_dragged_blinked_and_measured_without_the_server(
    page: Page, server: Server, sent: list[object], lesion_id: str
) -> None:
    compare = opened(page, server, lesion_id)
    expect(compare.locator("h2")).to_have_text("18 Jun 2024 to 2 Oct 2024")
    expect(compare.locator(".interval")).to_contain_text("Short-term monitoring interval")
    area = compare.locator(".rows > div", has_text="Area")
    expect(area.locator(".value")).to_have_text(re.compile(r"^\+1\d.%$"))
    expect(area.locator(".error")).to_have_text(re.compile(r"^\(repeat error \d+.%\)$"))
    expect(compare.locator(".facts")).to_contain_text("Aligned: ")
    asked = len(sent)
    stage, divider = compare.locator(".stage"), compare.locator(".divider")
    expect(divider).to_have_attribute("aria-valuenow", "50")
    half = shown(compare)
    box = stage.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4, steps=5)
    page.mouse.up()
    expect(divider).to_have_attribute("aria-valuenow", "25")
    quarter = shown(compare)
    assert quarter != half
    stage.focus()
    page.keyboard.press("Space")
    expect(compare.locator(".day").first).to_have_text("2 Oct 2024")
    later = shown(compare)
    wait_for_change(page, compare, later)  # by itself
    page.keyboard.press("Space")
    expect(divider).to_be_visible()
    assert shown(compare) == quarter
    for key in "oh4":  # outlines; heat maps, of which there are none; differences
        page.keyboard.press(key)
    expect(compare.get_by_role("button", name="Outlines")).to_have_attribute("aria-pressed", "true")
    expect(compare.get_by_role("button", name="Heat maps")).to_be_disabled()
    expect(compare.locator(".legend")).to_contain_text("same")
    page.keyboard.press("2")
    before, after = (canvas.bounding_box() for canvas in compare.locator("canvas").all())
    assert before and after and before["width"] == after["width"] > 300
    page.keyboard.press("1")
    page.keyboard.press("+")
    expect(compare).to_have_class(re.compile("zoomed"))
    assert shown(compare) != quarter
    assert len(sent) == asked


def test_the_arrow_keys_step_through_the_visits(page: Page, server: Server, lesion_id: str) -> None:
    compare = opened(page, server, lesion_id)
    before = shown(compare)
    compare.locator(".stage").focus()
    page.keyboard.press("ArrowLeft")
    expect(compare.locator("h2")).to_have_text("12 Mar 2024 to 18 Jun 2024")
    wait_for_change(page, compare, before)
    expect(compare.get_by_role("button", name="Earlier visit")).to_be_disabled()
    page.get_by_text("The first visit", exact=True).click()
    page.keyboard.press("Tab")
    compare.get_by_role("button", name="Later visit").click()
    expect(compare.locator("h2")).to_have_text("12 Mar 2024 to 2 Oct 2024")


@pytest.mark.parametrize("width", [390])
def test_on_a_phone_the_photo_comes_first_and_nothing_sticks_out(
    page: Page, server: Server, lesion_id: str
) -> None:
    compare = opened(page, server, lesion_id)
    picture = compare.locator(".picture").bounding_box()
    answer = compare.locator(".answer").bounding_box()
    assert picture and answer
    assert picture["y"] + picture["height"] <= answer["y"]
    compare.get_by_role("button", name="Side by side").tap()
    first, second = (canvas.bounding_box() for canvas in compare.locator("canvas").all())
    assert first and second and second["y"] >= first["y"] + first["height"]
    widest = page.evaluate(
        "Math.max(...[...document.querySelectorAll('[data-testid=stMain] *')]"
        ".map((one) => one.getBoundingClientRect().right))"
    )
    assert widest <= 390


def test_an_outline_is_corrected_by_hand_undone_saved_and_given_back(
    page: Page, server: Server, lesion_id: str
) -> None:
    compare = opened(page, server, lesion_id)
    area = compare.locator(".rows > div", has_text="Area").locator(".value")
    before = area.inner_text()
    page.get_by_role("button", name="Correct the outline of 2 Oct 2024").click()
    dialog = page.get_by_role("dialog")
    points = dialog.locator(".points circle")
    points.first.wait_for()
    count = points.count()
    save = dialog.get_by_role("button", name="Save the outline")
    expect(save).to_be_disabled()
    undo = dialog.get_by_role("button", name="Undo", exact=True)

    def x() -> float:
        return float(points.first.get_attribute("cx") or "nan")

    start = x()
    points.first.focus()
    page.keyboard.press("Shift+ArrowRight")
    assert x() == pytest.approx(start + 10)
    page.keyboard.press("Control+z")
    assert x() == start
    expect(undo).to_be_disabled()
    page.keyboard.press("+")
    expect(points).to_have_count(count + 1)
    page.keyboard.press("Delete")
    expect(points).to_have_count(count)
    # The brush pushes the line outwards, from the middle to the left edge, and is undone as one.
    area_drawn = dialog.locator("polygon.area")
    outline = area_drawn.get_attribute("points")
    box = area_drawn.bounding_box()
    assert box
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(box["x"] - 20, middle[1], steps=12)
    page.mouse.up()
    pushed = area_drawn.bounding_box()
    assert pushed and pushed["x"] < box["x"] - 30
    assert pushed["x"] + pushed["width"] == pytest.approx(box["x"] + box["width"], abs=1)
    undo.click()
    assert area_drawn.get_attribute("points") == outline
    expect(points).to_have_count(count)
    # A point on the lower half is dragged well into the skin: the lesion is larger.
    box = points.nth(count // 2).bounding_box()
    stage = dialog.locator("svg[role=group]").bounding_box()
    assert box and stage
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(stage["x"] + 30, stage["y"] + stage["height"] - 30, steps=4)
    page.mouse.up()
    save.click()
    dialog.wait_for(state="hidden")
    page.wait_for_selector(READY)
    expect(area).not_to_have_text(before)
    facts = compare.locator(".facts")
    expect(facts).to_contain_text("The outline of the later photo was drawn by hand")
    page.get_by_role("button", name="Correct the outline of 2 Oct 2024").click()
    expect(dialog.get_by_text("Drawn by")).to_be_visible()
    dialog.get_by_role("button", name="Use the program's outline").click()
    dialog.wait_for(state="hidden")
    page.wait_for_selector(READY)
    expect(area).to_have_text(before)

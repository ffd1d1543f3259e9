"""A scale marked in a real browser: dragged, moved by keys, undone, saved, kept for the visit."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import READY
from tests.browser.server import Server
from tests.browser.test_compare import drawn, opened

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lesion_id(server: Server) -> str:
    """A lesion of two visits."""
    return drawn(server, "4731", 2)


def test_a_distance_is_dragged_corrected_by_keys_undone_and_saved(
    page: Page, server: Server, lesion_id: str
) -> None:
    compare = opened(page, server, lesion_id)
    expect(compare.locator(".facts")).to_contain_text("Sizes are relative")
    page.get_by_role("button", name="Mark the scale of 18 Jun 2024").click()
    dialog = page.get_by_role("dialog")
    stage, line = dialog.locator("svg[role=group]"), dialog.locator("line.over")
    stage.wait_for()
    save = dialog.get_by_role("button", name="Save the scale")
    undo = dialog.get_by_role("button", name="Undo", exact=True)
    expect(save).to_be_disabled()
    box = stage.bounding_box()
    assert box
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    reach = min(box["width"], box["height"]) * 0.4
    page.mouse.move(middle[0] - reach, middle[1])
    page.mouse.down()
    page.mouse.move(middle[0] + reach, middle[1], steps=5)
    page.mouse.up()

    def x2() -> float:
        return float(line.get_attribute("x2") or "nan")

    dragged = x2()
    assert dragged - float(line.get_attribute("x1") or "nan") == pytest.approx(240, abs=4)
    dialog.get_by_role("button", name="Second end").focus()
    page.keyboard.press("Shift+ArrowRight")
    assert x2() == pytest.approx(dragged + 10)
    page.keyboard.press("Control+z")
    assert x2() == dragged
    undo.click()
    expect(undo).to_be_disabled()
    dialog.get_by_role("button", name="Redo").click()
    caption = dialog.locator(".caption")
    expect(caption).to_have_text("How many millimetres is it?")
    length = dialog.get_by_label("Between them")
    length.fill("99999")
    expect(save).to_be_disabled()
    length.fill("6,5")
    expect(caption).to_contain_text(re.compile(r"^The whole photo is 10\.[789] mm"))
    dialog.get_by_text("Also as the field of view of the whole visit").click()
    save.click()
    dialog.wait_for(state="hidden")
    page.wait_for_selector(READY)
    longest = compare.locator(".rows > div", has_text="Longest, in mm")
    expect(longest.locator(".error")).to_contain_text("18 Jun 2024 only")
    bar = compare.locator(".bar")
    expect(bar).to_have_attribute("data-length", "2 mm")
    short = bar.bounding_box()
    compare.get_by_role("button", name="Zoom in").click()
    long = bar.bounding_box()
    assert short and long and long["width"] == pytest.approx(1.5 * short["width"], rel=0.05)
    expect(page.get_by_text(re.compile(r"10\.\d+ ± 0\.\d+ mm across"))).to_be_visible()
    page.get_by_role("button", name="Correct the scale of 18 Jun 2024").click()
    expect(dialog.get_by_text("6.5 mm, marked by")).to_be_visible()
    dialog.get_by_role("button", name="Remove the scale").click()
    dialog.wait_for(state="hidden")
    page.wait_for_selector(READY)
    # What was entered for the visit holds still.
    expect(compare.locator(".facts")).to_contain_text("by the scale of the visit's field of view")


@pytest.mark.parametrize("width", [390])
def test_on_a_phone_two_taps_mark_a_scale(page: Page, server: Server, lesion_id: str) -> None:
    opened(page, server, lesion_id)
    page.get_by_role("button", name="Mark the scale of 12 Mar 2024").tap()
    dialog = page.get_by_role("dialog")
    stage, line = dialog.locator("svg[role=group]"), dialog.locator("line.over")
    stage.wait_for()
    box = stage.bounding_box()
    assert box and box["width"] <= 390
    for share in (0.2, 0.8):
        page.touchscreen.tap(box["x"] + share * box["width"], box["y"] + box["height"] / 4)
    ends = [float(line.get_attribute(name) or "nan") for name in ("x1", "x2")]
    assert ends == pytest.approx([80, 320], abs=3)
    dialog.get_by_label("Between them").fill("5")
    expect(dialog.get_by_role("button", name="Save the scale")).to_be_enabled()
    widest = dialog.evaluate(
        "(box) => Math.max(...[...box.querySelectorAll('*')]"
        ".map((one) => one.getBoundingClientRect().right))"
    )
    assert widest <= 390

"""Whole stories in a real browser: from photos to an answer one can look around in."""

import io
import json
from datetime import date

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, Route, WebSocketRoute, expect

from skinmodel.drawn import draw_lesion
from skinmodel.export import long_date
from tests.browser.server import Server

pytestmark = pytest.mark.browser
READY = "[data-testid=stApp][data-test-script-state=notRunning]"
# What the canvas shows, small enough to compare: changed pixels change it.
CANVAS = """() => {
  const roots = [...document.querySelectorAll('*')].map((element) => element.shadowRoot);
  const found = roots.map((root) => root?.querySelector('.viewer canvas')).find(Boolean);
  return found?.toDataURL() ?? '';
}"""

# Notes at each frame whether the canvas shows anything.
WATCH = """() => {
  window.seen = [];
  const step = () => {
    const roots = [...document.querySelectorAll('*')].map((element) => element.shadowRoot);
    const canvas = roots.map((root) => root?.querySelector('.viewer canvas')).find(Boolean);
    const data = canvas?.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const now = data?.some((value) => value > 0) ? 'photo' : 'nothing';
    if (window.seen.at(-1) !== now) window.seen.push(now);
    requestAnimationFrame(step);
  };
  step();
}"""
WIDTHS = "bars => bars.map((bar) => parseFloat(bar.style.width))"


def photo(name: str, seed: int, taken_on: date | None = None) -> FilePayload:
    file = io.BytesIO()
    exif = Image.Exif()
    if taken_on:
        exif.get_ifd(0x8769)[0x9003] = f"{taken_on:%Y:%m:%d} 10:00:00"
    draw_lesion(seed, size=(320, 240)).save(file, "JPEG", exif=exif)
    return {"name": name, "mimeType": "image/jpeg", "buffer": file.getvalue()}


def give(page: Page, *files: FilePayload) -> None:
    page.locator("[class*=st-key-photos-] input[type=file]").set_input_files(list(files))


def answered(page: Page) -> None:
    """Waits for a result, drawn."""
    page.locator(".viewer:not(.waiting) .facts p").first.wait_for()
    page.wait_for_selector(READY)
    page.wait_for_function(f"() => ({CANVAS})().length > 5000")


def try_series(page: Page) -> None:
    page.get_by_role("button", name="Try an example: three visits").click()
    answered(page)


def settled_canvas(page: Page) -> str:
    """The canvas once it has stopped fading."""
    page.wait_for_timeout(400)
    return str(page.evaluate(CANVAS))


def test_an_example_leads_to_an_answer(page: Page) -> None:
    page.get_by_role("button", name="Try an example: one photo").click()
    answered(page)
    expect(page.locator(".answer h1")).to_have_text("Drawn, for practice")
    expect(page.get_by_role("heading", level=1)).to_have_text("Drawn, for practice")
    expect(page.locator(".row")).to_have_count(8)
    shares = [float(width) for width in page.locator(".bar span").evaluate_all(WIDTHS)]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(100, abs=0.1)
    expect(page.locator(".caption")).not_to_contain_text("Regions")  # the photo shows first
    expect(page.locator(".facts")).to_contain_text("Decision support, not a diagnosis")
    expect(page.locator(".facts")).to_contain_text("Model tiny-1")


def test_two_dated_photos_and_a_broken_one(page: Page, server: Server) -> None:
    whole = photo("b.jpg", 2, date(2025, 6, 1))
    broken = FilePayload(
        name="<img src=x onerror=alert(1)>.jpg",
        mimeType="image/jpeg",
        buffer=whole["buffer"][: len(whole["buffer"]) // 2],
    )
    give(page, whole, photo("a.jpg", 1, date(2025, 3, 12)), broken)
    expect(page.get_by_text("This photo is incomplete (file cut off)")).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    before = server.analyses()
    page.get_by_role("button", name="Analyse 2 photos").click()
    answered(page)
    expect(page.locator(".strip button")).to_have_text(["12 Mar 2025", "1 Jun 2025"])
    expect(page.locator(".warnings")).to_contain_text("This result is from 2 of 3 photos.")
    expect(page.locator("[data-testid=stPlotlyChart]")).to_have_count(2)
    page.get_by_role("button", name="Remove photo 1").click()
    expect(page.get_by_text("The result below is outdated")).to_be_visible()
    assert server.analyses() == before + 1


def test_looking_around_needs_no_server_and_no_network(
    page: Page, server: Server, sent: list[object]
) -> None:
    try_series(page)
    untouched = settled_canvas(page)
    page.wait_for_timeout(1000)
    analyses, messages = server.analyses(), len(sent)
    page.locator(".heat input").fill("90")
    strong = settled_canvas(page)
    page.locator(".heat input").fill("30")
    weak = settled_canvas(page)
    page.locator(".toggle").click()
    assert settled_canvas(page) == untouched
    assert len({untouched, strong, weak}) == 3
    page.wait_for_timeout(1000)
    assert len(sent) == messages
    page.locator(".toggle").click()
    first = settled_canvas(page)
    page.locator(".row").nth(1).click()
    assert settled_canvas(page) != first
    name = page.locator(".row[aria-checked=true] .title").inner_text()
    expect(page.locator(".caption")).to_contain_text(name)
    page.wait_for_timeout(800)  # by now the server was told, for the export
    page.wait_for_selector(READY)
    assert len(sent) == messages + 1
    assert server.analyses() == analyses


def test_the_least_likely_stand_folded_until_they_are_wanted(page: Page) -> None:
    try_series(page)
    shares = [float(width) for width in page.locator(".bar span").evaluate_all(WIDTHS)]
    page.locator(".row").first.click()
    first, last = page.locator(".row").first, page.locator(".row").last
    tail = sum(share < 2.5 for share in shares[1:])
    assert tail > 1, "the drawn series has likely diagnoses only: take another for this story"
    expect(page.locator(".fold")).to_contain_text(f"{tail} more under")
    expect(page.locator(".row:visible")).to_have_count(8 - tail)
    page.locator(".fold").click()
    expect(page.locator(".row:visible")).to_have_count(8)
    expect(page.locator(".fold")).to_have_attribute("aria-expanded", "true")
    page.locator(".fold").click()
    expect(last).to_be_hidden()
    first.focus()
    for _ in shares[1:]:
        page.keyboard.press("ArrowDown")
    expect(last).to_be_focused()  # what is chosen is never folded


def test_the_photo_never_leaves_the_screen_while_it_is_analysed(page: Page) -> None:
    page.evaluate(WATCH)
    try_series(page)
    seen = page.evaluate("window.seen")
    assert seen[-1] == "photo"
    assert "nothing" not in seen[seen.index("photo") :]


def test_everything_is_reached_with_the_keyboard(page: Page) -> None:
    try_series(page)
    focused = "document.activeElement.shadowRoot?.activeElement?.className"
    assert page.evaluate(focused) == "stage"  # at once, without a click
    visit, chosen = page.locator(".stage .visit"), page.locator(".row[aria-checked=true] .title")
    expect(visit).to_have_text("2 Oct 2024")
    page.keyboard.press("ArrowLeft")
    expect(visit).to_have_text("18 Jun 2024")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")  # there is none after the last
    expect(visit).to_have_text("2 Oct 2024")
    names = page.locator(".row .title").all_inner_texts()
    expect(chosen).to_have_text(names[0])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    expect(chosen).to_have_text(names[1])
    photo_alone = settled_canvas(page)
    page.keyboard.press("Space")
    expect(page.locator(".toggle")).to_have_attribute("aria-pressed", "true")
    assert settled_canvas(page) != photo_alone
    page.keyboard.press("Space")
    assert settled_canvas(page) == photo_alone
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "toggle"


def test_a_click_before_the_page_has_caught_up_changes_no_date(page: Page) -> None:
    late: list[str | bytes] = []  # what the server says while the page does not hear
    held = [False]

    def hold(browsers: WebSocketRoute) -> None:
        servers = browsers.connect_to_server()
        servers.on_message(lambda said: late.append(said) if held[0] else browsers.send(said))
        lines.append(browsers)

    lines: list[WebSocketRoute] = []
    page.route_web_socket("**/_stcore/stream", hold)
    page.reload()
    try_series(page)
    page.get_by_role("button", name="Remove photo 3").click()
    again = page.get_by_role("button", name="Analyse again").last
    again.wait_for()
    page.wait_for_selector(READY)
    held[0] = True
    page.get_by_role("button", name="All taken today").click()
    page.wait_for_timeout(1500)  # the server is done, and the page knows nothing of it
    again.click()
    page.wait_for_timeout(500)
    held[0] = False
    for said in late:
        lines[-1].send(said)
    expect(page.locator(".strip button")).to_have_text([long_date(date.today())] * 2)


def test_the_answer_starts_at_the_photo(page: Page) -> None:
    page.set_viewport_size({"width": 720, "height": 450})  # 1440 x 900 at 200 %
    try_series(page)
    top = "element => element.getBoundingClientRect().top"
    assert 0 <= page.locator(".stage").evaluate(top) < 200
    page.get_by_role("button", name="All taken today").click()
    page.wait_for_selector(READY)
    page.get_by_role("button", name="Analyse again").last.click()
    expect(page.locator(".strip button").first).to_have_text(long_date(date.today()))
    answered(page)
    assert 0 <= page.locator(".stage").evaluate(top) < 200


def test_the_export_equals_the_screen(page: Page) -> None:
    try_series(page)
    page.locator(".row").nth(2).click()
    page.wait_for_timeout(800)
    page.wait_for_selector(READY)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Result as JSON").click()
    values = json.loads(download.value.path().read_text(encoding="utf-8"))
    rows = page.locator(".row")
    assert [one["name"] for one in values["differential"]] == rows.locator(
        ".title"
    ).all_inner_texts()
    assert [one["probability"] * 100 for one in values["differential"]] == pytest.approx(
        page.locator(".bar span").evaluate_all(WIDTHS), abs=0.01
    )
    assert values["drawn_for_practice"] is True
    chosen = rows.nth(2).locator(".title").inner_text()
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Photo with heat map for {chosen}").click()
    with Image.open(download.value.path()) as overlay:
        assert chosen in overlay.info["Title"] or overlay.info["Title"].startswith("No highlighted")


@pytest.mark.parametrize("width", [390])
def test_on_a_phone_the_photo_comes_first(page: Page, width: int) -> None:
    try_series(page)
    places = [
        page.locator(selector).first.bounding_box()
        for selector in (".stage", ".rows", ".strip", "[data-testid=stPlotlyChart]")
    ]
    tops = [place["y"] for place in places if place]
    assert len(tops) == 4 and tops == sorted(tops)
    assert all(
        place and place["x"] >= 0 and place["x"] + place["width"] <= width for place in places
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_file_for_which_there_is_no_room_is_named(page: Page) -> None:
    def turn_away(route: Route) -> None:
        if b"second.jpg" in (route.request.post_data_buffer or b""):
            route.fulfill(status=413, body="Too many files at once.")
        else:
            route.continue_()

    page.route("**/_stcore/upload_file/**", turn_away)
    give(page, photo("second.jpg", 4))
    expect(page.get_by_text("second.jpg: There was no room for it")).to_be_visible()
    expect(page.get_by_text("413")).to_have_count(0)
    give(page, photo("first.jpg", 3), photo("second.jpg", 4))
    answered(page)
    expect(page.locator(".warnings")).to_contain_text("This result is from 1 of")


def test_a_file_too_large_to_arrive_is_named(page: Page, tmp_path) -> None:
    large, small = tmp_path / "large scan.jpg", tmp_path / "small.jpg"
    large.write_bytes(b"\xff\xd8" + bytes(26 * 1024 * 1024))
    small.write_bytes(photo("small.jpg", 4)["buffer"])
    uploader = page.locator("[class*=st-key-photos-] input[type=file]")
    uploader.set_input_files([large, small])
    answered(page)
    refused = page.get_by_text("large scan.jpg: This file is larger than 25 MB.")
    expect(refused).to_be_visible()
    expect(page.locator(".warnings")).to_contain_text("This result is from 1 of 2 photos.")

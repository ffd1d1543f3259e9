"""What a person does counts also while a part of the page asks the server by itself."""

import pytest
from playwright.sync_api import Page, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.browser.server import Server
from tests.browser.test_compare import drawn
from tests.browser.test_leaving import Line

pytestmark = pytest.mark.browser
# As on a busy machine, where what was due one after the other happens at once.
AT_ONCE = """() => {
  const real = window.setInterval;
  window.setInterval = (ask, every, ...more) => real((...given) => {
    const order = Math.round(every) === 400 ? window.clicking : undefined;
    const button = [...document.querySelectorAll('button')].find(
      (one) => one.innerText.includes('Confirm a diagnosis'));
    if (order && button) window.clicking = undefined;
    if (order === 'first' && button) button.click();
    ask(...given);
    if (order === 'second' && button) button.click();
  }, every, ...more);
}"""


@pytest.mark.parametrize("order", ["first", "second"])
def test_a_click_counts_while_a_part_asks(page: Page, server: Server, order: str) -> None:
    lesion_id = drawn(server, f"480-{order}", 2, size=(400, 296 + len(order)))
    line = Line(page)
    page.add_init_script(f"({AT_ONCE})(); window.clicking = {order!r};")
    page.goto(f"{server.address}/lesion?lesion={lesion_id}")
    page.wait_for_function("() => window.clicking === undefined")
    page.wait_for_timeout(100)
    line.release()
    expect(page.get_by_role("dialog").get_by_text("Confirmed diagnosis")).to_be_visible()


def test_a_dialog_that_is_left_while_it_opens_asks_no_more(page: Page, server: Server) -> None:
    lesion_id = drawn(server, "481", 1, size=(400, 288))
    line = Line(page, b"Opening")
    page.goto(f"{server.address}/lesion?lesion={lesion_id}")
    page.get_by_role("button", name="Correct the outline of").click()
    line.wait_for_parts(4)  # it is open, and asks by itself
    page.keyboard.press("Escape")
    for _ in range(200):
        if ended_by_another(line):  # else its answers would be drawn into the next dialog
            break
        page.wait_for_timeout(50)
    else:
        raise AssertionError("The dialog goes on asking.")
    line.release()
    page.get_by_role("button", name="Mark the scale of").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("No scale is marked in this photo.")).to_be_visible()


def ended_by_another(line: Line) -> bool:
    """Whether the run of one part has told the browser that another asks no more."""
    runs: list[str] = []
    for answer in map(ForwardMsg.FromString, line.held or []):
        if answer.HasField("new_session"):
            runs = list(answer.metadata.run.fragment_ids)
        elif any(part not in runs for part in answer.stop_auto_rerun.fragment_ids):
            return True
    return False

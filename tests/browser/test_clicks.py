"""A click counts also at the very moment at which a part of the page asks the server by itself."""

import pytest
from playwright.sync_api import Page, expect

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

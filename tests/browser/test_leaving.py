"""A page is left while a part of it still asks the server again and again."""

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.browser.conftest import READY
from tests.browser.server import Server
from tests.browser.test_compare import drawn

WAITING = b"Reading, aligning and measuring"
pytestmark = pytest.mark.browser


class Line:
    """A tab's connection; the answers after some work has begun wait, as on a busy server.

    `begun` is what the page says then.
    """

    def __init__(self, page: Page, begun: bytes = WAITING) -> None:
        self.page = page
        self.begun = begun
        self.asked: list[BackMsg] = []
        self.held: list[bytes] | None = None
        self.state = "new"
        page.route_web_socket("**/_stcore/stream", self.connect)

    def connect(self, tab: WebSocketRoute) -> None:
        self.tab, self.server = tab, tab.connect_to_server()
        tab.on_message(self.ask)
        self.server.on_message(self.answer)

    def ask(self, data: str | bytes) -> None:
        assert isinstance(data, bytes)
        self.asked.append(BackMsg.FromString(data))
        self.server.send(data)

    def answer(self, data: str | bytes) -> None:
        assert isinstance(data, bytes)
        if self.held is not None:
            self.held.append(data)
            return
        self.tab.send(data)
        if self.state == "new" and self.begun in data:
            self.state = "waits"
        if self.state == "waits" and ForwardMsg.FromString(data).HasField("script_finished"):
            self.state, self.held = "held", []  # from here on the tab hears nothing

    def wait_for_parts(self, number: int) -> None:
        """Waits until parts of a page have asked so often after the page itself."""
        while len(self.parts()) < number:
            self.page.wait_for_timeout(50)

    def parts(self) -> list[BackMsg]:
        """What parts of a page asked since somebody clicked last."""
        runs = [one.rerun_script for one in self.asked if one.HasField("rerun_script")]
        last = max((place for place, run in enumerate(runs) if not run.fragment_id), default=0)
        return runs[last + 1 :]

    def release(self) -> None:
        """All that was held back arrives, in its order."""
        self.state = "released"
        held, self.held = self.held or [], None
        for data in held:
            self.tab.send(data)


def test_a_page_stays_when_the_one_before_it_still_asks(page: Page, server: Server) -> None:
    lesion_id = drawn(server, "479", 2, size=(400, 292))
    line = Line(page)
    page.goto(f"{server.address}/lesion?lesion={lesion_id}")
    line.wait_for_parts(1)
    page.get_by_role("button", name="Add visit").click()
    line.wait_for_parts(2)
    line.release()
    page.wait_for_selector(READY)
    expect(page.get_by_role("heading", name="Add a visit")).to_be_visible()

"""The running app refuses what is over a session's quota, and takes it once there is room."""

import socket
from contextlib import ExitStack
from urllib.parse import SplitResult, urlsplit

import pytest
from playwright.sync_api import Page, expect

import settings
from tests.browser.test_examine import answered, give, photo

pytestmark = pytest.mark.browser
LIMITS = settings.load()


def begin(address: SplitResult, path: str, size: int, headers: dict[str, str]) -> socket.socket:
    """An upload of which no more than its announcement has come."""
    line = socket.create_connection((address.hostname or "", address.port or 0))
    head = (
        f"PUT {path} HTTP/1.1",
        f"Host: {address.netloc}",
        *(f"{name}: {headers[name]}" for name in ("cookie", "x-xsrftoken")),
        "Content-Type: multipart/form-data; boundary=x",
        f"Content-Length: {size}",
        "",
        "--x\r\n",
    )
    line.sendall("\r\n".join(head).encode())
    return line


def test_an_upload_over_the_quota_is_refused_by_the_server_and_named(page: Page) -> None:
    with page.expect_request("**/_stcore/upload_file/**") as sent:
        give(page, photo("small.jpg", 4))
    answered(page)
    address, headers = urlsplit(sent.value.url), sent.value.all_headers()
    room, lines = LIMITS.max_session_bytes, 0
    with ExitStack() as held:
        while room:
            size = min(room, LIMITS.max_dataset_bytes)
            held.enter_context(begin(address, f"{address.path}-{lines}", size, headers))
            room, lines = room - size, lines + 1
        with page.expect_response("**/_stcore/upload_file/**") as refused:
            give(page, photo("second.jpg", 5))
        assert refused.value.status == 413
        expect(page.get_by_text("second.jpg: There was no room for it")).to_be_visible()
    give(page, photo("third.jpg", 6))  # those uploads have ended without a file
    expect(page.get_by_text("third.jpg").first).to_be_visible()
    answered(page)

"""A real server with a tiny model, and a real browser to visit it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.server import Server, serve
from tests.tiny import save_tiny_model

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE = 30_000  # milliseconds, for a machine that is busy with something else
READY = "[data-testid=stApp][data-test-script-state=notRunning]"


@pytest.fixture(scope="session")
def server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The running app; not started where there is no browser to visit it."""
    models = tmp_path_factory.mktemp("models")
    save_tiny_model(models)
    with serve(models, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser for all stories; its driver keeps an event loop in the tests' thread."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def width() -> int:
    """The window's width in pixels; a story about phones gives its own."""
    return 1440


@pytest.fixture
def sent() -> list[object]:
    """Every message that the page sent to the server over its websocket."""
    return []


@pytest.fixture
def page(browser: Browser, server: Server, sent: list[object], width: int) -> Iterator[Page]:
    """The Examine page, open and idle.

    Fails the story if the page's scripts failed or were stopped by the security policy.
    """
    context = browser.new_context(
        viewport={"width": width, "height": 900}, has_touch=width < 500, color_scheme="dark"
    )
    context.add_cookies(server.cookies)
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "console", lambda line: troubles.append(line.text) if "Content Sec" in line.text else None
    )
    page.on("websocket", lambda socket: socket.on("framesent", lambda m: sent.append(m)))
    page.goto(server.address)
    page.get_by_text("Nothing is stored").wait_for()
    page.wait_for_selector(READY)
    yield page
    context.close()
    assert troubles == []

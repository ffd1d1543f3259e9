"""From a fresh server to a clinic at work, and what somebody without a session gets of it."""

import http.client
import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from records.access import accounts
from records.access.actors import CONSOLE
from records.schema import open_database
from tests.browser.conftest import PATIENCE, READY
from tests.browser.server import Server, serve
from tests.tiny import save_tiny_model

pytestmark = pytest.mark.browser
PHRASE = "three small words"
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def fresh(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that nobody has an account on."""
    models = tmp_path_factory.mktemp("models")
    save_tiny_model(models)
    with serve(models, tmp_path_factory.mktemp("fresh"), roles=()) as server:
        yield server


def visit(browser: Browser) -> tuple[BrowserContext, Page]:
    context = browser.new_context(color_scheme="dark")
    context.set_default_timeout(2 * PATIENCE)
    expect.set_options(timeout=2 * PATIENCE)
    return context, context.new_page()


def choose_password(page: Page) -> None:
    page.get_by_label("New password").fill(PHRASE)
    page.get_by_label("Password again").fill(PHRASE)
    page.get_by_role("button", name="Save and sign in").click()


def open_page(page: Page, name: str, section: str = "") -> None:
    if section:
        page.get_by_test_id("stTopNavSection").get_by_text(section).click()
        page.get_by_test_id("stTopNavPopover").get_by_text(name).click()
    else:
        page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    page.wait_for_selector(READY)


def test_from_the_first_administrator_to_a_clinician_who_is_locked_out(
    browser: Browser, fresh: Server
) -> None:
    context, anna = visit(browser)
    anna.goto(f"{fresh.address}/accounts")  # the very first request to this server
    expect(anna.get_by_role("heading", name="Welcome")).to_be_visible()
    link = re.search(r"http://\S+/signin/first\?token=\S+", fresh.log())
    assert link
    anna.goto(link[0])
    anna.get_by_label("Your name").fill("Anna Berg")
    choose_password(anna)
    anna.get_by_text("Photos stay in").wait_for()
    open_page(anna, "Accounts", "Administration")
    anna.get_by_role("textbox", name="Name").fill("Nora Vik")
    anna.get_by_role("button", name="Add", exact=True).click()
    invitation = anna.get_by_text("/signin/password?token=").inner_text()

    other, nora = visit(browser)
    nora.goto(invitation)
    expect(nora.get_by_role("heading", name="Choose a password for Nora Vik")).to_be_visible()
    choose_password(nora)
    nora.get_by_text("Photos stay in").wait_for()
    expect(nora.get_by_role("link", name="Examine")).to_be_visible()
    expect(nora.get_by_text("Administration")).to_have_count(0)
    nora.goto(f"{fresh.address}/accounts")  # typed by hand
    expect(nora.get_by_role("dialog")).to_contain_text("Page not found")  # for her there is none
    nora.keyboard.press("Escape")
    open_page(nora, "Nora Vik")
    nora.get_by_role("button", name="Sign out", exact=True).click()
    expect(nora.get_by_role("heading", name="Sign in")).to_be_visible()
    nora.go_back()
    expect(nora.get_by_role("heading", name="Sign in")).to_be_visible()
    nora.get_by_label("Name").fill("nora vik")
    nora.get_by_label("Password").fill(PHRASE)
    nora.get_by_role("button", name="Sign in").click()
    nora.get_by_role("button", name="Sign out", exact=True).wait_for()  # where she was before

    database = open_database(f"sqlite:///{fresh.data / 'records.sqlite'}")
    account = next(o for o in accounts.everyone(database, actor=CONSOLE) if o.name == "Nora Vik")
    accounts.set_disabled(database, actor=CONSOLE, account_id=account.id, disabled=True)
    database.close()
    nora.get_by_role("link", name="Examine").click()
    expect(nora.get_by_text("This account is disabled. Ask an administrator.")).to_be_visible()
    expect(nora.get_by_role("heading", name="Sign in")).to_be_visible()
    context.close()
    other.close()


def test_a_picture_is_gone_with_the_session(browser: Browser, server: Server) -> None:
    context, page = visit(browser)
    context.add_cookies(server.cookies)
    page.goto(server.address)
    picture = page.locator("[data-testid=stImage] img").first
    picture.wait_for()
    address = f"{server.address}{urlsplit(str(picture.get_attribute('src'))).path}"
    assert context.request.get(address).status == 200
    context.clear_cookies()
    assert context.request.get(address).status == 401
    context.close()


def test_uploads_without_a_session_cost_no_memory(server: Server) -> None:
    process = psutil.Process(server.pid)
    before = process.memory_info().rss
    host = urlsplit(server.address).netloc
    for number in range(100):
        connection = http.client.HTTPConnection(host, timeout=30)
        connection.putrequest("PUT", f"/_stcore/upload_file/tab/{number}")
        connection.putheader("Content-Length", str(25 * MEGABYTE))
        connection.endheaders()
        with suppress(ConnectionError):  # it may hang up before all has arrived
            for _ in range(2):
                connection.send(bytes(MEGABYTE))
        with suppress(ConnectionError):
            assert connection.getresponse().status == 401
        connection.close()
    assert process.memory_info().rss - before < 50 * MEGABYTE

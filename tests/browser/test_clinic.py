"""A clinician's whole story: a lesion over two visits, saved, and found again after a restart."""

import datetime
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import READY
from tests.browser.server import serve
from tests.browser.test_examine import answered, give, photo
from tests.browser.test_signin import PHRASE, choose_password, visit
from tests.tiny import save_tiny_model

pytestmark = pytest.mark.browser
MARCH, JUNE = datetime.date(2025, 3, 12), datetime.date(2025, 6, 1)


def idle(page: Page) -> None:
    page.wait_for_timeout(200)
    page.wait_for_selector(READY)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()
    idle(page)


def first_in(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_label("Your name").fill("Anna Berg")
    choose_password(page)
    page.get_by_text("Photos stay in").wait_for()


def save(page: Page) -> None:
    press(page, "Save to this lesion")
    save_now = page.get_by_role("dialog").get_by_role("button", name="Save", exact=True)
    save_now.dblclick()
    expect(page.get_by_text("Saved to this lesion")).to_be_visible()


def test_a_lesion_over_two_visits_is_found_again(browser: Browser, tmp_path: Path) -> None:
    models = tmp_path / "models"
    save_tiny_model(models)
    with serve(models, tmp_path, roles=()) as server:
        context, page = visit(browser)
        link = re.search(r"http://\S+/signin/first\?token=\S+", server.log())
        assert link
        first_in(page, link[0])
        page.get_by_role("link", name="Patients").click()
        press(page, "Add a patient")
        page.get_by_label("Clinic's own id").fill("4711")
        page.get_by_label("Name (optional)").fill("Maria Lopez")
        page.get_by_label("Year of birth").fill("1958")
        press(page, "Add patient")
        expect(page.get_by_text("No lesion yet")).to_be_visible()
        # By keyboard: the first region of the body from behind.
        region = page.locator("svg[data-view=back] .region").first
        expect(region).to_have_attribute("aria-label", "Mark a place: torso, back")
        region.focus()
        page.keyboard.press("Enter")
        press(page, "Add lesion")
        expect(page.get_by_role("heading", name="Lesion A, posterior torso")).to_be_visible()
        press(page, "Add visit")
        expect(page.get_by_role("heading", name="Add a visit")).to_be_visible()
        idle(page)
        give(page, photo("a.jpg", 1, MARCH))
        answered(page)
        save(page)
        page.get_by_role("link", name="Open the lesion").first.click()
        press(page, "Add visit")
        give(page, photo("b.jpg", 2, JUNE))
        page.get_by_role("button", name="Analyse 2 photos").click()
        answered(page)
        expect(page.locator(".strip button")).to_have_text(["12 Mar 2025", "1 Jun 2025"])
        save(page)
        page.get_by_role("link", name="Open the lesion").first.click()
        expect(page.get_by_text("2.7 months, short-term")).to_be_visible()
        expect(page.get_by_text("1 earlier assessment", exact=True)).to_be_visible()
        press(page, "Confirm a diagnosis")
        page.get_by_role("dialog").get_by_label("Diagnosis").click()
        page.get_by_role("option", name="Melanoma").click()
        idle(page)
        press(page, "Save")
        expect(page.get_by_text("Melanoma (histopathology).", exact=True)).to_be_visible()
        address = page.url.removeprefix(server.address)
        page.get_by_role("link", name="Anna Berg").click()
        page.get_by_role("button", name="Sign out", exact=True).click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        context.close()
    with serve(models, tmp_path, roles=()) as server:
        context, page = visit(browser)
        page.goto(f"{server.address}{address}")
        page.get_by_label("Name").fill("Anna Berg")
        page.get_by_label("Password").fill(PHRASE)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("heading", name="Lesion A, posterior torso")).to_be_visible()
        expect(page.get_by_text("Melanoma (histopathology).", exact=True)).to_be_visible()
        expect(page.get_by_text("Patient 4711, Maria Lopez, born 1958")).to_be_visible()
        expect(page.get_by_role("img", name=re.compile("^Photo 1, "))).to_have_count(2)
        page.get_by_role("button", name="Show with photos and heat maps").first.click()
        answered(page)
        expect(page.locator(".viewer .facts")).to_contain_text("Model tiny-1")
        context.close()

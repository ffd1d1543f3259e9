"""A lesion leaves the program: its report as PDF, and its exports, downloaded and opened."""

import csv
import io
import json
import re
import zipfile
from pathlib import Path

import pydicom
import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from tests.browser.conftest import READY
from tests.browser.server import Server
from tests.browser.test_compare import drawn, opened, shown, wait_for_change

pytestmark = pytest.mark.browser
PATIENT = "4712"
SIZE = (1200, 900)  # more than photos are compared at


@pytest.fixture(scope="module")
def lesion_id(server: Server) -> str:
    """A lesion in the server's records, with two visits of large photos."""
    return drawn(server, PATIENT, 2, size=SIZE)


def prepared(page: Page) -> bytes:
    """What the open dialog prepares, as it arrives on the clinician's disk."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Prepare", exact=True).click()
    ready = dialog.get_by_role("button", name="Download")
    ready.wait_for()
    with page.expect_download() as download:
        ready.click()
    return Path(download.value.path()).read_bytes()


def open_dialog(page: Page, name: str) -> None:
    """Opens it by its button on the lesion's page."""
    page.get_by_role("button", name=name, exact=True).click()
    page.get_by_role("dialog").wait_for()
    page.wait_for_selector(READY)


def test_the_report_says_what_changed_between_two_visits(
    page: Page, server: Server, lesion_id: str
) -> None:
    page.goto(f"{server.address}/lesion?lesion={lesion_id}")
    open_dialog(page, "Report")
    reader = PdfReader(io.BytesIO(prepared(page)))
    text = " ".join(" ".join(one.extract_text() for one in reader.pages).split())
    for said in (
        f"Patient {PATIENT}",
        "Change from 12 Mar 2024 to 18 Jun 2024",
        "Aligned: ",
        "Decision support, not a diagnosis",
        f"1 of {len(reader.pages)}",
    ):
        assert said in text, said
    pictures = [picture for one in reader.pages for picture in one.images]
    assert len(pictures) == 4  # both photos with their outlines, and again as they were taken


def test_everything_leaves_as_json_csv_and_dicom(
    page: Page, server: Server, lesion_id: str
) -> None:
    page.goto(f"{server.address}/lesion?lesion={lesion_id}")
    open_dialog(page, "Export")
    everything = json.loads(prepared(page))
    assert everything["patient"]["fields"]["clinic_id"] == PATIENT
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Visits as CSV").click()
    expect(dialog.get_by_role("button", name="Prepare", exact=True)).to_be_visible()
    rows = list(csv.DictReader(io.StringIO(prepared(page).decode("utf-8-sig"))))
    assert len(rows) == 2
    dialog.get_by_text("Photos as DICOM").click()
    expect(dialog.get_by_text("A ZIP of one file for each photo")).to_be_visible()
    with zipfile.ZipFile(io.BytesIO(prepared(page))) as archive:
        files = [pydicom.dcmread(io.BytesIO(archive.read(name))) for name in archive.namelist()]
    assert [(one.PatientID, one.Columns, one.Rows) for one in files] == [(PATIENT, *SIZE)] * 2


def test_whoever_zooms_in_is_shown_larger_pictures(
    page: Page, server: Server, lesion_id: str, sent: list[object]
) -> None:
    compare = opened(page, server, lesion_id)
    asked = len(sent)
    compare.get_by_role("button", name="Zoom in").click()
    expect(compare).to_have_class(re.compile("zoomed"))
    coarse = shown(compare)
    wait_for_change(page, compare, coarse)  # by itself
    assert len(sent) > asked

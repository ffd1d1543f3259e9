"""Data from the web and from the clinic's own records: stalled, stopped, gone on with, made."""

import http.server
import io
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from records import audit
from records.access.actors import CONSOLE
from records.clinic import confirmations
from records.clinic.confirmations import ConfirmationFields
from records.clinic.photos import NewPhoto
from records.keeping.store import open_store
from records.schema import open_database
from skinmodel.drawn import draw_lesion
from tests.browser.server import Server, serve
from tests.browser.test_learning import MINUTE, press, signed_in, visit
from tests.records.clinic import CLINIC, CODES, DAY, Clinic, Clock
from tests.tiny import save_tiny_model
from tests.training.conftest import write_isic
from tests.training.test_download import Server as Web
from tests.training.test_download import server as web
from training.data import isic

pytestmark = pytest.mark.browser
__all__ = ["web"]
SOON = 15.0  # seconds; a silent server is waited for twice as long


@pytest.fixture
def offered(web: Web, tmp_path: Path) -> Iterator[threading.Event]:
    """The web offers the training set, and goes silent in the midst of its photos, once."""
    layout = write_isic(tmp_path / "isic")
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", layout.folder, layout.photos.name)
    content = {
        isic.PHOTOS: Path(packed).read_bytes(),
        layout.truth.name: layout.truth.read_bytes(),
        layout.metadata.name: layout.metadata.read_bytes(),
    }
    silent, over = threading.Event(), threading.Event()

    def behave(handler: http.server.BaseHTTPRequestHandler, _: int) -> bool:
        name = handler.path.rpartition("/")[2]
        whole = content[name]
        if name == isic.PHOTOS and not silent.is_set():
            handler.answer(whole, send=len(whole) // 2)
            silent.set()
            over.wait(4 * SOON)
        else:
            handler.answer(whole)
        return True

    web.behave = behave
    yield silent
    over.set()


@pytest.fixture
def clinic(tmp_path: Path) -> None:
    """A lesion with photos of two days, confirmed."""
    data = tmp_path / "data"
    database = open_database(f"sqlite:///{data / 'records.sqlite'}")
    try:
        own = Clinic(database, open_store(str(data / "photos")), Clock())
        lesion = own.lesion(own.patient())
        for number, day in enumerate((DAY, DAY.replace(month=6))):
            stored = io.BytesIO()
            draw_lesion(number, size=(96, 72)).save(stored, "JPEG")
            photo = NewPhoto(stored.getvalue(), f"{number}.jpg", "image/jpeg", 96, 72)
            own.save(lesion, photo, day=day)
        confirmations.confirm(
            database,
            actor=CLINIC,
            lesion_id=lesion.id,
            fields=ConfirmationFields("NV", "consensus"),
            codes=CODES,
            save_key=own.key(),
        )
    finally:
        database.close()


@pytest.fixture
def office(
    chromium: str, tmp_path: Path, web: Web, clinic: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """A server whose ISIC 2019 training set comes from the web of this test."""
    monkeypatch.setenv("SKIN_ISIC_URL", web.address.rpartition("/")[0])
    save_tiny_model(tmp_path / "models")
    with serve(tmp_path / "models", tmp_path) as server:
        yield server


def test_data_come_from_the_web_and_from_the_clinics_own_records(
    browser: Browser, office: Server, offered: threading.Event, web: Web
) -> None:
    page = signed_in(browser, office)
    visit(page, office, "data")
    press(page, "Add data")
    page.get_by_role("dialog").get_by_text("ISIC 2019", exact=True).click()
    page.get_by_role("button", name="Fetch", exact=True).click()
    expect(page.get_by_text("Fetching ·")).to_be_visible()
    assert offered.wait(MINUTE / 1000)
    asked = time.monotonic()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Stopped. What arrived is kept.")).to_be_visible()
    assert time.monotonic() - asked < SOON
    page.get_by_role("button", name="Go on", exact=True).click()
    expect(page.get_by_text("ISIC 2019 · 130 photos · 64 lesions")).to_be_visible(timeout=MINUTE)
    (went_on,) = (one for one in web.requests if one)
    assert int(went_on.removeprefix("bytes=").rstrip("-")) > 0

    press(page, "Add data")
    page.get_by_role("dialog").get_by_text("This clinic's", exact=True).click()
    page.get_by_role("button", name="Make", exact=True).click()
    expect(page.get_by_text("2 photos · 1 lesion · made on")).to_be_visible(timeout=MINUTE)
    page.get_by_role("button", name="Report", exact=True).last.click()
    expect(page.get_by_text("Photos per diagnosis")).to_be_visible()
    page.context.close()
    noted = [  # how an intake ended is noted some seconds later
        "data set asked for", "data intake stopped", "data set cancelled", "data intake resumed",
        "data set added", "data set asked for", "data set added",
    ]  # fmt: skip
    until = time.monotonic() + SOON
    while sorted(deeds(office)) != sorted(noted):
        assert time.monotonic() < until, deeds(office)
        time.sleep(0.2)


def deeds(server: Server) -> list[str]:
    """What the audit log says of data, in its order; all of it is somebody's doing."""
    database = open_database(f"sqlite:///{server.data / 'records.sqlite'}")
    try:
        found = [one for one in audit.entries(database, actor=CONSOLE) if "data" in one.kind]
    finally:
        database.close()
    assert len({one.account_id for one in found}) == 1
    return [one.kind for one in found[::-1]]

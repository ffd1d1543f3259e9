"""A backup brought back from the page: the server restarts by itself, and nothing is lost."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from records import audit, chain
from records.access.actors import CLINICIAN, CONSOLE, Actor
from records.clinic import patients, search
from records.clinic.patients import PatientFields
from records.schema import open_database
from skinmodel import casemix
from skinmodel.casemix import CaseMix
from tests.browser.server import serve
from tests.browser.test_clinic import first_in
from tests.browser.test_signin import PHRASE, open_page, visit
from tests.tiny import save_tiny_model

pytestmark = pytest.mark.browser
SOMEBODY = Actor("somebody", frozenset({CLINICIAN}))


def test_a_backup_is_brought_back_and_the_server_restarts_by_itself(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKIN_WORKER", "no")  # nobody trains; it would start twice beside the server
    save_tiny_model(tmp_path / "models")
    with serve(tmp_path / "models", tmp_path, roles=()) as server:
        context, page = visit(browser)
        link = re.search(r"http://\S+/signin/first\?token=\S+", server.log())
        assert link
        first_in(page, link[0])
        records = open_database(f"sqlite:///{server.data / 'records.sqlite'}")

        def add(clinic_id: str) -> None:
            fields = PatientFields(clinic_id)
            patients.add(records, actor=SOMEBODY, fields=fields, save_key=f"form-{clinic_id}")

        add("4711")
        mix = server.data / "case_mix.json"
        casemix.write(mix, CaseMix((0.125,) * 8))
        open_page(page, "Backups", "Administration")
        page.get_by_role("button", name="Back up now").click()
        page.get_by_text("1 patient, 0 files, the case mix.").first.wait_for()
        add("4712")
        casemix.write(mix, None)
        page.get_by_role("button", name="Restore this backup").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("holds 1 patient and 0 files, the case mix.")
        dialog.get_by_role("button", name="Restore and restart").click()
        expect(dialog).to_contain_text("Nothing was done: type RESTORE, in capitals.")
        dialog.get_by_label("Type RESTORE to confirm").fill("RESTORE")
        dialog.get_by_role("button", name="Restore and restart").click()
        page.get_by_label("Password").wait_for(timeout=180_000)  # the server is back
        assert "/signin" in page.url
        page.get_by_label("Name").fill("Anna Berg")
        page.get_by_label("Password").fill(PHRASE)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text("Photos stay in").wait_for()
        open_page(page, "Backups", "Administration")
        said = "1 patient and 0 files were restored. Restored as well: the case mix."
        expect(page.get_by_text(said)).to_be_visible()
        assert casemix.read(mix)
        context.close()
        found = search.patients(records, actor=SOMEBODY, text="471")
        assert [one.fields.clinic_id for one in found] == ["4711"]
        assert chain.verify(records, actor=CONSOLE).sound
        assert audit.entries(records, actor=CONSOLE, kind=audit.RESTORED)
        assert "were restored." in server.log()
        records.close()

"""The administrators' page for backups, and for a patient who is taken away or erased."""

import io
import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

import app
from pages.components.frame import serving
from pages.components.patient import departing
from records import preferences
from records.access import links
from records.access.actors import ADMIN, CLINICIAN, CONSOLE
from records.access.sessions import SignedIn
from records.clinic import series
from records.errors import NotAllowed, NotFound
from records.keeping import backup, staging
from records.preferences import BACKUP_HOURS
from tests import signing
from tests.pages.test_admin import open_page
from tests.pages.test_examine import jpeg, labels, press, says
from tests.pages.test_records import MARCH, add_lesion, examined, save


@pytest.fixture
def office(person: SignedIn, sign_in: Callable[..., None]) -> SignedIn:
    """The person, as administrator and clinician."""
    roles = frozenset({ADMIN, CLINICIAN})
    both = replace(person, account=replace(person.account, roles=roles))
    sign_in(both)
    return both


def page() -> AppTest:
    serving.upkeep.clear()
    found = open_page("admin/backups.py")
    assert not found.exception
    return found


def test_a_backup_is_made_and_rehearsed_from_the_page(office: SignedIn) -> None:
    save(office, *examined(jpeg(1, MARCH)), add_lesion(office))
    there = page()
    assert "There is no complete backup yet." in says(there)
    assert "Backups are not encrypted." in says(there)
    press(there, "Back up now")
    until = time.monotonic() + 60
    database = serving.database()
    while backup.last_success(database, actor=office.actor) is None and time.monotonic() < until:
        time.sleep(0.1)
    there = page()
    assert "Last complete backup" in says(there) and "1 patient, 2 files" in says(there)
    press(there, "Rehearse a restore")
    assert "1 patient and 2 files can be restored." in there.info[0].value
    press(there, "Check the records")
    assert "Everything is whole" in there.info[0].value and there.code


def confirming(name: str) -> AppTest:
    """The dialog that asks before a backup is brought back."""

    def script(name: str) -> None:
        from pages.components.frame import guard, restoring, serving
        from records.keeping import rehearsal

        place = serving.limits().backups_url
        actor = guard.signed_in().actor
        restoring.confirm(rehearsal.look(actor=actor, source=place, name=name))

    return AppTest.from_function(script, default_timeout=60, args=(name,)).run()


def test_a_backup_is_asked_for_and_brought_back_at_the_next_start(office: SignedIn) -> None:
    assert "As soon as there is a backup" in says(page())
    database, found = serving.database(), serving.limits()
    nora = signing.add(database, ADMIN, name="Nora Vik")
    link = links.for_account(database, actor=CONSOLE, account_id=nora.id)
    links.set_password(database, token=link, password="three small words")
    serving.upkeep.clear()
    serving.upkeep().back_up(office.actor)
    lesion = add_lesion(office).lesion
    there = page()
    assert len(there.selectbox(key="restore-name").options) == 1
    dialog = confirming(there.selectbox(key="restore-name").value)
    assert "holds 0 patients and 0 files" in says(dialog).replace("*", "")
    assert "You will not be an administrator any more. These were: Nora Vik." in says(dialog)
    press(dialog, "Restore at the next start")
    assert "Nothing was done" in says(dialog) and staging.read(found.data_dir) is None
    dialog.text_input(key="restore-word").input("RESTORE").run()
    press(dialog, "Restore at the next start")
    there = page()
    assert "is going to be restored" in says(there) and "Restore this backup" not in labels(there)
    press(there, "Do not restore it")
    assert "Restore this backup" in labels(page())
    dialog.text_input(key="restore-word").input("RESTORE").run()
    press(dialog, "Restore at the next start")
    app.bring_back()
    there = page()
    assert "0 patients and 0 files were restored." in there.info[0].value.replace("\\", "")
    with pytest.raises(NotFound):
        series.page(
            serving.database(), actor=office.actor, lesion_id=lesion.id, model_sha256="a" * 64
        )


def test_the_schedule_is_chosen_for_all(office: SignedIn) -> None:
    there = page()
    there.selectbox(key="backup-hours").set_value(0).run()
    now = preferences.get(serving.database(), actor=office.actor, name=BACKUP_HOURS)
    assert now == 0 and "No backup is made by itself." in says(there)


def test_a_failed_backup_is_said(office: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIN_BACKUP_PASSPHRASE", "short")
    press(page(), "Back up now")
    until = time.monotonic() + 60
    while time.monotonic() < until:
        (*found,) = backup.history(serving.database(), actor=office.actor)
        if found and found[0].ended_at:
            break
        time.sleep(0.1)
    text = says(page()).replace("\\", "")
    assert "failed. A backup's passphrase needs at least 12 characters." in text
    assert "encrypted with the passphrase" in text


def test_everything_of_a_patient_is_taken_away(office: SignedIn) -> None:
    save(office, *examined(jpeg(1, MARCH)), add_lesion(office))
    made = departing.collect("4711", originals=False)
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        names = archive.namelist()
        values = json.loads(archive.read("patient.json"))
    assert values["patient"]["fields"]["clinic_id"] == "4711"
    assert made.problems == () and any(name.startswith("photos/") for name in names)
    with pytest.raises(NotFound):
        departing.collect("4712", originals=False)


def test_a_patient_is_erased_from_the_page(office: SignedIn) -> None:
    save(office, *examined(jpeg(1, MARCH)), add_lesion(office))
    script = "from pages.components.patient import departing\ndeparting.erase()"
    dialog = AppTest.from_string(script, default_timeout=60).run()
    dialog.text_input(key="erase-id").input("4711").run()
    dialog.text_input(key="erase-again").input("4712").run()
    press(dialog, "Erase for good")
    assert "The two ids differ. Nothing was erased." in says(dialog)
    dialog.text_input(key="erase-again").input("4711").run()
    press(dialog, "Erase for good")
    assert "The patient was erased with 2 files." in dialog.info[0].value.replace("\\", "")
    assert list(serving.store().names()) == []
    with pytest.raises(NotFound):
        departing.remove(office.actor, "4711")


def test_clinicians_alone_and_administrators_alone_stay_out_of_the_others_part(
    person: SignedIn, sign_in: Callable[..., None]
) -> None:
    assert "does not have the role" in open_page("admin/backups.py").error[0].value
    sign_in(replace(person, account=replace(person.account, roles=frozenset({ADMIN}))))
    there = page()
    assert "This needs the role of a clinician as well" in says(there)
    assert "Prepare" not in labels(there)
    with pytest.raises(NotAllowed):
        departing.remove(person.actor, "4711")

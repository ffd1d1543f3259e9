"""What is due by itself: backups on time, tidying, and whether a backup could come back."""

import threading
from pathlib import Path

import pytest

from records import audit, preferences
from records.clinic import deletion
from records.errors import NotAllowed, NotFound, RecordError
from records.keeping import backup, erasure, rehearsal, upkeep
from records.keeping.outcome import NOTHING_BESIDE
from records.keeping.upkeep import Upkeep
from records.preferences import BACKUP_HOURS
from tests.records.clinic import CLINIC, OFFICE, Clinic, picture

PASSPHRASE = "a long passphrase"


@pytest.fixture
def kept(sqlite_clinic: Clinic, tmp_path: Path) -> Upkeep:
    sqlite_clinic.save(sqlite_clinic.lesion(sqlite_clinic.patient()), picture(1))
    return Upkeep(
        database=lambda: sqlite_clinic.database,
        store=lambda: sqlite_clinic.store,
        to=str(tmp_path / "backups"),
        passphrase=PASSPHRASE,
    )


def made(clinic: Clinic) -> list[bool]:
    return [one.ok for one in backup.history(clinic.database, actor=OFFICE)]


def test_backups_are_made_when_they_are_due(sqlite_clinic: Clinic, kept: Upkeep) -> None:
    kept.turn()
    kept.turn()
    assert made(sqlite_clinic) == [True]
    sqlite_clinic.clock.pass_by(hours=23)
    kept.turn()
    assert made(sqlite_clinic) == [True]
    sqlite_clinic.clock.pass_by(hours=1)
    kept.turn()
    assert made(sqlite_clinic) == [True, True]
    (entry, *_) = audit.entries(sqlite_clinic.database, actor=OFFICE, kind="backup made")
    assert entry.account_id == "schedule"


def test_no_backup_is_made_where_none_is_wanted(sqlite_clinic: Clinic, kept: Upkeep) -> None:
    preferences.change(sqlite_clinic.database, actor=OFFICE, name=BACKUP_HOURS, value=0)
    kept.turn()
    assert made(sqlite_clinic) == []


def test_a_failed_backup_is_tried_again_an_hour_later(
    sqlite_clinic: Clinic, kept: Upkeep, tmp_path: Path
) -> None:
    (tmp_path / "backups").write_text("a file where the folder should be")
    kept.turn()
    kept.turn()
    assert made(sqlite_clinic) == [False]
    (tmp_path / "backups").unlink()
    sqlite_clinic.clock.pass_by(minutes=61)
    kept.turn()
    assert made(sqlite_clinic) == [True, False]


def test_a_backup_that_was_cut_off_does_not_stop_them_for_ever(
    sqlite_clinic: Clinic, kept: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(backup, "open_place", die)
        with pytest.raises(Killed):
            kept.back_up(OFFICE)
    assert upkeep.running(sqlite_clinic.database) and not upkeep.due(sqlite_clinic.database)
    sqlite_clinic.clock.pass_by(hours=6)
    assert not upkeep.running(sqlite_clinic.database)
    kept.turn()
    assert made(sqlite_clinic) == [True, False]


def test_what_was_deleted_is_tidied_once_a_day(sqlite_clinic: Clinic, kept: Upkeep) -> None:
    patient = sqlite_clinic.patient("9")
    sqlite_clinic.save(sqlite_clinic.lesion(patient), picture(2))
    kept.turn()
    database = sqlite_clinic.database
    deletion.delete(database, actor=CLINIC, kind="patient", object_id=patient.id)
    sqlite_clinic.clock.pass_by(hours=25)
    kept.turn()
    assert sqlite_clinic.store.size(picture(2).sha256) is None
    assert sqlite_clinic.store.size(picture(1).sha256)


def test_turns_are_taken_until_the_program_ends(
    kept: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, twice = [], threading.Event()

    def turn(_: Upkeep) -> None:
        turns.append(1)
        if len(turns) == 2:
            twice.set()

    monkeypatch.setattr(Upkeep, "turn", turn)
    with upkeep.kept(kept, every=0.01, first=0.01):
        assert twice.wait(20)
    ended = len(turns)
    threading.Event().wait(0.05)
    assert len(turns) == ended


def test_a_rehearsal_says_what_a_restore_would_bring(
    sqlite_clinic: Clinic, kept: Upkeep, tmp_path: Path
) -> None:
    kept.back_up(OFFICE)
    rehearse = {"actor": OFFICE, "source": kept.to, "passphrase": PASSPHRASE}
    before = {path for path in tmp_path.rglob("*")}
    found = rehearsal.rehearse(sqlite_clinic.database, **rehearse)
    assert found.sentence == f"1 patient and 1 file can be restored. {NOTHING_BESIDE}"
    assert found.made_at == sqlite_clinic.database.now()
    assert {path for path in tmp_path.rglob("*")} - before <= {
        path for path in tmp_path.rglob("records*")
    }
    (file,) = (path for path in (tmp_path / "backups" / "files").rglob("*") if path.is_file())
    file.write_bytes(file.read_bytes()[:-1])
    found = rehearsal.rehearse(sqlite_clinic.database, **rehearse)
    assert (found.files, found.missing) == (0, 1)
    for change, error in (
        ({"passphrase": "another passphrase"}, RecordError),
        ({"source": str(tmp_path / "nowhere")}, RecordError),
        ({"actor": CLINIC}, NotAllowed),
    ):
        with pytest.raises(error):
            rehearsal.rehearse(sqlite_clinic.database, **rehearse | change)
    kinds = audit.entries(sqlite_clinic.database, actor=OFFICE, kind="restore rehearsed")
    assert [entry.detail["missing"] for entry in kinds] == [1, 0]


def test_an_administrator_finds_whom_to_erase_and_nothing_of_them(clinic: Clinic) -> None:
    patient = clinic.patient("4711 b")
    assert erasure.find(clinic.database, actor=OFFICE, clinic_id=" 4711  B") == patient.id
    with pytest.raises(NotFound):
        erasure.find(clinic.database, actor=OFFICE, clinic_id="4711")
    with pytest.raises(NotAllowed):
        erasure.find(clinic.database, actor=CLINIC, clinic_id="4711 b")

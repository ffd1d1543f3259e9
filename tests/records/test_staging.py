"""A restore asked for in the browser: carried out whole at the next start, or not at all."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from records import audit, chain
from records.access import accounts, passwords, sessions
from records.access.accounts import AccountRow
from records.access.actors import ROLES, Actor
from records.errors import NotAllowed, RecordError
from records.keeping import arrival, backup, outcome, restore, staging
from records.keeping.store import Store, open_store
from records.schema import open_database
from records.tables import PatientRow
from tests.records.clinic import CLINIC, OFFICE, Clinic, Clock, picture
from tests.records.test_backup import address

BESIDE = ("case_mix.json", "models/active.json", "models/1.3.1/card.json")
ROOT = Path(__file__).resolve().parents[2]
# Carries a restore out, and dies at the n-th step that touches the disk.
VICTIM = """
import os, sys
folder, last = sys.argv[1:]
steps = 0
def around(function):
    def run(*given, **named):
        global steps
        for deed in (None, function):
            steps += 1
            if steps == int(last):
                os.kill(os.getpid(), 9)
            result = deed and deed(*given, **named)
        return result
    return run
from pathlib import Path
from sqlalchemy.orm import Session
from records.keeping import staging
from records.keeping.store import open_store
os.fsync, os.replace, os.link = around(os.fsync), around(os.replace), around(os.link)
os.open, Session.commit = around(os.open), around(Session.commit)
Path.unlink = around(Path.unlink)
done = staging.carry_out(
    f"sqlite:///{folder}/records.sqlite", Path(folder), source=f"{folder}/backups", passphrase="",
    store=lambda: open_store(f"{folder}/photos"),
)
assert done.state == "done", done
print(steps)
"""


def an_admin(clinic: Clinic) -> Actor:
    account = accounts.add(clinic.database, actor=OFFICE, name="Anna Berg", roles=ROLES)
    with clinic.database.write() as session:
        session.get_one(AccountRow, account.id).password = passwords.hashed("three small words")
    return Actor(account.id, ROLES)


def asked(clinic: Clinic, folder: Path) -> Actor:
    """A clinic with a backup of one patient, a second patient since, and the wish to go back."""
    anna = an_admin(clinic)
    clinic.save(clinic.lesion(clinic.patient("4711")), picture(1))
    place = {"source": str(folder / "backups"), "passphrase": ""}
    train(folder, "then")
    backup.make(clinic.database, clinic.store, actor=anna, to=place["source"], folder=folder)
    train(folder, "since")
    clinic.save(clinic.lesion(clinic.patient("4712")), picture(2))
    (name,) = restore.snapshots(place["source"], actor=OFFICE)
    staging.ask(clinic.database, folder, actor=anna, **place, name=name)
    return anna


def train(folder: Path, when: str) -> None:
    """A model and a case mix of the clinic's own, which tell when they were made."""
    for name in BESIDE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(when, encoding="utf-8")


def beside(folder: Path) -> set[str]:
    """When the clinic's own model and case mix were made."""
    return {(folder / name).read_text(encoding="utf-8") for name in BESIDE}


def carry_out(url: str, folder: Path, store: Store) -> staging.Staged | None:
    place = str(folder / "backups")
    return staging.carry_out(url, folder, store=lambda: store, source=place, passphrase="")


def patients(clinic: Clinic) -> list[str]:
    with clinic.database.read() as session:
        return sorted(session.scalars(select(PatientRow.clinic_id)))


def test_a_restore_waits_for_the_next_start_and_says_what_became_of_it(
    clinic: Clinic, tmp_path: Path
) -> None:
    anna = asked(clinic, tmp_path)
    token = sessions.start(clinic.database, account_id=anna.account_id)
    waiting = staging.read(tmp_path)
    assert waiting and waiting.waits and patients(clinic) == ["4711", "4712"]
    done = carry_out(address(clinic), tmp_path, clinic.store)
    assert done == staging.read(tmp_path) and done and done.state == staging.DONE
    assert "1 patient and 1 file were restored." in done.sentence
    before = "2 patients, 2 files, 1 own model, the case mix."  # that is backed up as well
    assert before in done.sentence and beside(tmp_path) == {"then"}
    assert patients(clinic) == ["4711"]
    with pytest.raises(sessions.SignedOut):
        sessions.find(clinic.database, token)
    assert chain.verify(clinic.database, actor=OFFICE).sound
    (entry,) = audit.entries(clinic.database, actor=OFFICE, kind=audit.RESTORED)
    assert (entry.account_id, entry.object_id) == (anna.account_id, waiting.id)
    assert carry_out(address(clinic), tmp_path, clinic.store) is None  # the next start does nothing
    name = restore.snapshots(str(tmp_path / "backups"), actor=OFFICE)[-1]
    back = {"source": str(tmp_path / "backups"), "passphrase": "", "name": name}
    staging.ask(clinic.database, tmp_path, actor=anna, **back)
    carry_out(address(clinic), tmp_path, clinic.store)
    assert patients(clinic) == ["4711", "4712"]  # and there is a way back


def test_a_restore_can_be_taken_back(sqlite_clinic: Clinic, tmp_path: Path) -> None:
    anna = asked(sqlite_clinic, tmp_path)
    with pytest.raises(NotAllowed):
        staging.withdraw(sqlite_clinic.database, tmp_path, actor=CLINIC)
    staging.withdraw(sqlite_clinic.database, tmp_path, actor=anna)
    assert carry_out(address(sqlite_clinic), tmp_path, sqlite_clinic.store) is None
    kinds = [e.kind for e in audit.entries(sqlite_clinic.database, actor=OFFICE, limit=2)]
    assert kinds == ["restore withdrawn", "restore asked for"]


def test_a_backup_in_which_nobody_administers_is_refused(
    sqlite_clinic: Clinic, tmp_path: Path
) -> None:
    place = {"source": str(tmp_path / "backups"), "passphrase": ""}
    backup.make(sqlite_clinic.database, sqlite_clinic.store, actor=OFFICE, to=place["source"])
    (name,) = restore.snapshots(place["source"], actor=OFFICE)
    with pytest.raises(RecordError, match="Nobody in this backup could sign in"):
        staging.ask(sqlite_clinic.database, tmp_path, actor=OFFICE, **place, name=name)
    with pytest.raises(NotAllowed):
        staging.ask(sqlite_clinic.database, tmp_path, actor=CLINIC, **place, name=name)
    with pytest.raises(RecordError, match="not there any more"):
        staging.ask(sqlite_clinic.database, tmp_path, actor=OFFICE, **place, name="../../x")
    assert staging.read(tmp_path) is None


@pytest.mark.parametrize("harm", ["no room for a backup", "backup damaged", "database lost"])
def test_what_cannot_be_restored_leaves_the_records_as_they_are(
    sqlite_clinic: Clinic, tmp_path: Path, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(sqlite_clinic, tmp_path)
    sqlite_clinic.database.close()
    path = sqlite_clinic.database.file
    assert path
    if harm == "no room for a backup":
        shutil.rmtree(tmp_path / "backups" / "files")
        (tmp_path / "backups" / "files").write_text("in the way")
    elif harm == "backup damaged":
        (snapshot,) = (tmp_path / "backups" / "snapshots").iterdir()
        snapshot.write_bytes(snapshot.read_bytes()[:100])
    else:
        path.unlink()
    before = path.read_bytes() if path.exists() else b""
    done = carry_out(address(sqlite_clinic), tmp_path, sqlite_clinic.store)
    assert done and done.state == staging.FAILED
    assert done.sentence.startswith("Nothing was restored")
    if before:
        assert patients(sqlite_clinic) == ["4711", "4712"]
    else:
        assert "The database file is missing" in done.sentence


@pytest.fixture
def begun(tmp_path: Path, empty_file: Path) -> Path:
    """A data folder with a restore that waits, which tests copy."""
    folder = tmp_path / "begun"
    folder.mkdir()
    (folder / "records.sqlite").write_bytes(empty_file.read_bytes())
    clinic = reopened(folder)
    asked(clinic, folder)
    clinic.database.close()
    return folder


def reopened(folder: Path) -> Clinic:
    url = f"sqlite:///{folder / 'records.sqlite'}"
    return Clinic(open_database(url), open_store(str(folder / "photos")), Clock())


class FullDisk:
    """Is full from the n-th write after the records were swapped: for `most` writes, then freed."""

    def __init__(self, patch: pytest.MonkeyPatch, database: Path, *, after: int, most: int) -> None:
        self.database = database
        self.full = range(after, after + most)
        self.writes = -1  # the swap itself is not one of them
        for name in ("replace", "mkdir", "fsync"):
            patch.setattr(os, name, self.around(getattr(os, name)))

    def around(self, write: Callable[..., object]) -> Callable[..., object]:
        def run(*given: object, **named: object) -> object:
            if self.writes >= 0 or (len(given) > 1 and given[1] == self.database):
                self.writes += 1
            if self.writes - 1 in self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(*given, **named)

        return run


def test_a_disk_that_is_full_after_the_swap_hides_nothing_and_the_next_start_goes_on(
    tmp_path: Path, begun: Path, times: Callable[[int, int], int]
) -> None:
    told = set()

    def attempt(after: int, most: int) -> int:
        """Fills the disk, looks at what is said and what is there; how many writes there were."""
        folder = shutil.copytree(begun, tmp_path / f"{after}-{most}")
        url, store = f"sqlite:///{folder / 'records.sqlite'}", open_store(str(folder / "photos"))
        with pytest.MonkeyPatch.context() as patch:
            disk = FullDisk(patch, folder / "records.sqlite", after=after, most=most)
            done = carry_out(url, folder, store)
        assert done and done.state == staging.DONE
        assert done.sentence.startswith("1 patient and 1 file were restored.")
        pending = arrival.waiting(folder) != ""
        assert pending == (outcome.PENDING in done.sentence)
        assert pending or beside(folder) == {"then"}
        told.add((pending, staging.read(folder) == done))
        clinic = reopened(folder)
        assert patients(clinic) == ["4711"]
        seen = staging.look(clinic.database, folder, actor=OFFICE)
        assert seen and seen.state == staging.DONE and "restored." in seen.sentence
        assert (outcome.PENDING in seen.sentence) == pending
        again = staging.look(clinic.database, folder, actor=OFFICE)
        assert again and again.ended_at == seen.ended_at
        carry_out(url, folder, store)  # the next start
        staged = staging.read(folder)
        assert staged and staged.state == staging.DONE and outcome.PENDING not in staged.sentence
        assert (outcome.SETTLED in staged.sentence) == pending
        assert beside(folder) == {"then"} and not (folder / arrival.STAGED).exists()
        (aside,) = folder.glob(f"{arrival.ASIDE}*")
        assert beside(aside) == {"since"}
        assert len(audit.entries(clinic.database, actor=OFFICE, kind=audit.RESTORED)) == 1
        clinic.database.close()
        return disk.writes

    writes = attempt(10**6, 0)
    assert writes > 15
    for number in range(count := times(3, writes)):
        attempt(number * writes // count, 1)
        attempt(number * writes // count, 10**6)
    attempt(writes - 2, 1)  # no room to write down what came of it
    assert told == {(True, False), (True, True), (False, False), (False, True)}


def test_what_an_earlier_start_could_not_write_down_is_told_by_the_next(
    tmp_path: Path, begun: Path
) -> None:
    folder = shutil.copytree(begun, tmp_path / "there")
    url, store = f"sqlite:///{folder / 'records.sqlite'}", open_store(str(folder / "photos"))
    done = carry_out(url, folder, store)
    assert done and done.state == staging.DONE
    staging._write(folder, replace(done, sentence=f"Restored. {outcome.PENDING}"))
    told = carry_out(url, folder, store)
    assert told and told.sentence == f"Restored. {outcome.SETTLED}"
    assert staging.read(folder) == told and carry_out(url, folder, store) is None


def test_a_request_that_cannot_be_read_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / staging.FILE).write_text('{"id": ', encoding="utf-8")
    assert staging.read(tmp_path) is None
    (tmp_path / staging.FILE).write_text("[]", encoding="utf-8")
    assert staging.read(tmp_path) is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_a_kill_at_any_step_leaves_one_state_or_the_other_and_the_next_start_goes_on(
    tmp_path: Path, begun: Path, times: Callable[[int, int], int]
) -> None:
    def attempt(folder: Path, last: int) -> int:
        """Kills at a step and looks at what is left; the number of steps if there are fewer."""
        shutil.copytree(begun, folder)
        done = subprocess.run(
            [sys.executable, "-c", VICTIM, str(folder), str(last)],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert done.returncode in {0, -9}, done.stderr
        url = f"sqlite:///{folder / 'records.sqlite'}"
        clinic = reopened(folder)
        assert patients(clinic) in (["4711"], ["4711", "4712"])
        assert chain.verify(clinic.database, actor=OFFICE).sound
        carry_out(url, folder, clinic.store)
        staged = staging.read(folder)
        assert staged and staged.state == staging.DONE, staged
        assert patients(clinic) == ["4711"] and beside(folder) == {"then"}
        assert not (folder / arrival.STAGED).exists()
        (aside,) = folder.glob(f"{arrival.ASIDE}*")
        assert beside(aside) == {"since"}
        restored = audit.entries(clinic.database, actor=OFFICE, kind=audit.RESTORED)
        assert len(restored) == 1 and chain.verify(clinic.database, actor=OFFICE).sound
        clinic.database.close()
        kept = restore.snapshots(str(folder / "backups"), actor=OFFICE)
        assert len(kept) >= 2  # that of the state before is there
        assert not list(folder.glob("records.sqlite.restoring*"))
        assert len(list(folder.glob("records.sqlite.replaced*"))) == 1
        return 0 if done.returncode else int(done.stdout)

    steps = attempt(tmp_path / "whole", 10**6)
    assert steps > 40
    count = times(4, steps)
    for number in range(1, count + 1):
        assert attempt(tmp_path / str(number), max(1, number * steps // count)) == 0


def test_a_restore_that_is_cut_off_again_and_again_is_given_up(
    sqlite_clinic: Clinic, tmp_path: Path
) -> None:
    asked(sqlite_clinic, tmp_path)
    values = json.loads((tmp_path / staging.FILE).read_text())
    (tmp_path / staging.FILE).write_text(json.dumps(values | {"tries": staging.MOST_TRIES}))
    done = carry_out(address(sqlite_clinic), tmp_path, sqlite_clinic.store)
    assert done and done.state == staging.FAILED and staging.CUT_OFF in done.sentence
    assert patients(sqlite_clinic) == ["4711", "4712"]

"""Kills, full disks and crowds: a record is there whole, or not at all, and never twice."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from records.clinic import series
from records.clinic.photos import NewPhoto
from records.clinic.visits import VisitFields
from records.errors import DiskFull, RecordError
from records.keeping import verification
from records.keeping.store import open_store
from records.schema import open_database
from records.tables import PhotoRow
from tests.records.clinic import CLINIC, DAY, OFFICE, Clinic, Clock, picture, result_of

ROOT = Path(__file__).resolve().parents[2]
# Saves two photos and a result, and dies at the n-th step that touches the disk: before and after
# each write, fsync, rename, and the database's commit.
VICTIM = """
import os, sys
url, photos, lesion_id, last = sys.argv[1:]
steps = 0
def step():
    global steps
    steps += 1
    if steps == int(last):
        os.kill(os.getpid(), 9)
def around(function):
    def run(*given, **named):
        step()
        result = function(*given, **named)
        step()
        return result
    return run
from sqlalchemy.orm import Session
from records.clinic import series
from records.clinic.photos import NewPhoto
from records.schema import open_database
from records.keeping.store import open_store
from records.clinic.visits import VisitFields
from tests.records.clinic import CLINIC, DAY, picture, result_of
from tests.records.clinic import Clock
database = open_database(url, clock=Clock())
os.fsync, os.replace = around(os.fsync), around(os.replace)
os.open, Session.commit = around(os.open), around(Session.commit)
Session.flush = around(Session.flush)
series.save(
    database, open_store(photos), actor=CLINIC, lesion_id=lesion_id, maps=b"maps",
    new=[series.NewVisit(VisitFields(DAY), (picture(1), picture(2)))],
    result=result_of(picture(1), picture(2), at=database.now()), save_key="one form",
)
print(steps)
"""


def save_again(clinic: Clinic, lesion_id: str) -> None:
    """The person comes back and presses Save in the same form."""
    series.save(
        clinic.database,
        clinic.store,
        actor=CLINIC,
        lesion_id=lesion_id,
        maps=b"maps",
        new=[series.NewVisit(VisitFields(DAY), (picture(1), picture(2)))],
        result=result_of(picture(1), picture(2), at=clinic.database.now()),
        save_key="one form",
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_a_kill_between_any_two_writes_leaves_all_or_nothing(
    tmp_path: Path, empty_file: Path, times: Callable[[int, int], int]
) -> None:
    def attempt(folder: Path, last: int) -> int:
        """Kills at a step and looks at what is left; the number of steps if there are fewer."""
        folder.mkdir()
        url, photos = f"sqlite:///{folder / 'records.sqlite'}", str(folder / "photos")
        (folder / "records.sqlite").write_bytes(empty_file.read_bytes())
        clinic = Clinic(open_database(url, clock=Clock()), open_store(photos), Clock())
        lesion = clinic.lesion(clinic.patient())
        clinic.database.close()
        done = subprocess.run(
            [sys.executable, "-c", VICTIM, url, photos, lesion.id, str(last)],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert done.returncode in {0, -9}, done.stderr
        clinic = Clinic(open_database(url, clock=Clock()), open_store(photos), Clock())
        found = verification.verify(clinic.database, clinic.store, actor=OFFICE)
        assert found.problems == ()
        page = clinic.page(lesion)
        there = len(page.visits), sum(len(v.photos) for v in page.visits), len(page.assessments)
        assert there in {(0, 0, 0), (1, 2, 1)}
        save_again(clinic, lesion.id)
        page = clinic.page(lesion)
        assert [len(visit.photos) for visit in page.visits] == [2] and len(page.assessments) == 1
        assert len(list(clinic.store.names())) == 3
        clinic.database.close()
        return 0 if done.returncode else int(done.stdout)

    steps = attempt(tmp_path / "whole", 10**6)
    assert steps > 20
    count = times(4, steps)
    for number in range(1, count + 1):
        assert attempt(tmp_path / str(number), max(1, number * steps // count)) == 0


def test_sixteen_who_upload_at_once_lose_and_double_nothing(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient())
    failed: list[Exception] = []
    saved: list[str] = []

    def upload(number: int) -> None:
        try:
            own = clinic.save(lesion, picture(number), save_key=f"own form {number}")
            again = clinic.save(lesion, picture(number), save_key=f"own form {number}")
            assert own == again
            saved.extend(own.photo_ids)
            clinic.save(lesion, picture(99), save_key="the same form")
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [] and len(set(saved)) == 16
    with clinic.database.read() as session:
        assert session.scalar(select(func.count()).select_from(PhotoRow)) == 17
    assert verification.verify(clinic.database, clinic.store, actor=OFFICE).sound
    assert len(clinic.page(lesion).visits) == 1


def test_a_photo_that_does_not_fit_on_the_disk_is_not_half_there(
    sqlite_clinic: Clinic, small_disk: Path
) -> None:
    clinic = Clinic(sqlite_clinic.database, open_store(str(small_disk)), sqlite_clinic.clock)
    lesion = clinic.lesion(clinic.patient())
    large = NewPhoto(bytes(2_000_000), "a.jpg", "image/jpeg", 640, 480)
    with pytest.raises(DiskFull, match="Nothing was saved"):
        clinic.save(lesion, picture(1), large)
    assert clinic.page(lesion).visits == ()
    assert [path for path in small_disk.rglob("*") if path.stat().st_size > 100_000] == []
    clinic.save(lesion, picture(1))
    assert verification.verify(clinic.database, clinic.store, actor=OFFICE).sound


def test_a_database_that_fails_at_the_commit_saves_nothing(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesion = clinic.lesion(clinic.patient())

    def fail(*given: object, **named: object) -> None:
        raise RecordError

    monkeypatch.setattr("records.clinic.assessments.audit.append", fail)
    with pytest.raises(RecordError, match="Nothing was saved"):
        clinic.assess(lesion, picture(1))
    monkeypatch.undo()
    assert clinic.page(lesion).visits == ()
    assert verification.verify(clinic.database, clinic.store, actor=OFFICE).unused == 2

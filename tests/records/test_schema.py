"""A database is made once, migrated after a backup, and never silently made anew."""

import os
import shutil
import sqlite3
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text as sql

from records import chain, schema
from records.clinic import search
from records.database import Base, Database, connect, file_of
from records.errors import (
    Busy,
    DatabaseDamaged,
    DatabaseMissing,
    DatabaseNewer,
    DatabaseReadOnly,
    DiskFull,
    Unavailable,
)
from records.schema import open_database
from tests.records.clinic import CLINIC, OFFICE, Clinic
from tests.records.test_audit import write


def path_of(url: str) -> Path:
    path = file_of(url)
    assert path
    return path


def test_migrations_make_what_the_program_expects(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_there_is_one_line_of_migrations() -> None:
    assert schema.revisions() == sorted(schema.revisions())


def test_opening_twice_changes_nothing(sqlite_url: str) -> None:
    open_database(sqlite_url).close()
    path = path_of(sqlite_url)
    before = path.read_bytes()
    open_database(sqlite_url).close()
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "records.sqlite",
        "records.sqlite.lock",
        "records.sqlite.made",
    ]


def test_many_that_start_at_once_make_one_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a folder' / 'records.sqlite'}"
    failed: list[BaseException] = []

    def start() -> None:
        try:
            database = open_database(url)
            write(database, 1)
            database.close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    database = open_database(url)
    assert chain.verify(database, actor=OFFICE).entries == 6
    database.close()


def test_a_missing_database_is_not_made_anew(sqlite_url: str) -> None:
    open_database(sqlite_url).close()
    path = path_of(sqlite_url)
    path.unlink()
    with pytest.raises(DatabaseMissing, match="restore a backup"):
        open_database(sqlite_url)
    assert not path.exists()


def test_a_database_lost_while_open_is_noticed(sqlite_url: str, tmp_path: Path) -> None:
    database = open_database(sqlite_url)
    path = path_of(sqlite_url)
    copy = shutil.copy(path, tmp_path / "copy")
    path.unlink()
    with pytest.raises(DatabaseMissing):
        write(database, 1)
    assert not path.exists()
    os.replace(copy, path)
    write(database, 1)  # the file that was put back, not the one that was lost
    database.close()
    assert chain.head(connect(sqlite_url), actor=OFFICE).seq == 1


def damage_empty(path: Path) -> None:
    path.write_bytes(b"")


def damage_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(4096))


def damage_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(4096))


def damage_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def damage_other(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" * 1000)


def damage_swapped(path: Path) -> None:
    path.unlink()
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version = 1")
    raw.close()


@pytest.mark.parametrize(
    "damage",
    [damage_empty, damage_header, damage_page, damage_half, damage_other, damage_swapped],
)
def test_a_damaged_database_is_left_as_it_is(sqlite_url: str, damage: object) -> None:
    open_database(sqlite_url).close()
    path = path_of(sqlite_url)
    assert callable(damage)
    damage(path)
    before = path.read_bytes()
    with pytest.raises(DatabaseDamaged, match="damaged"):
        open_database(sqlite_url)
    assert path.read_bytes() == before


def test_a_newer_database_is_refused(url: str) -> None:
    database = open_database(url)
    with database.write() as session:
        session.execute(sql("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(DatabaseNewer, match="Update the program"):
        open_database(url)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    raw = sqlite3.connect(tmp_path / "other.sqlite")
    raw.execute("CREATE TABLE recipes (id)")
    raw.close()
    with pytest.raises(Unavailable, match="not DermTrace's"):
        open_database(f"sqlite:///{tmp_path / 'other.sqlite'}")


def older(url: str) -> None:
    """A database of the first version, with one audit entry."""
    path = path_of(url)
    path.unlink()
    path.touch()
    database = connect(url)
    with database.engine.execution_options(begin="BEGIN IMMEDIATE").begin() as connection:
        schema.upgrade(connection, "0001")
    write(database, 1)
    database.close()


def test_an_older_database_is_migrated_after_a_backup(sqlite_url: str) -> None:
    older(sqlite_url)
    if schema.revisions() == ["0001"]:
        pytest.skip("there is one version of the database so far")
    database = open_database(sqlite_url)
    assert chain.verify(database, actor=OFFICE).entries == 1
    with database.read() as session:
        version = session.scalar(sql("SELECT version_num FROM alembic_version"))
    assert version == schema.revisions()[-1]
    database.close()
    backup = connect(f"{sqlite_url}.before-0001")
    assert chain.head(backup, actor=OFFICE).seq == 1
    backup.close()


def test_patients_are_found_after_their_words_were_put_together(clinic: Clinic, url: str) -> None:
    clinic.patient("A 17", name="Ana Lima")
    clinic.patient("B 17", name="Ana Berg")
    before = clinic.database.engine.execution_options(begin="BEGIN IMMEDIATE")
    with before.begin() as connection:  # as the version before had it
        for statement in (
            "CREATE TABLE words AS SELECT term, patient_id FROM term",
            "DROP TABLE term",
            "ALTER TABLE words RENAME TO term",
            "CREATE INDEX ix_term_patient_id ON term (patient_id)",
            "DROP TABLE scale",
            "ALTER TABLE visit DROP COLUMN field_mm",
            "ALTER TABLE visit DROP COLUMN field_within_mm",
            "UPDATE alembic_version SET version_num = '0006'",
        ):
            connection.execute(sql(statement))
    clinic.database.close()
    database = open_database(url)
    (hit,) = search.patients(database, actor=CLINIC, text="17 an ber")
    assert hit.fields.clinic_id == "B 17"
    database.close()


def test_a_failed_migration_changes_nothing(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    older(sqlite_url)

    def fail(connection: object, revision: str = "head") -> None:
        assert hasattr(connection, "execute")
        connection.execute(sql("CREATE TABLE half (id INTEGER)"))
        raise RuntimeError

    monkeypatch.setattr(schema, "upgrade", fail)
    monkeypatch.setattr(schema, "revisions", lambda: ["0001", "0002"])
    with pytest.raises(RuntimeError):
        open_database(sqlite_url)
    raw = sqlite3.connect(path_of(sqlite_url))
    assert not raw.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchall()
    raw.close()


def test_a_locked_database_is_waited_for(sqlite_url: str) -> None:
    database = open_database(sqlite_url, patience=5)
    other = sqlite3.connect(path_of(sqlite_url), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.5, other.rollback)
    release.start()
    write(database, 1)
    release.join()
    other.close()
    database.close()


def test_a_database_locked_for_too_long_is_said(sqlite_url: str) -> None:
    database = open_database(sqlite_url, patience=0.1)
    other = sqlite3.connect(path_of(sqlite_url), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Busy, match="Nothing was saved"):
        write(database, 1)
    other.close()
    assert chain.head(database, actor=OFFICE).seq == 0
    database.close()


def test_a_full_disk_saves_nothing_and_loses_nothing(empty_file: Path, small_disk: Path) -> None:
    path = small_disk / "records.sqlite"
    shutil.copy(empty_file, path)
    database = open_database(f"sqlite:///{path}")
    write(database, 2)
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with pytest.raises(DiskFull, match="disk is full"):
        write(database, 1)
    filler.unlink()
    write(database, 1)
    assert chain.verify(database, actor=OFFICE).entries == 3
    database.close()


def test_a_read_only_database_is_said(empty_file: Path, small_disk: Path) -> None:
    shutil.copy(empty_file, small_disk / "records.sqlite")
    url = f"sqlite:///{small_disk / 'records.sqlite'}"
    open_database(url).close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(DatabaseReadOnly, match="not written"):
        open_database(url)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_only_its_owner_can_read_a_new_database(tmp_path: Path) -> None:
    open_database(f"sqlite:///{tmp_path / 'records.sqlite'}").close()
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path.name


def test_addresses_that_are_none_are_refused() -> None:
    for address in ("", "sqlite://", "mysql://host/db", "no address"):
        with pytest.raises(Unavailable, match="address"):
            open_database(address)

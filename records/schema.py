"""Opens the database when the program starts: makes it once, checks it, migrates it after a backup.

A database that has been there before and is missing, damaged, read-only or too new is never
replaced by an empty one: opening raises Unavailable with a sentence.
"""

import datetime
import errno
import importlib
import os
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy import text as sql

from records.database import (
    PATIENCE,
    WAL_IS_SOUND,
    WRITER,
    Database,
    connect,
    file_of,
    utc_now,
)
from records.errors import (
    DatabaseDamaged,
    DatabaseMissing,
    DatabaseNewer,
    DatabaseReadOnly,
    DiskFull,
    Unavailable,
)
from records.keeping.store import sync_folder
from records.translation import translated

# Every module with tables: Base.metadata is whole once they are imported.
TABLES = (
    "records.access.accounts",
    "records.audit",
    "records.models.jobs",
    "records.access.links",
    "records.access.sessions",
    "records.tables",
)
OWNER_ONLY = 0o600  # SQLite gives its journals the rights of the database
Backup = Callable[[Connection, str], None]


def open_database(
    url: str,
    *,
    before_migration: Backup | None = None,
    patience: float = PATIENCE,
    clock: Callable[[], datetime.datetime] = utc_now,
) -> Database:
    """The database behind a URL, in the form this program knows.

    An SQLite file is made if it has never been there, and copied beside itself, as
    NAME.before-REVISION, before it is migrated. For a server's, `before_migration` is given the
    connection and the revision then. Unavailable, or one of its kinds, if it cannot be used.
    """
    for name in TABLES:
        importlib.import_module(name)
    path = file_of(url)
    database = connect(url, patience=patience, clock=clock)
    try:
        with translated(), _starting_alone(database, path):
            if path:
                if not path.exists():
                    _create(path, patience)
                _check(database, path)
            _migrate(database, path, before_migration)
            if path:
                mark(path)
    except BaseException:
        database.close()
        raise
    return database


def revisions() -> list[str]:
    """The revisions this program knows, oldest first."""
    script = ScriptDirectory.from_config(_config())
    return [one.revision for one in script.walk_revisions()][::-1]


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Migrates within the connection's transaction."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def current(connection: Connection) -> str | None:
    """A database's revision, None for an empty one; Unavailable if it is not DermTrace's."""
    there = inspect(connection).get_table_names()
    if "alembic_version" in there:
        revision: str | None = connection.scalar(sql("SELECT version_num FROM alembic_version"))
        return revision
    if there:
        raise Unavailable("This database holds other tables; it is not DermTrace's.")
    return None


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def _starting_alone(database: Database, path: Path | None) -> Iterator[None]:
    """Holds off other processes that start at the same moment, until this one has."""
    if path is None:
        with database.engine.connect() as connection, connection.begin():
            connection.execute(sql("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER + 1})
            yield
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _beside(path, ".lock").touch(OWNER_ONLY)
        lock = sqlite3.connect(_beside(path, ".lock"), timeout=60, isolation_level=None)
    except OSError as error:
        if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
            raise DatabaseReadOnly from error
        raise Unavailable(f"The database's folder cannot be used: {error.strerror}.") from error
    try:
        # A lock of SQLite's: let go by the system if the process dies, on every platform.
        lock.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        lock.close()


def _create(path: Path, patience: float) -> None:
    if _beside(path, ".made").exists():
        raise DatabaseMissing
    fresh = _beside(path, ".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(OWNER_ONLY)
    database = connect(f"sqlite:///{fresh}", patience=patience)
    try:
        _migrate(database, None, None)
    finally:
        database.close()
    os.replace(fresh, path)
    sync_folder(path.parent)


def _check(database: Database, path: Path) -> None:
    if path.stat().st_size == 0:
        raise DatabaseDamaged
    with database.engine.connect() as connection:
        if connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok":
            raise DatabaseDamaged
        if current(connection) is None:  # an empty one in place of the clinic's
            raise DatabaseDamaged
    with database.write() as session:  # refused where the file cannot be written
        session.execute(sql("PRAGMA user_version = 0"))
        session.rollback()
    raw = sqlite3.connect(path, isolation_level=None)
    try:
        mode = "WAL" if sqlite3.sqlite_version_info >= WAL_IS_SOUND else "DELETE"
        raw.execute(f"PRAGMA journal_mode = {mode}")
    finally:
        raw.close()


def _migrate(database: Database, path: Path | None, backup: Backup | None) -> None:
    with database.engine.connect() as connection:
        revision = current(connection)
    known = revisions()
    if revision == known[-1]:
        return
    if revision is not None and revision not in known:
        raise DatabaseNewer
    if revision is not None:
        _back_up(database, path, revision, backup)
    writing = database.engine.execution_options(begin="BEGIN IMMEDIATE")
    with writing.connect() as connection:
        if database.is_sqlite:
            # A table that is rebuilt is dropped first, which would take what refers to it along.
            # Outside a transaction, because inside one SQLite ignores it.
            raw: Any = connection.connection.dbapi_connection
            raw.execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            upgrade(connection)
            if database.is_sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").all():
                raise Unavailable("The database could not be brought up to date.")
        connection.invalidate()  # the next connection has foreign keys on again


def _back_up(database: Database, path: Path | None, revision: str, backup: Backup | None) -> None:
    try:
        if path:
            to = _beside(path, f".before-{revision}")
            part = to.with_name(f"{to.name}.part")
            part.touch(OWNER_ONLY)
            source = sqlite3.connect(path)
            target = sqlite3.connect(part)
            try:
                source.backup(target)
            finally:
                target.close()
                source.close()
            os.replace(part, to)
            sync_folder(to.parent)
        elif backup:
            with database.engine.connect() as connection:
                backup(connection, revision)
    except OSError as error:
        free = shutil.disk_usage(path.parent).free if path else 0
        raise DiskFull(
            "The database needs an update, but there is no room for its backup"
            f" ({free / 1e9:.1f} GB free). Nothing was changed in it."
        ) from error


def mark(path: Path) -> None:
    """Remembers beside the database that it has been there."""
    made = _beside(path, ".made")
    if not made.exists():
        made.touch(OWNER_ONLY)
        made.write_text(f"{uuid.uuid4().hex}\n", encoding="ascii")
        sync_folder(made.parent)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)

"""Puts a restored database in the place of the one that is there, at one stroke, and keeps that.

On SQLite it is made in a file beside the other, on PostgreSQL in a schema beside the other's. Up to
the stroke everything is as it was; after it, what was there lies aside under a name with the time.
"""

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import make_url
from sqlalchemy import text as sql

from records.database import PATIENCE, WRITER, Database, connect, file_of, utc_now
from records.errors import RecordError
from records.keeping.store import sync_folder
from records.schema import mark
from records.translation import translated

FRESH = "restoring"
ASIDE = "replaced"
JOURNALS = ("-journal", "-wal", "-shm")
IN_USE = "Another program is using the database, so nothing was restored. Stop it first."

log = logging.getLogger("dermtrace")


def beside(url: str) -> str:
    """The URL of an empty place for a database beside the one at `url`."""
    discard(url)
    path = file_of(url)
    if path:
        fresh = _fresh(path)
        fresh.parent.mkdir(parents=True, exist_ok=True)
        fresh.touch(0o600)
        return f"sqlite:///{fresh}"
    _run(url, f"CREATE SCHEMA {FRESH}")
    address = make_url(url).update_query_dict({"options": f"-c search_path={FRESH}"})
    return address.render_as_string(hide_password=False)


def discard(url: str) -> None:
    """Removes what a restore that was cut off has left."""
    path = file_of(url)
    if path is None:
        _run(url, f"DROP SCHEMA IF EXISTS {FRESH} CASCADE")
        return
    for left in path.parent.glob(f"{_fresh(path).name}*"):
        left.unlink()
    for name in path.parent.glob(f"{path.name}.{ASIDE}-*"):
        if path.exists() and name.samefile(path):  # its second name, and no stroke came after
            name.unlink()


def put_in_place(url: str) -> str:
    """Swaps the database beside in; the name of what was there, "" if there was nothing.

    RecordError if another program keeps using it. Nothing fails once the stroke is done.
    """
    path = file_of(url)
    name = f"{ASIDE}_{utc_now():%Y%m%dt%H%M%S%f}"
    if path is None:
        _swap_schemas(url, name)
        return name
    aside = path.with_name(f"{path.name}.{name.replace('_', '-')}")
    if path.exists():
        with _held(path, aside) as lock:
            _keep(path, aside, lock)
            os.replace(_fresh(path), path)
    else:
        os.replace(_fresh(path), path)
    try:
        mark(path)
        discard(url)
        sync_folder(path.parent)
    except OSError:  # the stroke is done all the same, and the next start does the rest
        log.exception("After a restore the folder could not be tidied")
    return aside.name if aside.exists() else ""


def forget(database: Database) -> None:
    """Removes each database that was put aside; of an SQLite file, records.keeping.erasure does."""
    if database.is_sqlite:
        return
    with translated(), database.engine.begin() as connection:
        found = "SELECT nspname FROM pg_namespace WHERE nspname LIKE :name"
        for (name,) in connection.execute(sql(found), {"name": f"{ASIDE}\\_%"}).all():
            connection.execute(sql(f'DROP SCHEMA "{name}" CASCADE'))


def _fresh(path: Path) -> Path:
    return path.with_name(f"{path.name}.{FRESH}")


@contextmanager
def _held(path: Path, aside: Path) -> Iterator[sqlite3.Connection | None]:
    """Nobody reads or writes the file meanwhile, and it has no journal beside it.

    A journal that somebody began would be taken for the new file's. A file that is none of
    SQLite's any more is held by nobody; its journals are put aside with it.
    """
    address = f"file:{quote(str(path))}?mode=rw"
    lock = sqlite3.connect(address, uri=True, timeout=PATIENCE, isolation_level=None)
    with closing(lock):
        held: sqlite3.Connection | None = lock
        try:
            (mode,) = lock.execute("PRAGMA journal_mode = DELETE").fetchone()
            if mode != "delete":
                raise RecordError(IN_USE)
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise RecordError(IN_USE) from error
        except sqlite3.DatabaseError:  # damaged, which is why a backup is restored
            held = None
            for suffix in JOURNALS:
                old = path.with_name(path.name + suffix)
                if old.exists():
                    os.replace(old, aside.with_name(aside.name + suffix))
        yield held


def _keep(path: Path, aside: Path, lock: sqlite3.Connection | None) -> None:
    """A second name for the file, so that the first can be given away at one stroke."""
    try:
        os.link(path, aside)
    except OSError:  # a file system without second names
        if lock is None:
            os.replace(path, aside)
            return
        with closing(sqlite3.connect(aside)) as copy:
            lock.backup(copy)
    sync_folder(path.parent)


def _swap_schemas(url: str, aside: str) -> None:
    database = connect(url)
    try:
        with translated(), database.engine.begin() as connection:
            connection.execute(sql("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER})
            name = connection.scalar(sql("SELECT current_schema()"))
            connection.execute(sql(f'ALTER SCHEMA "{name}" RENAME TO "{aside}"'))
            connection.execute(sql(f'ALTER SCHEMA {FRESH} RENAME TO "{name}"'))
    finally:
        database.close()


def _run(url: str, statement: str) -> None:
    database = connect(url)
    try:
        with translated(), database.engine.begin() as connection:
            connection.execute(sql(statement))
    finally:
        database.close()

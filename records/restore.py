"""Brings a backup back, into a new database or in place of a lost one. From the console only.

An SQLite file that is there is put aside, never overwritten. Patients erased since the backup was
made are erased again before any of their files is written. Nobody stays signed in.
"""

import datetime
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, inspect, select

from records import audit, deletion, snapshot
from records.actors import ADMIN, Actor
from records.backup import ERASED, Place, Progress, open_place
from records.database import Database, connect, file_of, translated, utc_now
from records.errors import DatabaseNewer, RecordError
from records.schema import current, mark, open_database, revisions, upgrade
from records.store import Store, sync_folder
from records.tables import BlobRow, ErasureRow, PatientRow
from records.wording import count

NOT_EMPTY = (
    "The database on the server holds records already. Nothing was changed. Restore into an empty"
    " database and set its address."
)


@dataclass(frozen=True)
class Restored:
    """What was brought back; `missing` counts files that the backup did not have whole."""

    made_at: datetime.datetime
    patients: int
    files: int
    missing: int
    erased_again: int
    put_aside: Path | None

    @property
    def sentence(self) -> str:
        """All of it, in words."""
        patients, files = count(self.patients, "patient"), count(self.files, "file")
        text = f"{patients} and {files} were restored."
        if self.erased_again:
            text += f" {self.erased_again} patients erased since were erased again."
        if self.missing:
            text += f" {self.missing} files are not whole in the backup; verify names them."
        if self.put_aside:
            text += f" The database that was there is kept as {self.put_aside.name}."
        return text


def snapshots(source: str, *, passphrase: str = "") -> list[str]:
    """The names of the backups at a place, oldest first; they begin with the moment in UTC."""
    return open_place(source, passphrase).files.list("snapshots")


def restore(
    url: str,
    store: Store,
    *,
    actor: Actor,
    source: str,
    passphrase: str = "",
    name: str | None = None,
    progress: Progress = lambda *_: None,
) -> Restored:
    """Restores the backup `name`, or the newest, into the database at `url` and the store.

    Nobody may use the database meanwhile: stop the app first. If anything goes wrong, the database
    is as it was before.
    """
    actor.require(ADMIN)
    place = open_place(source, passphrase)
    names = place.files.list("snapshots")
    chosen = name or (names[-1] if names else "")
    if chosen not in names:
        raise RecordError("There is no such backup at this place.")
    data = place.vault.open(place.files.read(f"snapshots/{chosen}") or b"")
    made_at, revision = snapshot.header(data)
    if revision not in revisions():
        raise DatabaseNewer
    erased = _erased(url, store, place)
    path = file_of(url)
    fresh, target, aside = None, url, None
    if path:
        fresh = path.with_name(f"{path.name}.restoring")
        fresh.parent.mkdir(parents=True, exist_ok=True)
        for old in fresh.parent.glob(f"{fresh.name}*"):
            old.unlink()
        fresh.touch(0o600)
        target = f"sqlite:///{fresh}"
    database = connect(target)
    try:
        fill(database, data, revision)
    finally:
        database.close()
    database = open_database(target)
    try:
        again = _erase_again(database, erased)
        restored, missing = _bring_files(database, store, place, progress)
        with database.write() as session:
            patients = session.scalar(select(func.count()).select_from(PatientRow)) or 0
            audit.append(
                session,
                at=database.now(),
                account_id=actor.account_id,
                kind="backup restored",
                detail={"backup": chosen, "erased again": again},
            )
    finally:
        database.close()
    if path and fresh:
        aside = _put_in_place(fresh, path)
    return Restored(made_at, patients, restored, missing, again, aside)


def fill(database: Database, data: bytes, revision: str) -> None:
    """Loads a backup's rows into an empty database; RecordError if it is not empty."""
    writing = database.engine.execution_options(begin="BEGIN IMMEDIATE")
    with translated(), writing.begin() as connection:
        _refuse_rows(connection)
        if current(connection) is None:
            upgrade(connection, revision)
        elif current(connection) != revision:
            raise RecordError(NOT_EMPTY)
        snapshot.load(connection, data)


def _refuse_rows(connection: Connection) -> None:
    for table in snapshot.reflect(connection) if inspect(connection).get_table_names() else []:
        if connection.scalar(select(func.count()).select_from(table)):
            raise RecordError(NOT_EMPTY)


def _erased(url: str, store: Store, place: Place) -> set[str]:
    """The ids of erased patients, from wherever they can still be read."""
    found = {*store.list(ERASED), *place.files.list(ERASED)}
    database = connect(url, patience=2)
    try:
        with database.read() as session:
            found |= set(session.scalars(select(ErasureRow.patient_id)))
    except RecordError:
        pass  # it is lost, which is why a backup is restored
    finally:
        database.close()
    return found


def _erase_again(database: Database, erased: set[str]) -> int:
    again = 0
    with database.write() as session:
        for patient_id in sorted(erased):
            if session.get(PatientRow, patient_id):
                deletion.purge(session, "patient", patient_id)
                again += 1
            if session.get(ErasureRow, patient_id) is None:
                session.add(ErasureRow(patient_id=patient_id, at=database.now()))
    deletion.forget_unused(database)
    return again


def _bring_files(
    database: Database, store: Store, place: Place, progress: Progress
) -> tuple[int, int]:
    with database.read() as session:
        wanted = sorted(session.scalars(select(BlobRow.sha256)))
    missing = 0
    for number, sha256 in enumerate(wanted):
        progress(number / len(wanted), f"File {number + 1} of {len(wanted)}")
        if store.is_whole(sha256):
            continue
        sealed = place.files.read(place.name(sha256))
        try:
            data = place.vault.open(sealed) if sealed is not None else b""
        except RecordError:
            data = b""
        if hashlib.sha256(data).hexdigest() == sha256:
            store.put(data)
        else:
            missing += 1
    return len(wanted) - missing, missing


def _put_in_place(fresh: Path, path: Path) -> Path | None:
    """Swaps the new file in; what was there, with its journals, is put aside."""
    aside = None
    if path.exists():
        aside = path.with_name(f"{path.name}.replaced-{utc_now():%Y%m%dT%H%M%S%f}")
        for suffix in ("-journal", "-wal", "-shm"):
            old = path.with_name(path.name + suffix)
            if old.exists():
                os.replace(old, aside.with_name(aside.name + suffix))
        os.replace(path, aside)
    os.replace(fresh, path)
    mark(path)
    for left in path.parent.glob(f"{fresh.name}*"):
        left.unlink()
    sync_folder(path.parent)
    return aside

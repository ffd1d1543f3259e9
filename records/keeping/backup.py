"""Backups into a folder or any place fsspec knows, beside those made before. Admins only.

A place holds `backup.json` (format and salt), `snapshots/` (one compressed file of all rows for
each backup) and `files/` (each photo and heat map once, however many backups need it). With a
passphrase every snapshot and file is sealed. Rows are read from one consistent state while others
go on writing; files are never changed, so they can be copied after it.
"""

import datetime
import json
import os
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select

from records import audit
from records.access.actors import ADMIN, Actor
from records.database import Database
from records.errors import RecordError
from records.keeping import snapshot
from records.keeping.store import FileFault, Store, open_store
from records.keeping.vault import SALT, Vault
from records.tables import BackupRow, BlobRow, ErasureRow
from records.wording import count

INFO = "backup.json"
ERASED = "erased"  # a folder of empty files: random ids of patients who must not come back
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Backup:
    """A backup that was tried; `sentence` says what is in it, or why it failed."""

    begun_at: datetime.datetime
    ended_at: datetime.datetime | None
    ok: bool
    sentence: str


@dataclass(frozen=True)
class Place:
    """Where backups are kept, and how they are sealed."""

    files: Store
    vault: Vault
    salt: bytes

    def name(self, sha256: str) -> str:
        """The file's name in this place."""
        name = self.vault.name(sha256, salt=self.salt)
        return f"files/{name[:2]}/{name}"


def make(
    database: Database,
    store: Store,
    *,
    actor: Actor,
    to: str,
    passphrase: str = "",
    progress: Progress = lambda *_: None,
) -> Backup:
    """Makes a backup at `to` (a folder or a URL), sealed if a passphrase is given.

    A failed one is noted as well and raises what went wrong. Photos whose original is missing or
    changed are left out and counted.
    """
    actor.require(ADMIN)
    with database.write() as session:
        row = BackupRow(
            begun_at=database.now(),
            ok=False,
            sentence="This backup has not ended.",
            account_id=actor.account_id,
        )
        session.add(row)
    try:
        sentence = _make(database, store, open_place(to, passphrase, make=True), progress)
    except Exception as error:
        known = isinstance(error, RecordError)
        _end(database, actor, row.id, False, str(error) if known else "The backup failed.")
        raise
    return _end(database, actor, row.id, True, sentence)


def history(database: Database, *, actor: Actor, limit: int = 20) -> list[Backup]:
    """The backups tried last, newest first."""
    actor.require(ADMIN)
    wanted = select(BackupRow).order_by(BackupRow.begun_at.desc()).limit(limit)
    with database.read() as session:
        return [_value(row) for row in session.scalars(wanted)]


def last_success(database: Database, *, actor: Actor) -> Backup | None:
    """The newest backup that is complete."""
    actor.require(ADMIN)
    wanted = select(BackupRow).where(BackupRow.ok).order_by(BackupRow.begun_at.desc()).limit(1)
    with database.read() as session:
        row = session.scalar(wanted)
        return _value(row) if row else None


def is_due(database: Database, *, hours: int) -> bool:
    """Whether the last complete backup is older than this, for whoever calls on a schedule."""
    wanted = select(BackupRow.begun_at).where(BackupRow.ok).order_by(BackupRow.begun_at.desc())
    with database.read() as session:
        last = session.scalar(wanted.limit(1))
    return last is None or database.now() - last >= datetime.timedelta(hours=hours)


def open_place(address: str, passphrase: str, *, make: bool = False) -> Place:
    """A place with backups; RecordError if there are none and none are to be made."""
    files, vault = open_store(address), Vault(passphrase)
    data = files.read(INFO)
    if data is None and not make:
        raise RecordError("There is no backup at this place.")
    if data is None:
        salt = os.urandom(SALT)
        info = {"format": 1, "sealed": bool(passphrase), "salt": salt.hex()}
        files.write(INFO, json.dumps(info).encode())
        return Place(files, vault, salt)
    try:
        info = json.loads(data)
        salt = bytes.fromhex(info["salt"])
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(f"The file {INFO} of the backups is damaged.") from error
    if info.get("format") != 1:
        raise RecordError("These backups were made by a newer version of DermTrace.")
    if bool(info["sealed"]) != bool(passphrase):
        raise RecordError(
            "These backups are encrypted. Give their passphrase."
            if info["sealed"]
            else "These backups are not encrypted. Choose another place for encrypted ones."
        )
    return Place(files, vault, salt)


def _make(database: Database, store: Store, place: Place, progress: Progress) -> str:
    began = database.now()
    snapshots = place.files.list("snapshots")
    if snapshots and place.vault.passphrase:  # the same passphrase as before, or none can be opened
        sealed = place.files.read(f"snapshots/{snapshots[-1]}")
        place.vault.open(sealed or b"")
    progress(0.0, "Reading the records")
    with snapshot.still(database) as connection:
        data, taken = snapshot.dump(connection, at=began)
        wanted = sorted(connection.scalars(select(BlobRow.sha256)))
        erased = list(connection.scalars(select(ErasureRow.patient_id)))
    there = {
        name for folder in place.files.list("files") for name in place.files.list(f"files/{folder}")
    }
    faulty = 0
    for number, sha256 in enumerate(wanted):
        name = place.name(sha256)
        if name.rpartition("/")[2] in there:
            continue
        progress(number / len(wanted), f"File {number + 1} of {len(wanted)}")
        try:
            contents = store.get(sha256)
        except FileFault:
            faulty += 1
            continue
        place.files.write(name, place.vault.seal(contents, salt=place.salt))
    # The snapshot last: once it is there, all that it refers to is as well.
    label = f"{began:%Y%m%dT%H%M%S%f}Z-{taken.revision}"
    place.files.write(f"snapshots/{label}", place.vault.seal(data, salt=place.salt))
    for patient_id in erased:
        place.files.write(f"{ERASED}/{patient_id}", b"")
        store.write(f"{ERASED}/{patient_id}", b"")
    progress(1.0, "Done")
    patients, files = taken.rows.get("patient", 0), len(wanted) - faulty
    sentence = f"{count(patients, 'patient')}, {count(files, 'file')}."
    if faulty:
        sentence += f" {faulty} files are missing or changed in the records and are not in it."
    return sentence


def _end(database: Database, actor: Actor, backup_id: str, ok: bool, sentence: str) -> Backup:
    with database.write() as session:
        row = session.get_one(BackupRow, backup_id)
        row.ok, row.sentence, row.ended_at = ok, sentence, database.now()
        audit.did(database, session, actor=actor, kind="backup made" if ok else "backup failed")
        return _value(row)


def _value(row: BackupRow) -> Backup:
    return Backup(row.begun_at, row.ended_at, row.ok, row.sentence)

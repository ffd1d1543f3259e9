"""Backups into a folder or any place fsspec knows, beside those made before. Admins only.

A place holds `backup.json` (format and salt), `snapshots/` (one compressed file of all rows for
each backup), `workshop/` (what else a clinic has, see workshop.py) and `files/` (each file once,
however many backups need it). With a passphrase every snapshot, list and file is sealed. Rows are
read from one consistent state while others go on writing; photos are never changed, so they can be
copied after it.
"""

import datetime
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from records import audit
from records.access.actors import ADMIN, Actor
from records.database import Database
from records.errors import RecordError
from records.keeping import snapshot, workshop
from records.keeping.place import ERASED, Place, Progress, open_place
from records.keeping.store import FileFault, Store
from records.tables import BackupRow, BlobRow, ErasureRow
from records.wording import count


@dataclass(frozen=True)
class Backup:
    """A backup that was tried; `sentence` says what is in it, or why it failed."""

    begun_at: datetime.datetime
    ended_at: datetime.datetime | None
    ok: bool
    sentence: str


def make(
    database: Database,
    store: Store,
    *,
    actor: Actor,
    to: str,
    passphrase: str = "",
    folder: Path | None = None,
    progress: Progress = lambda *_: None,
) -> Backup:
    """Makes a backup at `to` (a folder or a URL), sealed if a passphrase is given.

    `folder` is the data folder, for what a clinic has beside the records. A failed backup is noted
    as well and raises what went wrong. Photos whose original is missing or changed are left out and
    counted.
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
        sentence = _make(database, store, open_place(to, passphrase, make=True), folder, progress)
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


def _make(
    database: Database, store: Store, place: Place, folder: Path | None, progress: Progress
) -> str:
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
    label = f"{began:%Y%m%dT%H%M%S%f}Z-{taken.revision}"
    beside = workshop.keep(folder, place, label, there=there, progress=progress) if folder else ""
    # The snapshot last: once it is there, all that it refers to is as well.
    place.files.write(f"snapshots/{label}", place.vault.seal(data, salt=place.salt))
    for patient_id in erased:
        place.files.write(f"{ERASED}/{patient_id}", b"")
        store.write(f"{ERASED}/{patient_id}", b"")
    progress(1.0, "Done")
    patients, files = taken.rows.get("patient", 0), len(wanted) - faulty
    parts = count(patients, "patient"), count(files, "file"), beside
    sentence = f"{', '.join(filter(None, parts))}."
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

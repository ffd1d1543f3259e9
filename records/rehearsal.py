"""Restores the newest backup to one side, to see that it could be restored. Admins only.

The clinic's own database and photos are not touched; nothing of the rehearsal stays.
"""

import datetime
import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from records import audit, snapshot
from records.actors import ADMIN, Actor
from records.backup import Progress, open_place
from records.database import Database, connect
from records.errors import DatabaseNewer, RecordError
from records.restore import fill
from records.schema import open_database, revisions
from records.tables import BlobRow, PatientRow
from records.wording import count


@dataclass(frozen=True)
class Rehearsal:
    """What a restore would bring back; `missing` counts files that are not whole in the backup."""

    made_at: datetime.datetime
    patients: int
    files: int
    missing: int

    @property
    def sentence(self) -> str:
        """All of it, in words."""
        patients, files = count(self.patients, "patient"), count(self.files, "file")
        text = f"{patients} and {files} can be restored."
        if self.missing:
            text += f" Not whole in the backup: {count(self.missing, 'file')}."
        return text


def rehearse(
    database: Database,
    *,
    actor: Actor,
    source: str,
    passphrase: str = "",
    progress: Progress = lambda *_: None,
) -> Rehearsal:
    """Restores the newest backup's rows into a database of its own and opens each of its files.

    RecordError says what keeps it from being restored.
    """
    actor.require(ADMIN)
    place = open_place(source, passphrase)
    names = place.files.list("snapshots")
    if not names:
        raise RecordError("There is no backup at this place.")
    progress(0.0, "Opening the newest backup")
    data = place.vault.open(place.files.read(f"snapshots/{names[-1]}") or b"")
    made_at, revision = snapshot.header(data)
    if revision not in revisions():
        raise DatabaseNewer
    patients, wanted = _rows(data, revision)
    missing = 0
    for number, sha256 in enumerate(wanted):
        progress(number / len(wanted), f"File {number + 1} of {len(wanted)}")
        sealed = place.files.read(place.name(sha256))
        try:
            contents = place.vault.open(sealed) if sealed is not None else b""
        except RecordError:
            contents = b""
        missing += hashlib.sha256(contents).hexdigest() != sha256
    with database.write() as session:
        audit.append(
            session,
            at=database.now(),
            account_id=actor.account_id,
            kind="restore rehearsed",
            detail={"backup": names[-1], "missing": missing},
        )
    return Rehearsal(made_at, patients, len(wanted) - missing, missing)


def _rows(data: bytes, revision: str) -> tuple[int, list[str]]:
    """How many patients a backup has, and its files; its rows are loaded and migrated for it."""
    with tempfile.TemporaryDirectory(prefix="dermtrace-rehearsal-") as folder:
        path = Path(folder) / "records.sqlite"
        path.touch(0o600)
        made = connect(f"sqlite:///{path}")
        try:
            fill(made, data, revision)
        finally:
            made.close()
        made = open_database(f"sqlite:///{path}")
        try:
            with made.read() as session:
                patients = session.scalar(select(func.count()).select_from(PatientRow)) or 0
                return patients, sorted(session.scalars(select(BlobRow.sha256)))
        finally:
            made.close()

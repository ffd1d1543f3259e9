"""Restores a backup to one side, to see what it holds and that it could be restored. Admins only.

The clinic's own database and photos are not touched; nothing of the rehearsal stays.
"""

import datetime
import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from records import audit
from records.access.accounts import AccountRow
from records.access.actors import ADMIN, Actor
from records.database import Database, connect
from records.errors import DatabaseNewer, RecordError
from records.keeping import snapshot, workshop
from records.keeping.outcome import NOTHING_BESIDE
from records.keeping.place import Progress, open_place
from records.keeping.restore import fill
from records.keeping.workshop import Piece
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
    beside: str | None = ""

    @property
    def sentence(self) -> str:
        """All of it, in words."""
        patients, files = count(self.patients, "patient"), count(self.files, "file")
        text = f"{patients} and {files} can be restored."
        if self.beside:
            text += f" As well: {self.beside}."
        if self.beside is None:
            text += f" {NOTHING_BESIDE}"
        if self.missing:
            text += f" Not whole in the backup: {count(self.missing, 'file')}."
        return text


@dataclass(frozen=True)
class Contents:
    """What is in a backup; `admins` are the names, by id, of who could sign in as administrator.

    `pieces` are what is in it beside the records, None where an earlier version made it.
    """

    name: str
    made_at: datetime.datetime
    patients: int
    files: tuple[str, ...]
    admins: Mapping[str, str]
    pieces: tuple[Piece, ...] | None

    @property
    def beside(self) -> str | None:
        """What is in it beside the records, in words."""
        return None if self.pieces is None else workshop.described(self.pieces)


def look(*, actor: Actor, source: str, passphrase: str = "", name: str | None = None) -> Contents:
    """What the backup `name`, or the newest, holds; RecordError if it cannot be restored."""
    actor.require(ADMIN)
    place = open_place(source, passphrase)
    names = place.files.list("snapshots")
    if not names:
        raise RecordError("There is no backup at this place.")
    if (chosen := name or names[-1]) not in names:
        raise RecordError("This backup is not there any more.")
    data = place.vault.open(place.files.read(f"snapshots/{chosen}") or b"")
    made_at, revision = snapshot.header(data)
    if revision not in revisions():
        raise DatabaseNewer
    patients, files, admins = _rows(data, revision)
    return Contents(chosen, made_at, patients, files, admins, workshop.pieces(place, chosen))


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
    progress(0.0, "Opening the newest backup")
    found = look(actor=actor, source=source, passphrase=passphrase)
    place = open_place(source, passphrase)
    missing: list[str] = []
    wanted = sorted({*found.files, *(one.sha256 for one in found.pieces or ())})
    for number, sha256 in enumerate(wanted):
        progress(number / len(wanted), f"File {number + 1} of {len(wanted)}")
        sealed = place.files.read(place.name(sha256))
        try:
            contents = place.vault.open(sealed) if sealed is not None else b""
        except RecordError:
            contents = b""
        if hashlib.sha256(contents).hexdigest() != sha256:
            missing.append(sha256)
    audit.note(
        database,
        actor=actor,
        kind="restore rehearsed",
        detail={"backup": found.name, "missing": len(missing)},
    )
    return Rehearsal(
        found.made_at, found.patients, len({*found.files} - {*missing}), len(missing), found.beside
    )


def _rows(data: bytes, revision: str) -> tuple[int, tuple[str, ...], dict[str, str]]:
    """How many patients a backup has, its files and administrators; its rows are loaded for it."""
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
                living = PatientRow.deleted_at.is_(None)
                count_of = select(func.count()).select_from(PatientRow).where(living)
                patients = session.scalar(count_of) or 0
                files = tuple(sorted(session.scalars(select(BlobRow.sha256))))
                # Whoever has neither cannot sign in: one-time links are in no backup.
                known = AccountRow.password.is_not(None) | AccountRow.issuer.is_not(None)
                admins = session.execute(
                    select(AccountRow.id, AccountRow.name).where(
                        AccountRow.admin, ~AccountRow.disabled, known
                    )
                )
                return patients, files, {row.id: row.name for row in admins}
        finally:
            made.close()

"""Brings a backup back, into a new database or in place of the one that is there.

What is there is put aside, never overwritten. Patients erased since the backup was made are erased
again before any of their files is written. Nobody stays signed in. What the clinic has beside the
records comes back with them, into the data folder.
"""

import hashlib
import logging
import uuid
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, func, inspect, select

from records import audit, chain
from records.access.actors import ADMIN, Actor
from records.database import Database, connect, file_of
from records.errors import DatabaseNewer, RecordError
from records.keeping import arrival, erasure, removal, snapshot, swap, workshop
from records.keeping.outcome import Restored
from records.keeping.place import ERASED, Place, Progress, open_place
from records.keeping.store import Store
from records.schema import current, open_database, revisions, upgrade
from records.tables import BlobRow, ErasureRow, PatientRow
from records.translation import translated

NOT_CLEANED = (
    "Files that name a patient who was erased could not be cleaned, so nothing was restored."
)
NOT_EMPTY = "Somebody began to use the database meanwhile. Nothing was changed. Try again."

log = logging.getLogger("dermtrace")


def snapshots(source: str, *, actor: Actor, passphrase: str = "") -> list[str]:
    """The names of the backups at a place, oldest first; they begin with the moment in UTC."""
    actor.require(ADMIN)
    return open_place(source, passphrase).files.list("snapshots")


def restore(
    url: str,
    store: Store,
    *,
    actor: Actor,
    source: str,
    passphrase: str = "",
    name: str | None = None,
    request: str = "",
    folder: Path | None = None,
    progress: Progress = lambda *_: None,
) -> Restored:
    """Restores the backup `name`, or the newest, into the database at `url` and the store.

    Nobody should use the database meanwhile: what they enter is put aside with it. If anything
    fails before the database is swapped, all is as it was; what fails after that, the result says.
    The log names the `request` that it answers. `folder` is the data folder, for what the backup
    has beside the records.
    """
    actor.require(ADMIN)
    request = request or uuid.uuid4().hex
    place = open_place(source, passphrase)
    names = place.files.list("snapshots")
    chosen = name or (names[-1] if names else "")
    if chosen not in names:
        raise RecordError("There is no such backup at this place.")
    data = place.vault.open(place.files.read(f"snapshots/{chosen}") or b"")
    made_at, revision = snapshot.header(data)
    if revision not in revisions():
        raise DatabaseNewer
    pieces = workshop.pieces(place, chosen) if folder else ()
    erased, log_before = _now(url, actor)
    erased |= {*store.list(ERASED), *place.files.list(ERASED)}
    # An empty database of a server's, as for a move to it, is filled where it is.
    there = False
    in_place = file_of(url) is None and _is_empty(url)
    target = url if in_place else swap.beside(url)
    try:
        database = connect(target)
        try:
            fill(database, data, revision)
        finally:
            database.close()
        database = open_database(target)
        try:
            missing_beside = 0
            if folder and pieces is not None:
                missing_beside = arrival.stage(
                    folder, place, pieces, request=request, progress=progress
                )
            again = _erase_again(database, erased, folder)
            restored, missing = _bring_files(database, store, place, progress)
            with database.write() as session:
                patients = session.scalar(select(func.count()).select_from(PatientRow)) or 0
                audit.did(
                    database,
                    session,
                    actor=actor,
                    kind=audit.RESTORED,
                    object_id=request,
                    detail={"backup": chosen, "erased again": again, "log before": log_before},
                )
        finally:
            database.close()
        aside = "" if in_place else swap.put_in_place(url)
        there = True
    finally:
        if not there:
            if not in_place:
                swap.discard(url)
            if folder and arrival.waiting(folder) in ("", request):
                arrival.discard(folder)  # not what an earlier restore still has to put in place
    beside = None if pieces is None else workshop.described(pieces)
    missing += missing_beside
    done = Restored(made_at, patients, restored, missing, again, aside, beside)
    if folder is None or pieces is None:
        return done
    try:
        return replace(done, kept_in=arrival.settle(folder))
    except OSError:
        log.exception("The records are restored; what belongs beside them waits for the next start")
        return replace(done, pending=True)


def fill(database: Database, data: bytes, revision: str) -> None:
    """Loads a backup's rows into an empty database; RecordError if it is not empty."""
    writing = database.engine.execution_options(begin="BEGIN IMMEDIATE")
    with translated(), writing.begin() as connection:
        if _has_rows(connection):
            raise RecordError(NOT_EMPTY)
        if current(connection) is None:
            upgrade(connection, revision)
        elif current(connection) != revision:
            raise RecordError(NOT_EMPTY)
        snapshot.load(connection, data)


def _is_empty(url: str) -> bool:
    database = connect(url)
    try:
        with translated(), database.engine.connect() as connection:
            return not _has_rows(connection)
    finally:
        database.close()


def _has_rows(connection: Connection) -> bool:
    tables = snapshot.reflect(connection) if inspect(connection).get_table_names() else []
    return any(connection.scalar(select(func.count()).select_from(table)) for table in tables)


def _now(url: str, actor: Actor) -> tuple[set[str], str]:
    """Who was erased, and the head of the log, of the database that is there, if it can be read."""
    database = connect(url, patience=2)
    try:
        with database.read() as session:
            erased = set(session.scalars(select(ErasureRow.patient_id)))
        return erased, str(chain.head(database, actor=actor))
    except RecordError:  # it is lost, which is why a backup is restored
        return set(), ""
    finally:
        database.close()


def _erase_again(database: Database, erased: set[str], folder: Path | None) -> int:
    again = 0
    ids: set[str] = set()
    files: set[str] = set()
    with database.write() as session:
        for patient_id in sorted(erased):
            if session.get(PatientRow, patient_id):
                named, kept = erasure.belongings(session, patient_id)
                ids, files = ids | named, files | kept
                removal.purge(session, "patient", patient_id)
                again += 1
            if session.get(ErasureRow, patient_id) is None:
                session.add(ErasureRow(patient_id=patient_id, at=database.now()))
    removal.forget_unused(database)
    if again and folder:  # also what is still on one side, before it gets to its place
        left: list[str] = []
        erasure.clean(arrival.folders(folder), ids, files, left)
        if left:
            raise RecordError(NOT_CLEANED)
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

"""Files of the records: kept once, checked against their hash whenever they are read."""

import hashlib

from sqlalchemy import select
from sqlalchemy.orm import Session

from records.database import Database
from records.dates import long_date
from records.errors import RecordError
from records.keeping.store import FileFault, Store
from records.tables import BlobRow


class PhotoUnusable(RecordError):
    """A photo's original is missing or changed; it must not be shown or given to a model."""


def keep(database: Database, session: Session, store: Store, data: bytes) -> str:
    """The row of a file, inside a write transaction, in which nobody removes files."""
    sha256 = hashlib.sha256(data).hexdigest()
    if store.size(sha256) != len(data):  # removed between the put and this transaction
        store.put(data)
    row = session.get(BlobRow, sha256)
    if row is None:
        session.add(BlobRow(sha256=sha256, size=len(data), stored_at=database.now(), fault=""))
        session.flush()
    elif row.fault:
        row.fault, row.fault_at = "", None
    return sha256


def read(database: Database, store: Store, sha256: str) -> bytes:
    """A file's bytes; if it is missing or changed, that is noted and PhotoUnusable raised."""
    try:
        data = store.get(sha256)
    except FileFault as error:
        with database.write() as session:
            row = session.get_one(BlobRow, sha256)
            if row.fault != error.fault:
                row.fault, row.fault_at = error.fault, database.now()
            sentence = fault_of(row)
        raise PhotoUnusable(sentence) from error
    with database.read() as session:
        healed = session.scalar(
            select(BlobRow.sha256).where(BlobRow.sha256 == sha256, BlobRow.fault != "")
        )
    if healed:
        with database.write() as session:
            row = session.get_one(BlobRow, sha256)
            row.fault, row.fault_at = "", None
    return data


def fault_of(row: BlobRow) -> str:
    """What is wrong with a file, as a sentence with the day it was noticed; blank if nothing."""
    if not row.fault or row.fault_at is None:
        return ""
    return f"The original file is {row.fault} since {long_date(row.fault_at.astimezone().date())}."

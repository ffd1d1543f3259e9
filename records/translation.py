"""What a database's driver raises, as a RecordError with a sentence."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from records.errors import (
    Busy,
    Conflict,
    DatabaseDamaged,
    DatabaseMissing,
    DatabaseReadOnly,
    DiskFull,
    RecordError,
    Unavailable,
    Unreachable,
)

log = logging.getLogger(__name__)


@contextmanager
def translated() -> Iterator[None]:
    """Turns what a driver raises into a RecordError with a sentence."""
    try:
        yield
    except exc.TimeoutError as error:  # all connections in use for too long
        raise Busy from error
    except exc.IntegrityError as error:
        log.exception("A constraint of the database refused a change")
        raise Conflict from error
    except (exc.DBAPIError, sqlite3.Error) as error:
        raise _translate(error) from error


def _translate(error: Exception) -> RecordError:
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(cause, RecordError):
        return cause
    if isinstance(cause, sqlite3.Error):
        name = getattr(cause, "sqlite_errorname", None) or ""
        for start, kind in _SQLITE.items():
            if name.startswith(start):
                return kind()
    state = getattr(cause, "sqlstate", None) or ""
    for start, kind in _POSTGRESQL.items():
        if state.startswith(start):
            return kind()
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return Unreachable()
    if not isinstance(cause, sqlite3.Error) and not state:
        return Unreachable()  # psycopg could not connect
    log.error("The database failed: %s", cause)
    return Unavailable()


# By the start of SQLite's error name, most telling first: https://sqlite.org/rescode.html
_SQLITE: dict[str, type[RecordError]] = {
    "SQLITE_BUSY": Busy,
    "SQLITE_LOCKED": Busy,
    "SQLITE_FULL": DiskFull,
    "SQLITE_CORRUPT": DatabaseDamaged,
    "SQLITE_NOTADB": DatabaseDamaged,
    "SQLITE_READONLY": DatabaseReadOnly,
    "SQLITE_CANTOPEN": DatabaseMissing,
    # A journal that does not fit on the disk is reported as a failed write.
    "SQLITE_IOERR_WRITE": DiskFull,
}
# By the start of PostgreSQL's SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix
_POSTGRESQL: dict[str, type[RecordError]] = {
    "55P03": Busy,
    "40": Busy,
    "531": DiskFull,
    "25006": DatabaseReadOnly,
    "XX001": DatabaseDamaged,
    "XX002": DatabaseDamaged,
    "3D": DatabaseMissing,
    "08": Unreachable,
    "28": Unreachable,
    "53": Busy,
    "57": Unreachable,
}

"""All rows of a database as compressed lines of JSON, the same from SQLite and PostgreSQL.

The tables are read as they are in the database and not as this version knows them, so that an
older one can be kept before it is migrated, and restored later.
"""

import base64
import datetime
import gzip
import io
import json
import sqlite3
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, MetaData, Table, create_engine, insert, select, update
from sqlalchemy.pool import NullPool

from records.database import Database, utc_now
from records.errors import DatabaseDamaged
from records.keeping.store import open_store
from records.schema import current

FORMAT = 1
# Whoever was signed in, or held a one-time link, when the backup was made may have lost that
# right since.
NOT_KEPT = frozenset({"session", "link", "alembic_version"})
ROWS = 1000


@dataclass(frozen=True)
class Snapshot:
    """Where a database stood: when, in which form, and how many rows each table had."""

    made_at: datetime.datetime
    revision: str
    rows: dict[str, int]


def keep_in(folder: str) -> Callable[[Connection, str], None]:
    """For `open_database`: keeps all rows in a folder before they are migrated."""

    def keep(connection: Connection, revision: str) -> None:
        now = utc_now()
        data, _ = dump(connection, at=now)
        open_store(folder).write(f"before-{revision}-{now:%Y%m%dT%H%M%S}Z.json.gz", data)

    return keep


@contextmanager
def still(database: Database) -> Iterator[Connection]:
    """A connection to one consistent state; others may write meanwhile."""
    path = database.file
    if path is None:
        server = database.engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        with server.connect() as connection:
            yield connection
        return
    # A reader holds off SQLite's writers, so the pages are copied first, which takes a moment.
    with database.engine.connect() as live:
        copy = path.with_name(f"{path.name}.snapshot-{uuid.uuid4().hex}")
        copy.touch(0o600)
        try:
            raw: Any = live.connection.dbapi_connection
            with closing(sqlite3.connect(copy)) as target:
                raw.backup(target)
            engine = create_engine(f"sqlite:///{copy}", poolclass=NullPool)
            with engine.connect() as connection:
                yield connection
        finally:
            copy.unlink(missing_ok=True)


def dump(connection: Connection, *, at: datetime.datetime) -> tuple[bytes, Snapshot]:
    """Everything in the database but what must not come back: sessions and one-time links."""
    revision = current(connection)
    if revision is None:
        raise DatabaseDamaged
    tables = reflect(connection)
    lines = [json.dumps({"format": FORMAT, "made_at": at.isoformat(), "revision": revision})]
    rows: dict[str, int] = {}
    for table in tables:
        lines.append(json.dumps({"table": table.name, "columns": list(table.columns.keys())}))
        found = connection.execution_options(yield_per=ROWS).execute(
            select(table).order_by(*table.primary_key)
        )
        rows[table.name] = 0
        for row in found:
            lines.append(json.dumps([_plain(value) for value in row], ensure_ascii=False))
            rows[table.name] += 1
    lines.append(json.dumps({"end": rows}))
    data = gzip.compress("\n".join(lines).encode(), 6, mtime=0)
    return data, Snapshot(at, revision, rows)


def header(data: bytes) -> tuple[datetime.datetime, str]:
    """When a dump was made, and the database's revision then; DatabaseDamaged."""
    try:
        with gzip.open(io.BytesIO(data)) as lines:
            first = json.loads(next(lines))
        if first["format"] != FORMAT:
            raise DatabaseDamaged("This backup was made by a newer version of DermTrace.")
        return datetime.datetime.fromisoformat(first["made_at"]), str(first["revision"])
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, StopIteration) as error:
        raise DatabaseDamaged("The backup is damaged.") from error


def load(connection: Connection, data: bytes) -> dict[str, int]:
    """Writes a dump's rows into the empty tables of a database of its revision.

    Returns the rows per table; DatabaseDamaged if the dump is not whole.
    """
    tables = {table.name: table for table in reflect(connection)}
    rows = {name: 0 for name in tables}
    later: list[tuple[Table, dict[str, Any]]] = []
    table: Table | None = None
    columns: list[str] = []
    batch: list[dict[str, Any]] = []
    end: dict[str, int] | None = None
    try:
        with gzip.open(io.BytesIO(data)) as lines:
            next(lines)
            for line in lines:
                value = json.loads(line)
                if isinstance(value, list) and table is not None:
                    row = dict(zip(columns, map(_valued, value), strict=True))
                    later += _without_own_kind(table, row)
                    batch.append(row)
                    rows[table.name] += 1
                if table is not None and batch and (isinstance(value, dict) or len(batch) >= ROWS):
                    connection.execute(insert(table), batch)
                    batch = []
                if isinstance(value, dict) and "table" in value:
                    table, columns = tables[value["table"]], value["columns"]
                elif isinstance(value, dict):
                    end = value["end"]
    except (OSError, EOFError, zlib.error, ValueError, KeyError, StopIteration) as error:
        raise DatabaseDamaged("The backup is damaged.") from error
    if end is None or any(rows[name] != count for name, count in end.items()):
        raise DatabaseDamaged("The backup is damaged.")
    for one, values in later:
        connection.execute(
            update(one)
            .where(*(key == values[key.name] for key in one.primary_key))
            .values({n: v for n, v in values.items() if n not in one.primary_key})
        )
    return rows


def reflect(connection: Connection) -> list[Table]:
    """The database's own tables, those that others refer to first."""
    metadata = MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name not in NOT_KEPT]


def _without_own_kind(table: Table, row: dict[str, Any]) -> list[tuple[Table, dict[str, Any]]]:
    """Takes references to rows of the same table out, to be written once all rows are there."""
    own = {
        column.name
        for column in table.columns
        for key in column.foreign_keys
        if key.column.table is table and row[column.name] is not None
    }
    if not own:
        return []
    values = {name: row[name] for name in own} | {c.name: row[c.name] for c in table.primary_key}
    row.update(dict.fromkeys(own))
    return [(table, values)]


def _plain(value: Any) -> Any:
    match value:
        case datetime.datetime():
            moment = value.replace(tzinfo=value.tzinfo or datetime.UTC)
            return {"moment": moment.astimezone(datetime.UTC).isoformat()}
        case datetime.date():
            return {"day": value.isoformat()}
        case bytes() | memoryview():
            return {"bytes": base64.b64encode(value).decode()}
        case dict() | list():
            return {"json": value}
        case _:
            return value


def _valued(value: Any) -> Any:
    match value:
        case {"moment": text}:
            return datetime.datetime.fromisoformat(text)
        case {"day": text}:
            return datetime.date.fromisoformat(text)
        case {"bytes": text}:
            return base64.b64decode(text)
        case {"json": inner}:
            return inner
        case _:
            return value

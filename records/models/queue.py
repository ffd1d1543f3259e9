"""The queue that hands the ids of runs to workers. It may lose some: the rows are the truth.

SQLite in a file of its own by default, PostgreSQL in a schema of its own where the records are
there; nothing but a job's id travels through it, as JSON.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from huey import Huey
from huey.api import PostgresHuey, SqliteHuey
from huey.registry import Message
from huey.serializer import Serializer
from sqlalchemy import make_url

from records.database import file_of

SCHEMA = "queue"
FILE = "queue.sqlite"
Run = Callable[[str], None]


class Json(Serializer):
    """Messages as JSON: what is read from a disk or a network is never unpickled."""

    def _serialize(self, data: Any) -> bytes:
        return json.dumps(data).encode()

    def _deserialize(self, data: bytes) -> Any:
        return Message(*json.loads(bytes(data)))


class Queue:
    """Ids of jobs on their way to a worker, whose `run` they are given to."""

    def __init__(self, huey: Huey, run: Run) -> None:
        self.huey = huey

        def run_job(job_id: str) -> None:  # named alike in who sends and who runs
            run(job_id)

        self._task = huey.task()(run_job)

    def send(self, job_id: str) -> None:
        """Puts a job's id into the queue."""
        self._task(job_id)

    def empty(self) -> bool:
        """Whether no id is on its way."""
        return not self.huey.pending_count()

    def close(self) -> None:
        """Closes this thread's connections."""
        self.huey.storage.close()


def open_queue(url: str, folder: Path, run: Run) -> Queue:
    """The queue beside the database at `url`; SQLite's lies in `folder`."""
    if file_of(url):
        folder.mkdir(parents=True, exist_ok=True)
        # Without a write-ahead log: SQLite before 3.51.3 can corrupt it.
        huey = SqliteHuey(
            "runs", filename=str(folder / FILE), journal_mode="delete", timeout=30,
            results=False, serializer=Json(),
        )  # fmt: skip
    else:
        huey = PostgresHuey(
            "runs", connection=lambda: _connect(url), blocking=False, results=False,
            serializer=Json(),
        )  # fmt: skip
    return Queue(huey, run)


def _connect(url: str) -> Any:
    """A connection that sees the queue's own tables, which no backup contains."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg.connect(address, autocommit=True)
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    connection.execute(f"SET search_path TO {SCHEMA}")
    return connection

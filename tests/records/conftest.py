"""Empty databases for every test: an SQLite file, and a real PostgreSQL where there is one."""

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy import text as sql
from sqlalchemy.pool import NullPool

from records import schema
from records.database import Base, Database
from records.keeping.store import Store, open_store
from records.schema import open_database
from tests.conftest import IN_CI
from tests.records import postgresql
from tests.records.clinic import Clinic, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database, made once and copied for each test."""
    path = tmp_path_factory.mktemp("empty") / "records.sqlite"
    open_database(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A PostgreSQL server's URL: SKIN_TEST_POSTGRES, else one started here."""
    if given := os.environ.get("SKIN_TEST_POSTGRES"):
        yield given.rstrip("/") + "/"
        return
    if IN_CI:
        pytest.skip("no PostgreSQL where checks are run for all")
    folder = postgresql.programs()
    if folder is None:
        pytest.skip("no PostgreSQL: neither SKIN_TEST_POSTGRES nor a local server's programs")
    with postgresql.server(folder) as url:
        yield url


@pytest.fixture(scope="session")
def server_url(server: str) -> Iterator[str]:
    """The URL of a migrated database on the server, one for all tests."""
    name = f"test_{uuid.uuid4().hex}"
    run(f"{server}postgres", f"CREATE DATABASE {name} TEMPLATE template0")
    open_database(f"{server}{name}").close()
    yield f"{server}{name}"
    run(f"{server}postgres", f"DROP DATABASE {name} WITH (FORCE)")


def run(url: str, *statements: str) -> None:
    """Runs statements outside of any transaction."""
    address = url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(address, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(sql(statement))


def empty(url: str) -> None:
    """Removes all rows; the audit log's guard is off meanwhile."""
    tables = ", ".join(f'"{table}"' for table in Base.metadata.tables)
    run(
        url,
        "SET session_replication_role = replica",
        f"TRUNCATE {tables}",
        f"UPDATE alembic_version SET version_num = '{schema.revisions()[-1]}'",
    )


@pytest.fixture
def sqlite_url(empty_file: Path, tmp_path: Path) -> str:
    """The URL of an empty SQLite database of this test's own."""
    path = tmp_path / "data" / "records.sqlite"
    path.parent.mkdir()
    shutil.copy(empty_file, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database of this test's own, once of each kind."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    address: str = request.getfixturevalue("server_url")
    yield address
    empty(address)


@pytest.fixture
def database(url: str, clock: Clock) -> Iterator[Database]:
    """An open, empty database of each kind, on the test's clock."""
    opened = open_database(url, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A folder for files."""
    return open_store(str(tmp_path / "photos"))


@pytest.fixture
def clinic(database: Database, store: Store, clock: Clock) -> Clinic:
    """An empty clinic on each kind of database."""
    return Clinic(database, store, clock)


@pytest.fixture
def sqlite_clinic(sqlite_url: str, store: Store, clock: Clock) -> Iterator[Clinic]:
    """An empty clinic on SQLite alone, where the kind of database makes no difference."""
    opened = open_database(sqlite_url, clock=clock)
    yield Clinic(opened, store, clock)
    opened.close()

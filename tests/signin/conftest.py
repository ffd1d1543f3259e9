"""A small server behind the gate: it says what reached it, and so what the gate let through."""

import datetime
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from records.access import passwords, sessions
from records.database import Database
from records.schema import open_database
from signin import cookies
from signin.delays import Tries
from signin.door import Door, routes
from signin.gate import Gate
from signin.oidc import Provider
from signin.quota import Quota

HERE = "http://127.0.0.1"
AUTOMATIC = b"automatic"
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", hasher)
    passwords._nobody.cache_clear()


@dataclass
class Clock:
    """Stands still until it is moved; for the records and for the delays."""

    seconds: float = 0.0

    def __call__(self) -> datetime.datetime:
        start = datetime.datetime(2025, 3, 12, 9, 30, tzinfo=datetime.UTC)
        return start + datetime.timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database, made once and copied for each test."""
    path = tmp_path_factory.mktemp("empty") / "records.sqlite"
    open_database(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def database(empty_file: Path, tmp_path: Path, clock: Clock) -> Iterator[Database]:
    path = shutil.copy(empty_file, tmp_path)
    opened = open_database(f"sqlite:///{path}", clock=clock)
    yield opened
    opened.close()


@dataclass
class House:
    """What lies behind the gate, and what it was given."""

    door: Door
    app: Starlette
    held: dict[str, int] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)
    provider: list[Provider] = field(default_factory=list)

    def client(self, token: str = "", *, at: str = HERE, place: str = "10.0.0.1") -> TestClient:
        """A browser with this session's cookie, at an address of the network."""
        client = TestClient(self.app, base_url=at, follow_redirects=False, client=(place, 50000))
        if token:
            client.cookies.set(cookies.SESSION, token)
        return client


@pytest.fixture
def house(database: Database, clock: Clock) -> House:
    held: dict[str, int] = {}
    holders: dict[str, str] = {}
    provider: list[Provider] = []
    door = Door(
        database=lambda: database,
        provider=lambda: provider[0] if provider else None,
        logos={},
        font="/font.woff2",
        tries=Tries(clock=clock.monotonic),
    )
    quota = Quota(held=lambda tab: held.get(tab, 0), a_file=100, limit=1000)
    app = Starlette(
        routes=[
            *routes(door),
            Route("/_stcore/upload_file/{tab}/{file}", _take(held), methods=["PUT", "DELETE"]),
            Route("/{path:path}", _say, methods=METHODS),
            WebSocketRoute("/_stcore/stream", _echo),
            WebSocketRoute("/protocols", _say_protocols),
        ],
        middleware=[
            Middleware(
                Gate,
                database=lambda: database,
                quota=quota,
                holder=lambda tab: holders.get(tab, ""),
                automatic=lambda message: message == AUTOMATIC,
            ),
            Middleware(SessionMiddleware, secret_key="of the tests"),
        ],
    )
    return House(door, app, held, holders, provider)


async def _say(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.headers.get(sessions.HEADER, "nobody"))


def _take(held: dict[str, int]) -> Callable[[Request], object]:
    async def take(request: Request) -> PlainTextResponse:
        tab = request.path_params["tab"]
        held[tab] = held.get(tab, 0) + len(await request.body())
        return PlainTextResponse("taken")

    return take


async def _echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_bytes(await websocket.receive_bytes())
    except WebSocketDisconnect:
        pass


async def _say_protocols(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(websocket.headers["sec-websocket-protocol"])
    await websocket.close()

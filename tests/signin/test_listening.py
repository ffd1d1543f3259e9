"""Beyond this machine the server listens encrypted or not at all."""

from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message

from signin.listening import REFUSAL, Listening


def listening(address: str, *, encrypted: bool = False, public_url: str = "") -> Listening:
    def scheme(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.url.scheme)

    return Listening(
        Starlette(routes=[Route("/", scheme)]),
        address=lambda: address,
        encrypted=lambda: encrypted,
        public_url=lambda: public_url,
    )


async def start(app: Listening) -> list[Message]:
    sent: list[Message] = []
    asked = iter(({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}))

    async def receive() -> Message:
        return next(asked)

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "lifespan", "app": app}, receive, send)
    return sent


def started(app: Listening) -> list[Message]:
    """In a thread of its own: a browser's driver may keep an event loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(anyio.run, start, app).result()


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.7", "clinic.example", ""])
def test_a_network_address_is_refused_with_a_sentence(address: str) -> None:
    sent = started(listening(address))
    assert sent == [{"type": "lifespan.startup.failed", "message": REFUSAL}]


@pytest.mark.parametrize(
    "app",
    [
        listening("127.0.0.1"),
        listening("::1"),
        listening("localhost"),
        listening("0.0.0.0", encrypted=True),
        listening("0.0.0.0", public_url="https://dermtrace.clinic.example"),
    ],
)
def test_this_machine_a_certificate_or_a_declared_proxy_are_served(app: Listening) -> None:
    assert started(app)[0]["type"] == "lifespan.startup.complete"


def test_another_server_that_listens_elsewhere_is_refused_too() -> None:
    app = listening("127.0.0.1")
    assert TestClient(app, base_url="http://127.0.0.1").get("/").text == "http"
    answer = TestClient(app, base_url="http://192.168.1.7").get("/")
    assert (answer.status_code, answer.text) == (403, REFUSAL)


def test_behind_a_declared_proxy_everything_counts_as_https() -> None:
    app = listening("127.0.0.1", public_url="https://dermtrace.clinic.example")
    assert TestClient(app, base_url="http://10.0.0.7").get("/").text == "https"

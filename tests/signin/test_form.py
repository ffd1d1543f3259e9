"""Bodies from whoever has no session, as bytes over a socket: none is waited for, or read, long."""

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from signin.door import routes
from signin.form import LONGEST
from signin.gate import Gate
from tests.signin.conftest import House

PATIENCE = 0.5  # seconds that the door waits for a form here
SOON = 20.0  # seconds after which a connection counts as held open; the machine may be busy
HEAD = "{} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
OF_LENGTH, CHUNKED, CHUNK = "Content-Length: 1000", "Transfer-Encoding: chunked", b"1\r\nx\r\n"
POSTS = ("POST /signin", "POST /signin/first", "POST /signin/password")
# Paths that are open without a session and have no use for a body, and one that is not open.
OTHERS = (
    "GET /signin",
    "PUT /signin",
    "POST /signin/own",
    "POST /signin/own/back",
    "POST /signin/nothing",
    "POST /healthz",
    "GET /healthz",
    "POST /static/x.js",
    "POST /_stcore/health",
    "GET /",
    "PUT /_stcore/upload_file/tab/1",
)


@pytest.fixture
def address(house: House) -> Iterator[tuple[str, int]]:
    """The sign-in pages behind the gate, by the server that Streamlit uses."""
    of_the_house = house.app.user_middleware[0]
    assert of_the_house.cls is Gate
    quick = routes(replace(house.door, patience=PATIENCE))
    others = [route for route in house.app.routes if "signin" not in getattr(route, "path", "")]
    app = Starlette(routes=[*quick, *others], middleware=[Middleware(Gate, **of_the_house.kwargs)])
    with _served(app) as address:
        yield address


@contextmanager
def _served(app: Starlette) -> Iterator[tuple[str, int]]:
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="critical"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()
        finally:
            server.should_exit = True
            thread.join()


def spoken(address: tuple[str, int], first: bytes, drip: bytes = b"") -> tuple[bytes, bool]:
    """What the server answered, and whether it had closed the connection soon after."""
    until = time.monotonic() + SOON
    said = b""
    with socket.create_connection(address) as connection:
        connection.sendall(first)
        connection.settimeout(0.1)
        while time.monotonic() < until:
            try:
                if drip:
                    connection.sendall(drip)
                came = connection.recv(65536)
            except TimeoutError:
                continue
            except ConnectionError:  # the server closed while something was on its way to it
                return said, True
            if not came:
                return said, True
            said += came
    return said, False


def asked(line: str, *headers: str) -> bytes:
    return (HEAD.format(line) + "".join(f"{header}\r\n" for header in headers) + "\r\n").encode()


@pytest.mark.parametrize(
    ("header", "drip"), [(OF_LENGTH, b""), (OF_LENGTH, b"x"), (CHUNKED, CHUNK)]
)
def test_a_form_that_does_not_come_is_not_waited_for(
    address: tuple[str, int], header: str, drip: bytes
) -> None:
    for line in POSTS:
        said, closed = spoken(address, asked(line, header), drip)
        assert said.startswith(b"HTTP/1.1 408 ") and closed, line
        assert b"took too long" in said, line


def test_a_form_that_is_announced_too_long_is_refused_unread(address: tuple[str, int]) -> None:
    for line, length in itertools.product(POSTS, (LONGEST + 1, 10**12, 10**18)):
        said, closed = spoken(address, asked(line, f"Content-Length: {length}"))
        assert said.startswith(b"HTTP/1.1 413 ") and closed, (line, length)


def test_no_other_path_waits_for_a_body(address: tuple[str, int]) -> None:
    for line, header in itertools.product(OTHERS, ("Content-Length: 1000000000", CHUNKED)):
        said, closed = spoken(address, asked(line, header, "Accept: text/html"), CHUNK)
        assert said.startswith(b"HTTP/1.1 ") and closed, (line, header)


def test_a_form_that_comes_in_pieces_is_read(address: tuple[str, int]) -> None:
    body = b"name=anna"
    head = asked(POSTS[0], f"Content-Length: {len(body)}")
    with socket.create_connection(address) as connection:
        connection.settimeout(SOON)
        for part in (head, body[:4], body[4:]):
            connection.sendall(part)
        assert connection.recv(65536).startswith(b"HTTP/1.1 403 ")  # without the form's secret

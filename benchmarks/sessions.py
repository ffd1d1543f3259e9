"""Reruns of the page per second with twenty sessions: the app against the same without gc.freeze.

Streamlit collects garbage after every rerun, and every collection walks all that torch brought. The
app keeps that out of the collector's rounds, and collects once a second instead. The other arm is
the same app as Streamlit would run it: it freezes nothing, and collects after every rerun.

Both servers run at once, on one core, with their sessions connected; they are measured by turns, in
an order drawn anew. The client has another core, where there is one, and speaks the two messages it
needs by hand, so that its own cost is small.
"""

import asyncio
import contextlib
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from records.access import accounts, sessions
from records.access.actors import CLINICIAN, CONSOLE
from records.schema import open_database

ROOT = Path(__file__).parents[1]
SESSIONS = 20
LIMIT = 20.0  # times the speed without gc.freeze
START_SECONDS = 120.0
RERUN = b"\x5a\x00"  # BackMsg, field 11 (rerun_script), empty
SCRIPT_FINISHED = 6  # field of ForwardMsg
# The app as `streamlit run` starts it.
START = (
    "import gc, os, runpy, sys\n"
    "if hasattr(os, 'sched_setaffinity'):\n"
    "    os.sched_setaffinity(0, {{max(os.sched_getaffinity(0))}})\n"
    "sys.argv = ['streamlit', 'run', 'app.py', '--server.port', '{}']\n"
    "{}"
    "runpy.run_module('streamlit', run_name='__main__', alter_sys=True)\n"
)
ARMS = {
    "as it is": "",
    "without gc.freeze": (
        "gc.freeze = lambda: None\nsys.argv += ['--runner.postScriptGC', 'true']\n"
    ),
}


def measure(rounds: int = 5, seconds: float = 4.0) -> dict[str, Any]:
    """Reruns per second of each arm (median of the rounds), and the app's as a multiple."""
    with contextlib.ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cookie = _sign_in(data)
        ports = {name: stack.enter_context(_server(change, data)) for name, change in ARMS.items()}
        _keep_to_another_core()
        counted = asyncio.run(_measure(ports, cookie, rounds, seconds))
    per_second = {name: statistics.median(values) for name, values in counted.items()}
    base = per_second["without gc.freeze"]
    return {
        "sessions": SESSIONS,
        "per_second": per_second,
        "ratios": {name: value / base for name, value in per_second.items()},
    }


def _keep_to_another_core() -> None:
    """Leaves the servers' core, if there is another."""
    if hasattr(os, "sched_setaffinity"):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cores - {max(cores)} or cores)


def _sign_in(data: Path) -> str:
    """The cookie of a session that all arms know."""
    database = open_database(f"sqlite:///{data / 'records.sqlite'}")
    account = accounts.add(database, actor=CONSOLE, name="Benchmark", roles=[CLINICIAN])
    token = sessions.start(database, account_id=account.id)
    database.close()
    return f"dermtrace_session={token}"


async def _measure(
    ports: dict[str, int], cookie: str, rounds: int, seconds: float
) -> dict[str, list[float]]:
    counted: dict[str, list[float]] = {name: [] for name in ports}
    async with contextlib.AsyncExitStack() as stack:
        sessions = {
            name: [await stack.enter_async_context(_session(port, cookie)) for _ in range(SESSIONS)]
            for name, port in ports.items()
        }
        order, chance = list(sessions), random.Random(0)
        for _ in range(rounds):
            chance.shuffle(order)
            for name in order:
                connections = sessions[name]
                until = time.perf_counter() + seconds
                begun = time.perf_counter()
                reruns = await asyncio.gather(*(_busy(one, until) for one in connections))
                counted[name].append(sum(reruns) / (time.perf_counter() - begun))
    return counted


@contextlib.asynccontextmanager
async def _session(port: int, cookie: str) -> AsyncIterator[ClientConnection]:
    address = f"ws://127.0.0.1:{port}/_stcore/stream"
    async with connect(
        address,
        origin=f"http://127.0.0.1:{port}",
        subprotocols=["streamlit"],
        additional_headers={"Cookie": cookie},
        max_size=None,
        ping_interval=None,
    ) as connection:
        await _rerun(connection)  # the first run draws the page and is not counted
        yield connection


async def _busy(connection: ClientConnection, until: float) -> int:
    """Reruns one after the other; the last, which ends after `until`, counts too."""
    reruns = 0
    while time.perf_counter() < until:
        await _rerun(connection)
        reruns += 1
    return reruns


async def _rerun(connection: ClientConnection) -> None:
    await connection.send(RERUN)
    while True:
        message = await connection.recv()
        if isinstance(message, bytes) and SCRIPT_FINISHED in _fields(message):
            return


def _fields(message: bytes) -> Iterator[int]:
    """The field numbers at the top of a protobuf message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        yield key >> 3
        if key & 7 == 2:
            length, at = _varint(message, at)
            at += length
        elif key & 7 == 0:
            _, at = _varint(message, at)
        else:
            at += 8 if key & 7 == 1 else 4


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (message[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if message[at - 1] < 0x80:
            return value, at


@contextlib.contextmanager
def _server(change: str, data: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", START.format(port, change)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "SKIN_DATA_DIR": str(data), "SKIN_WORKER": "no"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("The app did not start.")


if __name__ == "__main__":
    print(measure())

"""The app as `make run` starts it, on a free port of this machine."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from records.access.actors import ADMIN, CLINICIAN
from tests.signing import admit_to

ROOT = Path(__file__).parents[2]
ROLES = (CLINICIAN, ADMIN)
START_SECONDS = 180  # on a machine that is busy with something else


class Server:
    """The running app: its address, data, process, log so far, and a session to visit it with."""

    def __init__(self, address: str, data: Path, log: Path, token: str, pid: int) -> None:
        self.address = address
        self.data = data
        self.pid = pid
        self._log = log
        self._token = token

    @property
    def cookies(self) -> list[Any]:
        """What lets a browser in, as clinician and administrator."""
        return [{"name": "dermtrace_session", "value": self._token, "url": self.address}]

    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text(encoding="utf-8")

    def analyses(self) -> int:
        """How often the network has run."""
        return len(re.findall(r"Analysed \d+ photo", self.log()))


@contextmanager
def serve(models: Path, folder: Path, *, roles: Sequence[str] = ROLES) -> Iterator[Server]:
    """The app with the models of a folder, until the context is left.

    Its data and its log lie in `folder`. Without roles it has no accounts yet.
    """
    data, log = folder / "data", folder / "log"
    token = admit_to(f"sqlite:///{data / 'records.sqlite'}", roles) if roles else ""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = os.environ | {"SKIN_MODELS_DIR": str(models), "SKIN_DATA_DIR": str(data)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address, process, log)
        yield Server(address, data, log, token, process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"The app did not start:\n{log.read_text(encoding='utf-8')}")

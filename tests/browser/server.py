"""The app as `make run` starts it, on a free port of this machine."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_SECONDS = 180  # on a machine that is busy with something else


class Server:
    """The running app: its address, and its log so far."""

    def __init__(self, address: str, log: Path) -> None:
        self.address = address
        self._log = log

    def analyses(self) -> int:
        """How often the network has run."""
        return len(re.findall(r"Analysed \d+ photo", self._log.read_text(encoding="utf-8")))


@contextmanager
def serve(models: Path, log: Path) -> Iterator[Server]:
    """The app with the models of a folder, until the context is left; it writes to `log`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = os.environ | {"SKIN_MODELS_DIR": str(models)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address, process, log)
        yield Server(address, log)
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

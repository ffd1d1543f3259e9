"""A PostgreSQL server of the tests' own: made in a temporary folder, stopped at the end."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "postgres"


def programs() -> Path | None:
    """The folder with initdb and postgres; Debian keeps them off the path."""
    found = [Path(p).resolve().parent for name in ("postgres",) if (p := shutil.which(name))]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in found if (folder / "initdb").is_file()), None)


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Runs a server on a free port of this machine; gives its URL without a database's name."""
    # The server refuses to be root, and another user cannot enter pytest's folders.
    home = Path(tempfile.mkdtemp(prefix="dermtrace-postgresql-"))
    become = {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}
    if become:
        shutil.chown(home, USER, USER)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = home / "data"
    subprocess.run(
        [folder / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True,
        capture_output=True,
        cwd=home,
        **become,
    )
    log = (home / "log").open("wb")
    place = ["-D", data, "-p", str(port), "-k", home, "-h", "127.0.0.1"]
    process = subprocess.Popen(
        [folder / "postgres", *place, "-F", "-c", "max_connections=60"],
        stdout=log,
        stderr=log,
        cwd=home,
        **become,
    )
    try:
        ready = [folder / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
        for _ in range(100):
            if process.poll() is not None:
                raise RuntimeError((home / "log").read_text())
            if subprocess.run(ready, capture_output=True).returncode == 0:
                break
        yield f"postgresql://{USER}@127.0.0.1:{port}/"
    finally:
        process.send_signal(2)  # fast shutdown: open sessions are cut off
        process.wait(30)
        log.close()
        shutil.rmtree(home, ignore_errors=True)

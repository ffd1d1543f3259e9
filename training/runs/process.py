"""Which process is meant: its computer, that computer's start, its number, and its own start.

A process number alone means nothing after a while: systems give it to others.
"""

import hashlib
import os
import platform
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil

LINUX, WINDOWS = platform.system() == "Linux", platform.system() == "Windows"
RESTART = 10.0  # seconds at least from one start to the next
LOWEST = 19  # niceness; a clinician's analysis then gets what it asks for


def node() -> str:
    """This computer, also after a restart of it."""
    name = socket.gethostname()
    own = Path("/etc/machine-id")
    mark = own.read_text().strip() if own.exists() else platform.node()
    return f"{name[:80]} {hashlib.sha256(mark.encode()).hexdigest()[:8]}"


def machine() -> str:
    """This start of this computer: processes of another one, or of another container, are gone.

    Linux names each start; elsewhere the moment does, which may be off by what clocks were set.
    """
    if LINUX:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    return f"{psutil.boot_time():.0f}"


def started(pid: int) -> str | None:
    """When a process began, as text that no other process of this number has; None if it ended.

    On Linux in clock ticks since the computer's start, which setting the clock does not change.
    """
    if LINUX:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        fields = stat[stat.rindex(")") + 2 :].split()  # the name before may hold anything
        return None if fields[0] in "ZX" else fields[19]
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return None


def is_there(pid: int, since: str) -> bool:
    """Whether the process of this number that began then is still at work."""
    return started(pid) == since


def end(pid: int, since: str, *, kill: bool = False) -> None:
    """Asks this process, and no other of its number, to stop; or ends it at once."""
    with suppress(ProcessLookupError, PermissionError, psutil.Error):
        if LINUX:
            handle = os.pidfd_open(pid)  # stays this process's, even if it ends meanwhile
            try:
                if is_there(pid, since):
                    signal.pidfd_send_signal(handle, signal.SIGKILL if kill else signal.SIGTERM)
            finally:
                os.close(handle)
        elif is_there(pid, since):
            process = psutil.Process(pid)
            process.kill() if kill else process.terminate()


def step_back() -> None:
    """Gives this process the lowest priority, for as long as it lives."""
    if WINDOWS:
        psutil.Process().nice(psutil.IDLE_PRIORITY_CLASS)
    else:
        psutil.Process().nice(LOWEST)


def half_the_cores() -> int:
    """How many threads a trainer takes, so that some of the processor stays free."""
    return max(1, (psutil.cpu_count() or 1) // 2)


def killed_for_memory() -> int:
    """How often the system has ended a process because memory ran out, as far as it says."""
    try:
        counted = Path("/proc/vmstat").read_text().split()
        return int(counted[counted.index("oom_kill") + 1])
    except (OSError, ValueError):
        return 0


def most_memory() -> int:
    """The most bytes of memory that this process has held."""
    info = psutil.Process().memory_info()
    if WINDOWS:
        return int(info.peak_wset)
    import resource  # which Windows lacks

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most) * (1024 if LINUX else 1)


A_LOOK = 2.0  # seconds, longer than anybody looks whether a lock is taken


class Taken(Exception):
    """Another process holds this lock."""


@contextmanager
def alone(path: Path, *, patience: float = 0.0) -> Iterator[None]:
    """Holds a lock that ends with the process, however that ends; Taken if another has it.

    `patience` is how many seconds it is waited for: who looks whether it is taken holds it for a
    moment. SQLite's own locking, because it works on every system.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=patience, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise Taken(path.name) from error
        yield


def taken(path: Path) -> bool:
    """Whether a process holds the lock at this moment."""
    if not path.exists():
        return False
    with suppress(Taken), alone(path):
        return False
    return True


@contextmanager
def kept(command: Sequence[str], folder: Path) -> Iterator[None]:
    """Keeps a program running beside this one: started again whenever it ends.

    Its standard input stays open for as long as this process lives, whatever ends it.
    """
    over = threading.Event()

    def stay() -> None:
        while not over.is_set():
            begun = time.monotonic()
            child = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.PIPE, start_new_session=True
            )
            while child.poll() is None and not over.wait(0.2):
                pass
            if over.is_set():
                child.terminate()
            child.communicate()
            if time.monotonic() - begun < RESTART:  # what fails at once would only burn the CPU
                over.wait(RESTART)

    thread = threading.Thread(target=stay, name=" ".join(command[-2:]), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=10)

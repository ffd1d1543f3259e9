"""All benchmarks, each in a process of its own: `python -m benchmarks [NAME ...] [--markdown]`.

Exit code: 1 if something is slower than it may be, or failed.
"""

import argparse
import contextlib
import json
import math
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.answers import ANSWERS
from benchmarks.row import Row, table_row, text
from benchmarks.speeds import SPEEDS

BENCHMARKS = SPEEDS | ANSWERS  # the latter, which need photos, only if asked for
ROOT = Path(__file__).resolve().parents[1]
SECONDS = 900.0  # that one benchmark may take
SEVERAL = {"sessions", "beside"}  # these measure several processes at once, and pin their own


def machine() -> str:
    """The machine and the versions, in one line."""
    try:
        load = f"load average {os.getloadavg()[0]:.1f} at the start"
    except (AttributeError, OSError):  # Windows
        load = "load unknown"
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()},"
        f" Python {platform.python_version()}, torch {version('torch')};"
        f" {load}; one core used, by beside all"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(x.split(":", 1)[1].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main() -> int:
    """Run what was asked for and print a report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHMARKS)}")
    parser.add_argument("--markdown", action="store_true", help="print a table for the README")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # the child's part
    options = parser.parse_args()
    if unknown := set(options.names) - BENCHMARKS.keys():
        parser.error(f"There is no benchmark {sorted(unknown)[0]}.")
    if options.here:
        _run_here(options.names[0])
        return 0
    about = machine()
    print(about, flush=True)
    if options.markdown:
        print("\n| What | Ratio | Figures | Limit |\n| --- | --: | --- | --- |", flush=True)
    names, rows = options.names or list(SPEEDS), []
    for number, name in enumerate(names, 1):
        print(f"{name} ({number} of {len(names)})", file=sys.stderr, flush=True)
        for row in in_a_child(name):
            rows.append(row)
            print(table_row(row) if options.markdown else text(row), flush=True)
    missed = [row for row in rows if not row.met]
    print(f"{len(rows)} figures, {len(missed)} limits missed or failed", file=sys.stderr)
    return 1 if missed else 0


def _run_here(name: str) -> None:
    if name not in SEVERAL:
        from benchmarks.sidebyside import pin

        pin()
    for row in BENCHMARKS[name]():
        print(json.dumps(asdict(row)), flush=True)


def in_a_child(name: str, *, seconds: float = SECONDS) -> Iterator[Row]:
    """The rows as they come; what one benchmark leaves in memory does not slow the next.

    One that fails, or takes longer than `seconds`, ends with a row that says so.
    """
    begun = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks", name, "--here"],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        timer = threading.Timer(seconds, _end, [child.pid])
        timer.start()
        try:
            assert child.stdout
            for line in child.stdout:
                try:
                    yield Row(**json.loads(line))
                except (ValueError, TypeError):  # a library's own words
                    print(line, end="", file=sys.stderr, flush=True)
        finally:
            timer.cancel()
            if child.poll() is None:
                _end(child.pid)
    if time.monotonic() - begun > seconds:
        yield Row(f"{name} took longer than {seconds:g} s and was ended", math.nan, "", met=False)
    elif child.returncode:
        yield Row(f"{name} failed (exit code {child.returncode})", math.nan, "", met=False)


def _end(pid: int) -> None:
    """Kills a benchmark and the servers and trainers that it started."""
    try:
        found = psutil.Process(pid)
        family = [*found.children(recursive=True), found]
    except psutil.NoSuchProcess:
        return
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()


if __name__ == "__main__":
    sys.exit(main())

"""What every test can ask for: the real photos, a browser, one thread, the same random numbers."""

import os

# Before torch is imported, and inherited by child processes: sums over several threads differ in
# the last digits, and child processes with a thread pool each crowd a small machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


@pytest.fixture(autouse=True)
def same_every_time() -> None:
    """One thread and fixed seeds, whatever the test before did."""
    torch.set_num_threads(1)
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The real dermoscopic photos: SKIN_TEST_DATA, else shared/data beside the checkout."""
    folder = Path(os.environ.get("SKIN_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real photos: {folder} is not there (set SKIN_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium or Chrome: SKIN_CHROMIUM, else the one on the path."""
    names = (os.environ.get("SKIN_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        reason = "no browser: chromium is not installed (or set SKIN_CHROMIUM to one)"
        # A story that nobody runs proves nothing, so where checks are run for all it must not skip.
        pytest.fail(reason) if IN_CI else pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def times() -> Callable[[int, int], int]:
    """Chooses a repetition count: `times(quick, full)` is quick, or full when SKIN_SOAK=1."""
    soak = os.environ.get("SKIN_SOAK") == "1"
    return lambda quick, full: full if soak else quick


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of its own, one megabyte large."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.name == "nt" or os.geteuid() != 0:
        pytest.skip("only root can make a small disk")
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)

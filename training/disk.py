"""Text files that are replaced whole or not at all, and what is said when the disk is full."""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError


class TrainingFailed(RuntimeError):
    """Training cannot go on; the text says why."""


class DiskFull(TrainingFailed):
    """There is no room on the disk; once there is, the work goes on where it was."""


@contextmanager
def disk_full_named(folder: Path, needed: int) -> Iterator[None]:
    """Turns a full disk into DiskFull, which says what is free and needed (bytes)."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        # safetensors hands on the system's error as text alone.
        full = f"os error {errno.ENOSPC}" in str(error) or f"os error {errno.EDQUOT}" in str(error)
        if full or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(folder, needed) from error
        raise


def disk_full(folder: Path, needed: int) -> DiskFull:
    """The sentence for a disk without room for `needed` bytes."""
    free = shutil.disk_usage(folder).free
    return DiskFull(
        f"Disk full: {_gigabytes(free)} free, need {_gigabytes(needed)}. What was saved before is"
        " whole; it goes on from there once there is room."
    )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e9:.3f} GB"


def write_atomically(path: Path, text: str) -> None:
    """Replace a text file so that a reader sees the old or the new one, never a part."""
    # A name of its own: two runs on the same photos write what they share at the same time.
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with disk_full_named(path.parent, len(text)), part.open("w") as target:
            target.write(text)
            target.flush()
            os.fsync(target.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    os.replace(part, path)


def append_line(path: Path, line: str) -> None:
    """Add a line to a text file, safe on disk when this returns."""
    with disk_full_named(path.parent, len(line)), path.open("a") as target:
        target.write(line + "\n")
        target.flush()
        os.fsync(target.fileno())

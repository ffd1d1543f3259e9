"""Files from the web: resumed where they were cut off, and believed only whole and unchanged.

A file grows under a name ending in .part; beside it stands which version on the server it is a part
of. It gets its name when its size is right, and its SHA-256 too where that is known.
"""

import errno
import hashlib
import http.client
import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from email.message import Message
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from training.disk import write_atomically

PART, VERSION = ".part", ".version"
CHUNK = 1 << 18  # bytes
PATIENCE = 30.0  # seconds without a byte
TRIES = 8  # in a row that bring nothing
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds, doubled from try to try
SPARE = 1 << 28  # bytes that stay free on the disk
FULL = "Disk full. What arrived is kept; it goes on from there."
PASSING = (408, 425, 429, 500, 502, 503, 504)

File = tuple[str, int, str]
Progress = Callable[..., None]
Told = Callable[[int, int], None]  # bytes of a file that are there, and of the whole file or 0


class DownloadFailed(Exception):
    """A file could not be fetched; the text says why. What is there already stays."""


class _Cut(Exception):
    """The connection ended or stalled; trying again may help."""


class _Changed(Exception):
    """What lies here is not a part of what the server has now."""


def fetch(
    files: Sequence[File],
    folder: Path,
    report: Progress,
    *,
    patience: float = PATIENCE,
    pause: float = FIRST_PAUSE,
) -> None:
    """Fetches (address, bytes or 0, SHA-256 or blank) into a folder, each under its own name.

    `report(stage, bytes done, bytes of all, "bytes")` may raise to stop; what was fetched stays,
    and the next call goes on from there. DownloadFailed names what is wrong.
    """
    before = 0
    for place, (address, size, digest) in enumerate(files):
        target = folder / urlsplit(address).path.rpartition("/")[2]
        if not target.exists():
            part = target.with_name(target.name + PART)
            room(folder, size - (part.stat().st_size if part.exists() else 0))

            rest = sum(size for _, size, _ in files[place + 1 :])

            def told(done: int, whole: int, before: int = before, rest: int = rest) -> None:
                report("downloading", before + done, before + max(whole, done) + rest, "bytes")

            _whole(address, target, size, digest, told, patience, pause)
        before += target.stat().st_size


def room(folder: Path, needed: int) -> None:
    """DownloadFailed if the disk has no room for so many bytes more."""
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE:
        raise DownloadFailed(
            f"Disk full: {free / 1e9:.1f} GB free, need {(needed + SPARE) / 1e9:.1f} GB."
        )


def _whole(
    address: str,
    target: Path,
    size: int,
    digest: str,
    told: Told,
    patience: float,
    pause: float,
) -> None:
    """Tries until the file is whole; gives up after TRIES in a row without a byte more."""
    part = target.with_name(target.name + PART)
    idle, restarts = 0, 0
    while True:
        had = part.stat().st_size if part.exists() else 0
        try:
            _go_on(address, part, size, told, patience)
            break
        except (_Changed, _Cut) as error:
            if isinstance(error, _Changed):
                _forget(part)
                restarts += 1
            idle = 0 if part.exists() and part.stat().st_size > had else idle + 1
            if max(idle, restarts) >= TRIES:
                raise DownloadFailed(
                    f"{target.name} cannot be fetched: {error} What arrived is kept; it goes on"
                    " from there."
                ) from error
        whole = size or _read_version(part)[1]
        _wait(min(pause * 2**idle, LONGEST_PAUSE), partial(told, had, whole))
    if digest and (found := sha256(part)) != digest.lower():
        _forget(part)
        raise DownloadFailed(
            f"{target.name} is not the file that was expected: its SHA-256 is {found}. It was"
            " removed."
        )
    _forget_version(part)
    os.replace(part, target)


def _wait(seconds: float, told: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        told()
        time.sleep(min(left, 0.5))


def _go_on(address: str, part: Path, size: int, told: Told, patience: float) -> None:
    """One connection; returns when the file is whole. _Cut, _Changed, DownloadFailed."""
    have = part.stat().st_size if part.exists() else 0
    mark, expected = _read_version(part)
    if have and (not mark or (size and have > size)):
        raise _Changed("the server does not say what the part here belongs to.")
    if size and have == size:
        return
    headers = {"Accept-Encoding": "identity", "User-Agent": "DermTrace"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": mark}
    try:
        request = urllib.request.Request(address, headers=headers)
        with urllib.request.urlopen(request, timeout=patience) as answer:
            start = have if answer.status == 206 else 0
            total = _total(answer.headers, start, answer.status)
            _check_total(address, total, size)
            if start:
                if _mark(answer.headers) not in ("", mark) or total != expected:
                    raise _Changed("it keeps changing on the server.")
            else:
                _write_version(part, _mark(answer.headers), total)
            with part.open("ab" if start else "wb") as file:
                if start != file.seek(0, os.SEEK_END):
                    raise _Changed("the part here has changed.")
                _copy(answer, file.write, start, size or total, told)
                file.flush()
                os.fsync(file.fileno())
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            raise _Changed("the server has less of it than is here.") from error
        if error.code in PASSING:
            raise _Cut(f"the server answers {error.code}.") from error
        raise DownloadFailed(
            f"{urlsplit(address).path.rpartition('/')[2]} cannot be fetched: the server answers"
            f" {error.code} {error.reason}."
        ) from error
    except (OSError, http.client.HTTPException) as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise DownloadFailed(
                "Disk full. What arrived is kept; it goes on from there."
            ) from error
        raise _Cut("the connection was cut off or stalled.") from error
    got, wanted = part.stat().st_size, size or total
    if wanted and got < wanted:
        raise _Cut("the connection was cut off.")
    if wanted and got > wanted:
        raise _Changed("the server sends more than it announces.")


def _copy(
    answer: http.client.HTTPResponse,
    write: Callable[[bytes], int],
    start: int,
    whole: int,
    told: Told,
) -> None:
    done = start
    while data := answer.read1(CHUNK):
        done += len(data)
        write(data)
        told(done, whole)


def _total(headers: Message, start: int, status: int) -> int:
    """Bytes of the whole file as the server announces them; 0 if it does not."""
    if status == 206:
        unit, _, rest = headers.get("Content-Range", "").partition(" ")
        span, _, total = rest.partition("/")
        if unit != "bytes" or not span.startswith(f"{start}-") or not total.isdecimal():
            raise _Changed("the server sends another part than it was asked for.")
        return int(total)
    length = headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else 0


def _check_total(address: str, total: int, size: int) -> None:
    if size and total and total != size:
        raise DownloadFailed(
            f"{urlsplit(address).path.rpartition('/')[2]} has {total:,} bytes on the server;"
            f" {size:,} were expected."
        )


def _mark(headers: Message) -> str:
    """What tells one version of a file from another: a strong ETag, else its date."""
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")


def _read_version(part: Path) -> tuple[str, int]:
    """The mark and size of the version that a part belongs to; blank where that is not known."""
    try:
        found = json.loads(part.with_suffix(part.suffix + VERSION).read_text())
        return str(found["mark"]), int(found["total"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", 0


def _write_version(part: Path, mark: str, total: int) -> None:
    path = part.with_suffix(part.suffix + VERSION)
    write_atomically(path, json.dumps({"mark": mark, "total": total}))


def _forget_version(part: Path) -> None:
    part.with_suffix(part.suffix + VERSION).unlink(missing_ok=True)


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _forget_version(part)


def sha256(path: Path) -> str:
    """A file's SHA-256, read a piece at a time."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Reads untrusted photos in child processes, so that a hostile file can't take the server along.

Each child (skinmodel.reading.sandbox) is a fresh interpreter with Pillow and numpy only (never a
fork of a process that has torch's threads), limited in memory, processor time and wall-clock time,
and without the right to write files. One child reads many photos; one that crashes or overruns is
replaced.
"""

import contextlib
import dataclasses
import datetime
import hashlib
import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from PIL import Image

from skinmodel.images import MAX_BYTES, MAX_RATIO, WORKING_SIDE, Photo
from skinmodel.reading.containers import DAMAGED, InvalidImage
from skinmodel.reading.dicom import NAMED, NO_DICOM, SUFFIX, Dicom, is_dicom
from skinmodel.reading.sandbox import ANSWER, READY, REQUEST, exactly

TOO_SLOW = "This photo took too long to read."
START_SECONDS = 60.0  # for the interpreter, on a busy machine
MEMORY = 2 << 30  # bytes of address space; a 40-megapixel PNG takes up to 0.66 GB
_MAX_HEADER = 1 << 20


class Decoder:
    """Reads photos in `workers` child processes, `seconds` at most for each; thread-safe.

    Children start when first needed and stay; leaving the context, or close(), ends them.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        seconds: float = 10.0,
        memory: int = MEMORY,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._children = [_Child(memory) for _ in range(workers)]
        self._idle: queue.LifoQueue[_Child] = queue.LifoQueue()
        for child in self._children:
            self._idle.put(child)
        self._closed = False

    def read(self, data: bytes, *, name: str = "", side: int = WORKING_SIDE) -> Photo:
        """The photo in a file's bytes, as skinmodel.images.read_photo gives it.

        The file's `name` says whether it should be DICOM, and is never used as a path; `side` is
        the most pixels that the picture's short side may have. Raises InvalidImage, also where the
        child crashed or overran; RuntimeError once closed. Waits for an idle child without limit:
        the time limit begins when reading does.
        """
        if len(data) > self._max_bytes:
            raise InvalidImage(f"This file is larger than {self._max_bytes / 1e6:g} MB.")
        if name.lower().endswith(SUFFIX) and not is_dicom(data):
            raise InvalidImage(NO_DICOM)
        child = self._idle.get()
        try:
            if self._closed:
                raise RuntimeError("The decoder is closed.")
            photo = child.read(data, self._seconds, self._max_bytes, side)
        finally:
            self._idle.put(child)
        if photo.dicom and photo.dicom.is_named_in(name):
            return dataclasses.replace(photo, warnings=(*photo.warnings, NAMED))
        return photo

    def close(self) -> None:
        """End the children; reads under way finish first."""
        self._closed = True
        for _ in self._children:
            self._idle.get().stop()
        for child in self._children:
            self._idle.put(child)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Child:
    """One child process, used by one thread at a time."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self.process: subprocess.Popen[bytes] | None = None

    def read(self, data: bytes, seconds: float, max_bytes: int, side: int) -> Photo:
        process = self._running()
        late = threading.Event()

        def overrun() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, overrun)
        timer.start()
        try:
            answer, pixels = _ask(process, data, seconds, max_bytes, side)
            photo = _photo(answer, pixels, data)
        except InvalidImage:
            raise
        except Exception as error:  # the child died, or says what no sound child would say
            self.stop()
            # A processor limit ends the child by a signal that only Unix has (SIGXCPU).
            spent = late.is_set() or process.returncode == -24
            raise InvalidImage(TOO_SLOW if spent else DAMAGED) from error
        finally:
            timer.cancel()
            timer.join()  # so that a late timer can't hit the next photo
            if late.is_set():
                self.stop()
        return photo

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None or self.process.poll() is not None:
            self.stop()
            self.process = _start(self._memory)
        return self.process

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.kill()  # it holds nothing that could be lost
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with contextlib.suppress(OSError):  # what the dead child had not read
                    pipe.close()


def _start(memory: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-B", "-m", "skinmodel.reading.sandbox", str(memory)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # No secret of the server's environment is the child's business; Windows can't do without.
        # One thread for numpy: OpenBLAS would reserve address space for each core.
        env=None if sys.platform == "win32" else {"OPENBLAS_NUM_THREADS": "1"},
    )
    assert process.stdout
    timer = threading.Timer(START_SECONDS, process.kill)
    timer.start()
    ready = process.stdout.read(1)
    timer.cancel()
    if ready != READY:
        process.kill()
        process.wait()
        raise RuntimeError("The decoder's process did not start.")
    return process


def _ask(
    process: subprocess.Popen[bytes], data: bytes, seconds: float, max_bytes: int, side: int
) -> tuple[dict[str, Any], bytes]:
    assert process.stdin and process.stdout
    process.stdin.write(REQUEST.pack(len(data), seconds, max_bytes, side))
    process.stdin.write(data)
    process.stdin.flush()
    (length,) = ANSWER.unpack(exactly(process.stdout, ANSWER.size))
    if length > _MAX_HEADER:
        raise ValueError("no sound child says so much")
    answer = json.loads(exactly(process.stdout, length))
    if "refused" in answer:
        raise InvalidImage(str(answer["refused"]))
    width, height = (int(side) for side in answer["picture"])
    if not 0 < width * height <= MAX_RATIO * (side + 1) ** 2:
        raise ValueError("no sound child sends such a picture")
    return answer, exactly(process.stdout, 3 * width * height)


def _photo(answer: dict[str, Any], pixels: bytes, data: bytes) -> Photo:
    width, height = answer["size"]
    day = answer["taken_on"]
    return Photo(
        picture=Image.frombytes("RGB", tuple(answer["picture"]), pixels),
        sha256=hashlib.sha256(data).hexdigest(),
        size=(int(width), int(height)),
        taken_on=None if day is None else datetime.date.fromisoformat(day),
        notes=tuple(map(str, answer["notes"])),
        warnings=tuple(map(str, answer["warnings"])),
        dicom=None if answer["dicom"] is None else Dicom.from_dict(answer["dicom"]),
        media_type=str(answer["media_type"]),
        orientation=int(answer["orientation"]),
    )

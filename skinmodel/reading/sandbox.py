"""The decoder's child process: confines itself, then reads photos until its parent is gone.

Down the pipe comes a request and the file; back go a length, JSON and raw RGB pixels. Nothing is
pickled: the parent trusts this process as little as the file.
"""

import contextlib
import json
import struct
import sys
from typing import IO

from skinmodel.images import InvalidImage, read_photo

READY = b"R"
# Bytes of the file, processor seconds, largest file in bytes, short side of the picture in pixels.
REQUEST = struct.Struct(">QddI")
ANSWER = struct.Struct(">I")  # bytes of JSON


def exactly(pipe: IO[bytes], size: int) -> bytes:
    """`size` bytes of a pipe; EOFError where the other side is gone."""
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until there are no more."""
    answers.write(READY)
    answers.flush()
    while head := requests.read(REQUEST.size):
        length, seconds, max_bytes, side = REQUEST.unpack(head)
        data = exactly(requests, length)
        _limit_processor(seconds)
        pixels = b""
        try:
            photo = read_photo(data, max_bytes=max_bytes, side=side)
            pixels = photo.picture.tobytes()
            answer = {
                "picture": photo.picture.size,
                "size": photo.size,
                "taken_on": photo.taken_on and photo.taken_on.isoformat(),
                "notes": photo.notes,
                "warnings": photo.warnings,
                "dicom": photo.dicom and photo.dicom.to_dict(),
                "media_type": photo.media_type,
                "orientation": photo.orientation,
            }
        except InvalidImage as refusal:
            answer = {"refused": str(refusal)}
        text = json.dumps(answer).encode()
        answers.write(ANSWER.pack(len(text)) + text + pixels)
        answers.flush()


def confine(memory: int) -> None:
    """Limit this process's address space to `memory` bytes, its core dumps and files to none."""
    if sys.platform == "win32":  # has no such limits: there the wall-clock limit stands alone
        return
    import resource

    # Opening files stays possible: Pillow imports its parsers when it first meets their data.
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),  # may write no file
    ):
        with contextlib.suppress(ValueError, OSError):  # macOS has no limit on address space
            resource.setrlimit(limit, (value, value))


def _limit_processor(seconds: float) -> None:
    if sys.platform == "win32":
        return
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    until = int(usage.ru_utime + usage.ru_stime + seconds) + 2  # whole seconds only
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


if __name__ == "__main__":
    confine(int(sys.argv[1]))
    serve(sys.stdin.buffer, sys.stdout.buffer)

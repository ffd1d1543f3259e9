"""What an image file's outer structure says, and the refusals every format shares.

The walk over PNG (W3C third edition, with APNG) and WebP (RFC 9649) finds size, frames and whether
the file is whole without decoding a pixel: a bomb is refused before memory is asked for.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Literal

INCOMPLETE = "This photo is incomplete (file cut off). Please upload it again."
DAMAGED = "This photo is damaged. Please upload it again."
OVERSIZED_TEXT = "This photo carries an oversized text or colour profile and was refused."
MAX_INFLATED = 1 << 20  # bytes of compressed text and colour profile in one PNG; Pillow's limit too


class InvalidImage(ValueError):
    """A file that is not a usable photo; its text is one plain sentence for a clinician."""


@dataclass(frozen=True)
class Container:
    """Format, (width, height) as stored, frames, bits per channel, and where the picture ends.

    What follows `end` is ignored. `scan` is where the only scan of a sequential JPEG lies.
    """

    kind: Literal["JPEG", "PNG", "WEBP"]
    size: tuple[int, int]
    frames: int = 1
    bits: int = 8
    end: int = 0
    scan: tuple[int, int] | None = None


def walk_png(data: bytes) -> Container:
    """The structure of a PNG; every checksum is checked. Raises InvalidImage."""
    at, frames, inflated = 8, 1, 0
    width, height, bits = struct.unpack(">IIB", data[16:25])
    while True:
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = memoryview(data)[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        if zlib.crc32(body, zlib.crc32(kind)) != checksum or (at == 8) != (kind == b"IHDR"):
            raise InvalidImage(DAMAGED)
        at += 12 + length
        if kind == b"IEND":
            return Container("PNG", (width, height), frames, bits, at)
        if kind == b"acTL":
            frames = max(1, int.from_bytes(body[:4], "big"))
        elif kind in (b"iCCP", b"zTXt", b"iTXt"):
            inflated += _inflated(kind, bytes(body))
            if inflated > MAX_INFLATED:
                raise InvalidImage(OVERSIZED_TEXT)


def _inflated(kind: bytes, body: bytes) -> int:
    if kind == b"iTXt":
        _, _, rest = body.partition(b"\0")
        packed = rest[2:].split(b"\0", 2)[-1] if rest[:1] == b"\1" else b""
    else:
        packed = body.partition(b"\0")[2][1:]
    try:
        return len(zlib.decompressobj().decompress(packed, MAX_INFLATED + 1))
    except zlib.error:
        return 0  # unreadable text is harmless, an unreadable profile is reported with the colours


def walk_webp(data: bytes) -> Container:
    """The structure of a WebP; its picture has no checksum to check. Raises InvalidImage."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise InvalidImage(INCOMPLETE)
    size, frames, at = None, 0, 12
    while at + 8 <= end:
        kind, length = struct.unpack("<4sI", data[at : at + 8])
        body = data[at + 8 : at + 18]
        if at + 8 + length > end:
            raise InvalidImage(DAMAGED)
        if kind == b"VP8X":
            size = (_three(body[4:7]) + 1, _three(body[7:10]) + 1)
        elif kind == b"ANMF":
            frames += 1
        elif kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
            width, height = struct.unpack("<HH", body[6:10])
            size = size or (width & 0x3FFF, height & 0x3FFF)
        elif kind == b"VP8L" and body[:1] == b"\x2f":
            packed = int.from_bytes(body[1:5], "little")
            size = size or ((packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1)
        at += 8 + length + (length & 1)
    if size is None:
        raise InvalidImage(DAMAGED)
    return Container("WEBP", size, max(1, frames), 8, end)


def _three(body: bytes) -> int:
    return int.from_bytes(body, "little")

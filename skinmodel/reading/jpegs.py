"""JPEG (ITU-T T.81) with its multi-picture extension (CIPA DC-007): walked first, then decoded.

The decoder, libjpeg, forgives damage; a clinician must not be shown what it made up.
"""

import io
import re
import struct
from typing import Literal

from PIL import Image, JpegImagePlugin

from skinmodel.reading.containers import DAMAGED, INCOMPLETE, Container, InvalidImage

# A marker inside entropy-coded data: not a stuffed FF 00 and not a restart marker.
# (With \xff+ before it the search takes as long as decoding: 28 ms instead of 2 for 3.6 MB.)
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_RGB = [*b"RGB"]  # components named so
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})


def walk_jpeg(data: bytes) -> Container:
    """The structure of a JPEG, from its first marker to its last. Raises InvalidImage."""
    frame: tuple[int, int, int, int, int] | None = None  # marker, bits, height, width, components
    interval, frames, gain_map, scan = 0, 1, False, None
    at = 2
    while True:
        if data[at : at + 1] not in (b"\xff", b""):
            raise InvalidImage(DAMAGED)
        while data[at + 1 : at + 2] == b"\xff":  # fill bytes
            at += 1
        if at + 4 > len(data) and data[at : at + 2] != b"\xff\xd9":
            raise InvalidImage(INCOMPLETE)
        marker = data[at + 1]
        if marker == 0xD9:
            break
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        if marker < 0xC0 or 0xD0 <= marker <= 0xD8 or length < 2:
            raise InvalidImage(DAMAGED)
        if len(body) < length - 2:
            raise InvalidImage(INCOMPLETE)
        if marker in _FRAME_HEADERS:
            if frame or len(body) < 6:
                raise InvalidImage(DAMAGED)
            frame = (marker, *struct.unpack(">BHHB", body[:6]))
        elif marker == 0xDD and len(body) == 2:
            interval = int.from_bytes(body, "big")
        elif marker == 0xE1:
            gain_map = gain_map or b"hdrgm:Version" in body  # Ultra HDR: one picture, two layers
        elif marker == 0xE2 and body[:4] == b"MPF\0" and frame is None:
            frames = _mpf_frames(data, at + 8)
        at += 2 + length
        if marker == 0xDA:
            if frame is None or not body:
                raise InvalidImage(DAMAGED)
            start, (at, following) = at, _scan_end(data, at, interval)
            if frame[0] not in _PROGRESSIVE and body[0] == frame[4]:
                if following != 0xD9:
                    raise InvalidImage(DAMAGED)  # nothing may follow the only scan
                scan = (start, at)
    if frame is None or frame[2] == 0:
        raise InvalidImage(DAMAGED)
    _, bits, height, width, _ = frame
    return Container("JPEG", (width, height), 1 if gain_map else frames, bits, at + 2, scan)


def _scan_end(data: bytes, start: int, interval: int) -> tuple[int, int]:
    """Where the scan ends and which marker follows it."""
    marker = _MARKER.search(data, start)
    if marker is None:
        raise InvalidImage(INCOMPLETE)
    restarts = [m.group(1)[0] for m in _RESTART.finditer(data, start, marker.start())]
    if restarts and (not interval or restarts != [0xD0 + i % 8 for i in range(len(restarts))]):
        raise InvalidImage(DAMAGED)
    end = marker.start()
    while end > start and data[end - 1] == 0xFF:  # fill bytes
        end -= 1
    return end, marker.group(1)[0]


def _mpf_frames(data: bytes, base: int) -> int:
    """Full pictures in a multi-picture file: previews, depth and brightness layers don't count."""
    order: Literal["little", "big"] = "little" if data[base : base + 2] == b"II" else "big"

    def number(at: int, size: int = 4) -> int:
        return int.from_bytes(data[base + at : base + at + size], order)

    directory = number(4)
    for field in range(directory + 2, directory + 2 + 12 * min(number(directory, 2), 16), 12):
        if number(field, 2) == 0xB002:  # the list of pictures, 16 bytes each, this one first
            first, count = number(field + 8), min(number(field + 4) // 16, 999)
            entries = range(first + 16, first + 16 * count, 16)
            return 1 + sum(
                _is_view(data, number(entry) & 0xFFFFFF, base + number(entry + 8))
                for entry in entries
            )
    return 1


def _is_view(data: bytes, kind: int, start: int) -> bool:
    if kind == 0:  # undefined: cameras mark layers so, and some programs mark views so
        return _first_size(data, start) == _first_size(data, 0)
    return 0x020001 <= kind <= 0x020003  # panorama, disparity, several angles


def _first_size(data: bytes, start: int) -> bytes | None:
    at = start + 2
    while data[start : start + 2] == b"\xff\xd8" and data[at : at + 1] == b"\xff":
        if data[at + 1 : at + 2] and data[at + 1] in _FRAME_HEADERS:
            return data[at + 5 : at + 9]
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


class _Stream(io.BytesIO):
    """A JPEG that ends at `cut`, and gives `tail` to whoever wants to read on from there."""

    def __init__(self, data: bytes, cut: int, tail: bytes) -> None:
        super().__init__(data)  # shares the bytes
        self.cut = cut
        self.tail = tail
        self.passed = False

    def read(self, size: int | None = -1) -> bytes:
        left = self.cut - self.tell()
        if left <= 0:
            tail, self.tail, self.passed = self.tail, b"", True
            return tail
        return super().read(left if size is None or size < 0 else min(size, left))


def load_jpeg(data: bytes, container: Container, side: int, *, as_rgb: bool = False) -> Image.Image:
    """The loaded JPEG, decoded at 1/2, 1/4 or 1/8 where that leaves `side` pixels both ways.

    A JPEG that bears no mark of its colours is YCbCr, unless whoever hands it on knows better:
    with `as_rgb` its levels stay as they are.

    libjpeg only warns, and Pillow says nothing, when the blocks of a damaged file need more or
    fewer bytes than there are. So the decoder gets the scan without its last byte (done already:
    too many bytes) and then that byte and eight zeros instead of the end marker (still not done:
    too few); libjpeg reads at most eight bytes ahead. Finds what OpenCV's copy of libjpeg warns of
    (a third of single flipped bytes, 97 % of ten), and no fault in 9,031 real photos and 2,592
    kinds of encoding. Other single flips decode to a legal, wrong picture: JPEG has no checksum.
    Progressive files cannot be tested so: libjpeg reads them to the end marker first.
    """
    cut, tail = container.end, b""
    if container.scan:
        start, end = container.scan
        cut = end - 1
        while cut > start and data[cut] == 0:  # some cameras pad with zeros
            cut -= 1
        tail = data[cut:end] + bytes(8)
    stream = _Stream(data, cut, tail)
    image = JpegImagePlugin.JpegImageFile(stream)  # not Image.open: it would look for an MPO
    unmarked = not {"adobe", "jfif"} & image.info.keys() and [one[0] for one in image.layer] != _RGB
    image.draft("YCbCr" if as_rgb and unmarked else None, (side, side))
    try:
        image.load()
    except OSError as error:
        cut_off = not container.scan and "truncated" in str(error)
        raise InvalidImage(INCOMPLETE if cut_off else DAMAGED) from error
    if container.scan and not stream.passed:
        raise InvalidImage(DAMAGED)
    if image.mode == "YCbCr":
        return Image.frombytes("RGB", image.size, image.tobytes())
    return image

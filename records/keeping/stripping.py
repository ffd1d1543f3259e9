"""Takes what a file says beside its picture out (place, owner, serial number, thumbnail, texts).

The picture's own bytes stay as they are: nothing is decoded. Orientation and colour profile stay,
because the picture would look different without them.
"""

import struct
import zlib

# Exif with one entry, orientation: little-endian TIFF, IFD of one tag 0x0112 of type SHORT.
_EXIF = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0%s\0\0\0\0\0\0"
_PNG_KEPT = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT"}
_PNG_KEPT |= {b"sRGB", b"bKGD", b"pHYs", b"cICP"}
_WEBP_KEPT = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP"}


def strip(data: bytes, *, orientation: int) -> bytes | None:
    """A JPEG, PNG or WebP without its metadata, to be shown with this EXIF orientation.

    None for any other file, and for one whose structure cannot be followed.
    """
    try:
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data, orientation)
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png(data, orientation)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data, orientation)
    except (struct.error, IndexError, ValueError):
        pass
    return None


def _tiff(orientation: int) -> bytes:
    return _EXIF % struct.pack("<H", orientation)


def _jpeg(data: bytes, orientation: int) -> bytes:
    parts, at = [b"\xff\xd8"], 2
    if orientation != 1:
        exif = b"Exif\0\0" + _tiff(orientation)
        parts.append(b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif)
    while True:
        if data[at] != 0xFF:
            raise ValueError
        while data[at + 1] == 0xFF:  # fill bytes
            at += 1
        marker = data[at + 1]
        if marker == 0xD9:
            return b"".join((*parts, b"\xff\xd9"))
        if marker == 0xDA:
            end = _end_of_scan(data, at)
            parts.append(data[at:end])
            at = end
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        segment = data[at : at + 2 + length]
        profile = marker == 0xE2 and segment[4:].startswith(b"ICC_PROFILE\0")
        adobe = marker == 0xEE and segment[4:].startswith(b"Adobe")
        if profile or adobe or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            parts.append(segment)
        at += 2 + length


def _end_of_scan(data: bytes, at: int) -> int:
    """Where the next marker after a scan's data stands; restart markers belong to the data."""
    (length,) = struct.unpack_from(">H", data, at + 2)
    at += 2 + length
    while True:
        at = data.index(b"\xff", at)
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2


def _png(data: bytes, orientation: int) -> bytes:
    parts, at = [data[:8]], 8
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk = data[at : at + 12 + length]
        if len(chunk) < 12 + length:
            raise ValueError
        if kind in _PNG_KEPT:
            parts.append(chunk)
        if kind == b"IHDR" and orientation != 1:
            body = b"eXIf" + _tiff(orientation)
            parts.append(struct.pack(">I", len(body) - 4) + body)
            parts.append(struct.pack(">I", zlib.crc32(body)))
        if kind == b"IEND":
            return b"".join(parts)
        at += 12 + length


def _webp(data: bytes, orientation: int) -> bytes:
    parts, at = [], 12
    while at < len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        size = 8 + length + length % 2
        chunk = data[at : at + size]
        if kind == b"VP8X":  # its flags say whether Exif and XMP follow
            has_exif = 0x08 if orientation != 1 else 0
            flags = chunk[8] & ~0x0C | has_exif
            chunk = chunk[:8] + bytes([flags]) + chunk[9:]
        if kind in _WEBP_KEPT:
            parts.append(chunk)
        at += size
    if orientation != 1:
        exif = _tiff(orientation)
        parts.append(b"EXIF" + struct.pack("<I", len(exif)) + exif)
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body

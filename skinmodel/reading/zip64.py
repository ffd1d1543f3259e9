"""The numbers of a ZIP beyond 4 GB or 65,535 files, where the plain fields are full (APPNOTE 6.3).

A field of the largest value says that the number stands in an extra field, or in a record of its
own before the end.
"""

import mmap
import struct

Bytes = bytes | mmap.mmap

FULL = 0xFFFFFFFF
_LOCATOR = struct.Struct("<4sIQI")
_RECORD = struct.Struct("<4sQ2H2I4Q")
_NUMBERS = 1  # the extra field's id


def end_record(data: Bytes, at: int) -> tuple[int, int, int, int] | None:
    """Start, size and count of the directory, and where this record begins; None without one.

    `at` is where the plain end record begins.
    """
    if at < _LOCATOR.size + _RECORD.size:
        return None
    magic, disk, offset, _ = _LOCATOR.unpack_from(data, at - _LOCATOR.size)
    if magic != b"PK\6\7" or disk or offset + _RECORD.size > at - _LOCATOR.size:
        return None
    magic, length, _, _, disk, first, here, count, size, start = _RECORD.unpack_from(data, offset)
    whole = offset + 12 + length == at - _LOCATOR.size  # the length leaves out its first 12 bytes
    if magic != b"PK\6\6" or disk or first or here != count or not whole:
        return None
    return start, size, count, offset


def numbers(extra: bytes, *fields: int) -> tuple[int, ...]:
    """The fields, those that are full replaced by what the extra field says, in their order."""
    wide = _find(extra)
    found, place = [], 0
    for field in fields:
        if field == FULL:
            (field,) = struct.unpack_from("<Q", wide, place)
            place += 8
        found.append(field)
    return tuple(found)


def _find(extra: bytes) -> bytes:
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if kind == _NUMBERS:
            return extra[at + 4 : at + 4 + size]
        at += 4 + size
    return b""

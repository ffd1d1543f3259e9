"""ZIP files of photos (APPNOTE 6.3): measured through and through before anything of one is used.

Only the central directory is believed, and only where local headers and data agree with it. What
a member unpacks to is counted while it unpacks; it never gets more room than it has asked for.
"""

import re
import stat
import struct
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from skinmodel.reading.filenames import display_name
from skinmodel.reading.zip64 import FULL, Bytes, end_record, numbers

SUFFIX = ".zip"


@dataclass(frozen=True)
class Limits:
    """The most a ZIP may hold: bytes of its own, files, bytes of all files unpacked."""

    size: int
    members: int
    total: int

    @property
    def too_large(self) -> str:
        """The refusal of a ZIP above its size."""
        return f"This ZIP is larger than {self.size >> 20:,} MB."

    @property
    def too_many(self) -> str:
        """The refusal of one with more files."""
        return f"This ZIP contains more than {self.members:,} files. Please make several."

    @property
    def too_much(self) -> str:
        """The refusal of one that unpacks to more."""
        return f"This ZIP unpacks to more than {self.total >> 20:,} MB. Please make several."


PHOTOS = Limits(size=200 << 20, members=1000, total=600 << 20)
MAX_RATIO = 100  # unpacked to packed; deflate gives at most 1032, photos at most about 10
SMALL = 1 << 20  # bytes unpacked below which the ratio does not matter
_CHUNK = 1 << 18
_END = struct.Struct("<4s4H2IH")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".jar")
_MAGICS = (
    b"PK\3\4",
    b"PK\5\6",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\7",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
)
_LEFT_BY_SYSTEMS = re.compile(r"(^|/)(__MACOSX/|\.(?!/)|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)

DAMAGED = "This ZIP is damaged or incomplete. Please make it anew."
EMPTY = "This ZIP contains no files."
BOMB = "This ZIP unpacks to far more than its size, as no photos do, and was refused."
OVERLAP = "This ZIP's files lie on top of each other: it was made to do harm, and was refused."
FORGED = "This ZIP says something else about its files than they are, and was refused."
ENCRYPTED = "This ZIP is encrypted. Please make one without a password."
NESTED = "This ZIP contains another archive ({}). Please unpack it and add the photos."
PATHS = "This ZIP contains a path that leads elsewhere ({}), and was refused."
LINKS = "This ZIP contains a link or device instead of a file ({}), and was refused."
TWICE = "This ZIP contains two files of one name ({}), and was refused."
METHOD = "This ZIP is packed in a way that cannot be read here. Please make an ordinary ZIP."


class InvalidArchive(ValueError):
    """A ZIP that is refused as a whole; its text is one plain sentence."""


@dataclass(frozen=True)
class Member:
    """One file in a ZIP: its name as given, where it and its packed data begin, and its sizes."""

    name: str
    begin: int
    start: int
    packed: int
    size: int
    checksum: int
    deflated: bool


def is_archive(data: bytes) -> bool:
    """Whether a file begins as ZIP files do, empty ones too."""
    return data[:4] in (b"PK\3\4", b"PK\5\6")


def open_archive(data: Bytes) -> tuple[Member, ...]:
    """The files of a ZIP, without what systems leave there; InvalidArchive if any of it is unsafe.

    Every member is unpacked once, a piece at a time and thrown away, so that nothing of a ZIP that
    lies about one of its files is ever used.
    """
    members = list_archive(data, PHOTOS)
    total = 0
    for member in members:
        for piece in pieces(data, member):
            total += len(piece)
            if total > PHOTOS.total:
                raise InvalidArchive(PHOTOS.too_much)
    return members


def list_archive(data: Bytes, limits: Limits) -> tuple[Member, ...]:
    """The files of a ZIP as its headers have them, all of which must agree; nothing is unpacked.

    Whoever unpacks with `pieces` and throws everything away at an InvalidArchive has been as
    careful as `open_archive`, in one pass.
    """
    if len(data) > limits.size:
        raise InvalidArchive(limits.too_large)
    try:
        members = _members(data, limits)
    except (struct.error, IndexError) as error:
        raise InvalidArchive(DAMAGED) from error
    _refuse_doubles(members)
    _refuse_overlaps(members)
    kept = tuple(one for one in members if not _LEFT_BY_SYSTEMS.search(one.name))
    if not kept:
        raise InvalidArchive(EMPTY)
    return kept


def unpack(data: Bytes, member: Member, *, most: int) -> bytes:
    """A member of the ZIP that `open_archive` has found sound: at most `most` + 1 bytes of it.

    That one byte more lets whoever reads it refuse it as too large.
    """
    parts, left = [], most + 1
    for piece in pieces(data, member):
        parts.append(piece[:left])
        left -= len(parts[-1])
        if not left:
            break
    return b"".join(parts)


def _members(data: Bytes, limits: Limits) -> list[Member]:
    at, stop, count = _directory(data, limits)
    members, end, declared = [], at, 0
    for _ in range(count):
        fields = _CENTRAL.unpack_from(data, end)
        magic, _, _, flags, method, _, _, checksum, packed, size, *lengths = fields[:13]
        attributes, offset = fields[15], fields[16]
        if magic != b"PK\1\2":
            raise InvalidArchive(DAMAGED)
        end += _CENTRAL.size
        raw = data[end : end + lengths[0]]
        extra = data[end + lengths[0] : end + lengths[0] + lengths[1]]
        name = raw.decode("utf-8" if flags & 0x800 else "cp437", "replace")
        end += sum(lengths)
        _check(name, flags, method, attributes)
        size, packed, offset = numbers(extra, size, packed, offset)
        declared += size
        if declared > limits.total:
            raise InvalidArchive(limits.too_much)
        if size > SMALL and size > MAX_RATIO * packed:
            raise InvalidArchive(BOMB)
        start = _start(data, offset, raw, flags, method, (checksum, packed, size))
        if start + packed > at:
            raise InvalidArchive(DAMAGED)
        if name.endswith("/"):
            if size:
                raise InvalidArchive(FORGED)
            continue
        if name.lower().endswith(_ARCHIVES):
            raise InvalidArchive(NESTED.format(display_name(name)))
        members.append(Member(name, offset, start, packed, size, checksum, method == 8))
    if end != stop:  # it lists more files than it says
        raise InvalidArchive(FORGED)
    return members


def _directory(data: Bytes, limits: Limits) -> tuple[int, int, int]:
    """Where the central directory begins and ends, and how many files it says it lists."""
    for at in _ends(data):
        _, disk, first_disk, here, count, size, start, comment = _END.unpack_from(data, at)
        if at + _END.size + comment != len(data):
            continue  # these four bytes are part of a comment
        stop = at
        if 0xFFFF in (disk, here, count) or FULL in (size, start):
            wide = end_record(data, at)
            if wide is None:
                raise InvalidArchive(limits.too_many)
            start, size, count, stop = wide
            disk = first_disk = 0
            here = count
        if count > limits.members or size > limits.members << 10:
            raise InvalidArchive(limits.too_many)
        if not count:
            raise InvalidArchive(EMPTY)
        if disk or first_disk or here != count or start + size != stop:
            raise InvalidArchive(DAMAGED)
        return start, stop, count
    raise InvalidArchive(DAMAGED)


def _ends(data: Bytes) -> Iterator[int]:
    at, first = len(data), max(0, len(data) - _END.size - 0xFFFF)
    while (at := data.rfind(b"PK\5\6", first, at)) >= 0:
        if at + _END.size <= len(data):
            yield at


def _check(name: str, flags: int, method: int, attributes: int) -> None:
    if flags & 0x2041:  # encrypted, strongly encrypted, with an encrypted directory
        raise InvalidArchive(ENCRYPTED)
    if method not in (0, 8):
        raise InvalidArchive(METHOD)
    parts = re.split(r"[/\\]", name)
    if ".." in parts or not parts[0] or re.match(r"[A-Za-z]:", name) or "\0" in name:
        raise InvalidArchive(PATHS.format(display_name(name)))
    kind = stat.S_IFMT(attributes >> 16)  # of Unix; none in ZIPs from other systems
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InvalidArchive(LINKS.format(display_name(name)))


def _start(
    data: Bytes, offset: int, name: bytes, flags: int, method: int, sizes: tuple[int, int, int]
) -> int:
    """Where a file's packed data start; its own header must say what the directory says."""
    header = data[offset : offset + _LOCAL.size]
    magic, _, own_flags, own_method, _, _, checksum, packed, size, length, more = _LOCAL.unpack(
        header
    )
    if magic != b"PK\3\4":
        raise InvalidArchive(DAMAGED)
    at = offset + _LOCAL.size
    extra = data[at + length : at + length + more]
    follow = own_flags & 8  # checksum and sizes stand behind the data
    if not follow:
        size, packed = numbers(extra, size, packed)
    if (
        own_method != method
        or (own_flags ^ flags) & 1
        or data[at : at + length] != name
        or (not follow and (checksum, packed, size) != sizes)
    ):
        raise InvalidArchive(FORGED)
    return at + int(length) + int(more)


def _refuse_doubles(members: list[Member]) -> None:
    seen: set[str] = set()
    for member in members:
        parts = re.split(r"[/\\]", unicodedata.normalize("NFC", member.name).casefold())
        name = "/".join(part for part in parts if part not in ("", "."))
        if name in seen:
            raise InvalidArchive(TWICE.format(display_name(member.name)))
        seen.add(name)


def _refuse_overlaps(members: list[Member]) -> None:
    end = 0
    for member in sorted(members, key=lambda one: one.begin):
        if member.begin < end:
            raise InvalidArchive(OVERLAP)
        end = member.start + member.packed


def pieces(data: Bytes, member: Member) -> Iterator[bytes]:
    """A member's bytes in pieces; InvalidArchive as soon as they are not what was announced."""
    first = True
    for piece in _inflated(data, member):
        if first and piece:
            first = False
            if piece.startswith(_MAGICS):
                raise InvalidArchive(NESTED.format(display_name(member.name)))
        yield piece


def _inflated(data: Bytes, member: Member) -> Iterator[bytes]:
    """A member's bytes in pieces; InvalidArchive as soon as they are not what was announced."""
    engine = zlib.decompressobj(-zlib.MAX_WBITS) if member.deflated else None
    end, size, checksum = member.start + member.packed, 0, 0
    for at in range(member.start, end, _CHUNK):
        packed = data[at : min(at + _CHUNK, end)]
        while packed:
            piece = packed
            packed = b""
            if engine:
                try:
                    piece = engine.decompress(piece, _CHUNK)
                except zlib.error as error:
                    raise InvalidArchive(DAMAGED) from error
                packed = engine.unconsumed_tail
            size += len(piece)
            if size > member.size or (engine and engine.unused_data):
                raise InvalidArchive(FORGED)
            checksum = zlib.crc32(piece, checksum)
            yield piece
    while engine and not engine.eof and (piece := engine.decompress(b"", _CHUNK)):
        size += len(piece)  # what the last packed bytes still held
        if size > member.size:
            raise InvalidArchive(FORGED)
        checksum = zlib.crc32(piece, checksum)
        yield piece
    if size != member.size or (engine and (not engine.eof or engine.unused_data)):
        raise InvalidArchive(FORGED)
    if checksum != member.checksum:
        raise InvalidArchive(DAMAGED)

"""ZIP files as people, systems and attackers make them; every one is made here."""

import io
import stat
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from skinmodel.reading import archives
from skinmodel.reading.archives import InvalidArchive, open_archive, unpack

PHOTO = np.random.default_rng(0).bytes(5000)
ZEROS = bytes(3_000_000)


def zipped(
    *files: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w", method) as archive:
        warnings.simplefilter("ignore")  # of names twice
        for name, data in files:
            archive.writestr(name, data)
    return made.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises(InvalidArchive) as caught:
        open_archive(data)
    return str(caught.value)


def patched(data: bytes, magic: bytes, offset: int, value: bytes, *, nth: int = 0) -> bytes:
    """The ZIP with bytes changed that lie `offset` after the nth `magic`."""
    at = -1
    for _ in range(nth + 1):
        at = data.index(magic, at + 1)
    changed = bytearray(data)
    changed[at + offset : at + offset + len(value)] = value
    return bytes(changed)


# Harmless ones


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_come_out_as_they_went_in(method: int) -> None:
    files = {"a.jpg": PHOTO, "visit 2/ä.png": PHOTO[::-1], "visit 2/note.txt": b"x" * 400_000}
    data = zipped(*files.items(), method=method)
    found = {one.name: unpack(data, one, most=10**6) for one in open_archive(data)}
    assert found == files


def test_what_systems_leave_in_a_zip_is_no_file_of_it() -> None:
    left = ("__MACOSX/._a.jpg", "folder/.DS_Store", "Thumbs.db", "folder/")
    data = zipped(("a.jpg", PHOTO), *((name, b"") for name in left))
    assert [one.name for one in open_archive(data)] == ["a.jpg"]
    assert refusal(zipped((left[0], b"x"))) == archives.EMPTY


def test_a_zip_written_as_a_stream_with_a_comment() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise io.UnsupportedOperation

    made = Pipe()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = b"with PK\5\6 inside " + bytes(30)
        archive.writestr("a.jpg", PHOTO)
    data = made.getvalue()
    (member,) = open_archive(data)
    assert unpack(data, member, most=10**6) == PHOTO


def test_no_more_is_unpacked_than_is_asked_for() -> None:
    data = zipped(("a.bmp", PHOTO + bytes(100_000)))
    (member,) = open_archive(data)
    assert len(unpack(data, member, most=4000)) == 4001


@pytest.mark.parametrize("wide", ["file", "many"])
def test_a_zip_with_wide_numbers_is_read(wide: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As programs write ZIPs above 4 GB or 65,535 files; here the limits are lowered instead."""
    made = io.BytesIO()
    if wide == "many":
        monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.jpg", "b.jpg"):
            with archive.open(name, "w", force_zip64=wide == "file") as file:
                file.write(PHOTO)
    data = made.getvalue()
    assert (b"PK\6\6" in data) == (wide == "many")
    if wide == "many":  # the plain record is full, too
        data = patched(data, b"PK\5\6", 8, b"\xff" * 12)
    assert [unpack(data, one, most=10**6) for one in open_archive(data)] == [PHOTO, PHOTO]
    if wide == "many":
        for offset, value in ((4, b"\1"), (24, b"\3"), (32, b"\3"), (48, b"\0")):
            assert refusal(patched(data, b"PK\6\6", offset, value)) in (
                archives.PHOTOS.too_many,
                archives.FORGED,
                archives.DAMAGED,
            )


# Harmful ones


def test_a_bomb_is_refused_without_being_unpacked() -> None:
    tracemalloc.start()
    try:
        assert refusal(zipped(("a.jpg", ZEROS))) == archives.BOMB
        honest = zipped(("a.jpg", PHOTO))
        forged = patched(honest, b"PK\1\2", 24, struct.pack("<I", 700 << 20))
        assert refusal(forged) == archives.PHOTOS.too_much
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        assert refusal(hidden_bomb()) == archives.FORGED
        assert tracemalloc.get_traced_memory()[1] - before < 2_000_000
    finally:
        tracemalloc.stop()


def hidden_bomb() -> bytes:
    """Three megabytes that both headers give out as five thousand bytes."""
    data = zipped(("a.jpg", ZEROS))
    for magic, offset in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        data = patched(data, magic, offset, struct.pack("<I", 5000))
    return data


def test_many_files_that_share_their_data_are_refused() -> None:
    data = zipped(("a.jpg", PHOTO), ("b.jpg", PHOTO))
    same = patched(data, b"PK\1\2", 42, struct.pack("<I", 0), nth=1)
    assert refusal(patched(same, b"b.jpg", 0, b"a.jpg", nth=1)) == archives.TWICE.format("a.jpg")
    quoted = patched(data, b"PK\3\4", 18, struct.pack("<I", 5100))  # reaches into the next
    quoted = patched(quoted, b"PK\1\2", 20, struct.pack("<I", 5100))
    assert refusal(quoted) == archives.OVERLAP


def test_a_hundred_thousand_files_are_refused_at_once() -> None:
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", *[0] * 9, 1, *[0] * 6) + b"a"
    for count in (100_000 & 0xFFFF, 0xFFFF, 1):
        directory = entry * 100_000
        end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(directory), 4, 0)
        assert refusal(b"PK\3\4" + directory + end) == archives.PHOTOS.too_many
    assert refusal(zipped(*((f"{i}.jpg", b"") for i in range(1001)))) == archives.PHOTOS.too_many


@pytest.mark.parametrize(
    "name",
    [
        "../a.jpg",
        "a/../../b.jpg",
        "/etc/a.jpg",
        "..\\a.jpg",
        "\\\\server\\a.jpg",
        "C:\\a.jpg",
        "c:a",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(name: str) -> None:
    assert "a path that leads elsewhere" in refusal(zipped((name, PHOTO)))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_a_link_or_device_is_refused(kind: int) -> None:
    link = zipfile.ZipInfo("a.jpg")
    link.create_system, link.external_attr = 3, (kind | 0o777) << 16
    assert refusal(zipped((link, b"/etc/passwd"))) == archives.LINKS.format("a.jpg")


@pytest.mark.parametrize("flag", [0x1, 0x40, 0x2000])
def test_an_encrypted_zip_is_refused(flag: int) -> None:
    data = zipped(("a.jpg", PHOTO))
    assert refusal(patched(data, b"PK\1\2", 8, struct.pack("<H", flag))) == archives.ENCRYPTED
    local = patched(data, b"PK\3\4", 6, struct.pack("<H", 1))
    assert refusal(local) == archives.FORGED


@pytest.mark.parametrize("name", ["inner.zip", "inner.tar.GZ", "photo.jpg"])
def test_an_archive_inside_is_refused(name: str) -> None:
    data = zipped(("a.jpg", PHOTO), (name, zipped(("b.jpg", PHOTO))))
    assert refusal(data) == archives.NESTED.format(name)


@pytest.mark.parametrize("twin", ["a.jpg", "A.JPG", "./a.jpg"])
def test_two_files_of_one_name_are_refused(twin: str) -> None:
    assert "two files of one name" in refusal(zipped(("a.jpg", PHOTO), (twin, b"x")))


@pytest.mark.parametrize(
    ("magic", "offset", "value"),
    [
        (b"PK\3\4", 8, struct.pack("<H", 0)),  # not packed, says the file's own header
        (b"PK\3\4", 18, struct.pack("<I", 4)),
        (b"PK\3\4", 22, struct.pack("<I", 4)),
        (b"PK\3\4", 30, b"b"),
        (b"PK\1\2", 24, struct.pack("<I", 4999)),
        (b"PK\1\2", 24, struct.pack("<I", 5001)),
    ],
)
def test_headers_that_contradict_each_other_are_refused(
    magic: bytes, offset: int, value: bytes
) -> None:
    assert refusal(patched(zipped(("a.jpg", PHOTO)), magic, offset, value)) == archives.FORGED


def test_sizes_forged_everywhere_are_found_by_measuring() -> None:
    data = zipped(("a.jpg", PHOTO))
    for size in (4999, 5001):
        forged = patched(data, b"PK\1\2", 24, struct.pack("<I", size))
        assert refusal(patched(forged, b"PK\3\4", 22, struct.pack("<I", size))) == archives.FORGED


def test_a_file_hidden_from_the_count_is_found() -> None:
    data = zipped(("a.jpg", PHOTO), ("b.jpg", PHOTO))
    assert refusal(patched(data, b"PK\5\6", 8, struct.pack("<HH", 1, 1))) == archives.FORGED


def test_other_packing_is_refused() -> None:
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        assert refusal(zipped(("a.jpg", PHOTO), method=method)) == archives.METHOD


def test_damage_is_refused(times: Callable[[int, int], int]) -> None:
    data = zipped(("a.jpg", PHOTO), ("b.txt", b"text " * 2000))
    assert refusal(zipped()) == archives.EMPTY
    for end in range(4, len(data), times(101, 1)):
        assert refusal(data[:end]) == archives.DAMAGED
    chance = np.random.default_rng(0)
    for _ in range(times(300, 20_000)):
        changed = bytearray(data)
        changed[chance.integers(4, len(data))] ^= chance.integers(1, 256)
        try:  # a flip in a date or an attribute does no harm
            found = [
                unpack(bytes(changed), one, most=10**6) for one in open_archive(bytes(changed))
            ]
            assert found == [PHOTO, b"text " * 2000]
        except InvalidArchive as refused:
            assert str(refused).endswith(".")


def test_a_zip_above_its_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "PHOTOS", replace(archives.PHOTOS, size=1000))
    assert refusal(zipped(("a.jpg", PHOTO))) == archives.PHOTOS.too_large

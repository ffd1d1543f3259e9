"""The decoder's children: killed, starved, overrun, shared by threads, fed with damage."""

import datetime
import io
import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from skinmodel.images import InvalidImage, read_photo
from skinmodel.reading import decoder as module
from skinmodel.reading.decoder import TOO_SLOW, Decoder

unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits or signals")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def photograph(seed: int = 0, size: tuple[int, int] = (120, 90)) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(40, 220, (12, 16, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def scan_bomb(scans: int = 20_000) -> bytes:
    """A progressive JPEG whose last scan is repeated: small to send, slow to decode."""
    data = encoded(Image.new("RGB", (2000, 2000), "brown"), progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * scans + data[-2:]


def running(decoder: Decoder) -> list[subprocess.Popen[bytes]]:
    return [child.process for child in decoder._children if child.process]


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as shared:
        yield shared


def test_photo_is_the_same_as_read_in_this_process(decoder: Decoder) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2025:03:12 08:00:00"
    for data in (
        encoded(photograph(size=(1500, 1000)), exif=exif),
        encoded(photograph().convert("CMYK")),
        encoded(photograph().convert("LA"), "PNG"),
    ):
        assert decoder.read(data) == read_photo(data)
    assert decoder.read(encoded(photograph(), exif=exif)).taken_on == datetime.date(2025, 3, 12)


def test_a_photo_can_be_read_larger(decoder: Decoder) -> None:
    for form in ("JPEG", "PNG"):
        data = encoded(photograph(size=(2000, 1500)), form)
        assert decoder.read(data, side=1200).picture.size == (1600, 1200)
        assert decoder.read(data).picture.size == (800, 600)


def test_refusal_is_the_same_as_in_this_process(decoder: Decoder) -> None:
    for data in (b"", b"<svg/>", encoded(photograph())[:-30], encoded(photograph(size=(20, 20)))):
        with pytest.raises(InvalidImage) as here:
            read_photo(data)
        with pytest.raises(InvalidImage) as there:
            decoder.read(data)
        assert str(there.value) == str(here.value)


def test_one_child_reads_many_photos() -> None:
    with Decoder(workers=1) as one:
        one.read(encoded(photograph()))
        before = running(one)
        for seed in range(5):
            one.read(encoded(photograph(seed)))
        assert running(one) == before


def test_files_above_the_size_limit_are_refused() -> None:
    data = encoded(photograph())
    with Decoder(max_bytes=len(data) - 1) as small, pytest.raises(InvalidImage, match="larger"):
        small.read(data)


def test_child_loads_neither_torch_nor_streamlit() -> None:
    code = "import sys, skinmodel.reading.sandbox; print(sorted(sys.modules))"
    root = Path(module.__file__).parents[2]
    loaded = subprocess.check_output([sys.executable, "-c", code], cwd=root, text=True)
    assert "'PIL.Image'" in loaded
    for name in ("torch", "torchvision", "streamlit", "cv2", "pandas"):
        assert f"'{name}'" not in loaded


@unix
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_child_killed_while_reading_refuses_one_photo_only(number: int) -> None:
    good, bomb = encoded(photograph()), scan_bomb()
    with Decoder(workers=1, seconds=60) as one:
        one.read(good)
        (child,) = running(one)
        timer = threading.Timer(0.2, os.kill, (child.pid, number))
        timer.start()
        with pytest.raises(InvalidImage, match="damaged"):
            one.read(bomb)
        timer.join()
        assert one.read(good) == read_photo(good)
        assert running(one) != [child]


@unix
def test_child_that_died_between_photos_is_replaced_unnoticed() -> None:
    good = encoded(photograph())
    with Decoder(workers=1) as one:
        one.read(good)
        (child,) = running(one)
        child.kill()
        child.wait()
        assert one.read(good) == read_photo(good)


def test_photo_with_a_thousand_scans_takes_too_long() -> None:
    good, bomb = encoded(photograph()), scan_bomb()
    with Decoder(workers=1, seconds=1) as one:
        one.read(good)
        begun = time.monotonic()
        with pytest.raises(InvalidImage) as caught:
            one.read(bomb)
        assert str(caught.value) == TOO_SLOW
        assert time.monotonic() - begun < 5
        assert one.read(good) == read_photo(good)


@unix
def test_processor_limit_ends_a_child_whose_clock_is_not_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module.threading, "Timer", _NeverRings)
    with Decoder(workers=1, seconds=0.1) as one, pytest.raises(InvalidImage) as caught:
        one.read(scan_bomb())
    assert str(caught.value) == TOO_SLOW


class _NeverRings(threading.Timer):
    def run(self) -> None:
        pass


@unix
def test_photo_that_needs_too_much_memory_is_refused() -> None:
    rows = zlib.compress(bytes(6000 * (1 + 6000 * 4)), 1)
    header = struct.pack(">IIBBBBB", 6000, 6000, 8, 6, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")):
        data += struct.pack(">I", len(body)) + kind + body
        data += struct.pack(">I", zlib.crc32(kind + body))
    with Decoder(workers=1, memory=400 << 20) as small:
        with pytest.raises(InvalidImage, match="too much memory"):
            small.read(data)
        small.read(encoded(photograph()))
    with Decoder(workers=1, seconds=60) as usual:
        assert usual.read(data).size == (6000, 6000)


@linux
def test_refusing_a_pixel_flood_takes_no_memory() -> None:
    header = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
    flood = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header
    flood += struct.pack(">I", zlib.crc32(b"IHDR" + header))
    packed = zlib.compress(bytes(10_000 * 30_001), 9)
    for kind, body in ((b"IDAT", packed), (b"IEND", b"")):
        flood += struct.pack(">I", len(body)) + kind + body
        flood += struct.pack(">I", zlib.crc32(kind + body))
    with Decoder(workers=1) as one:
        one.read(encoded(photograph()))
        before = _peak_kilobytes(running(one)[0].pid)
        with pytest.raises(InvalidImage, match="40 megapixels"):
            one.read(flood)
        assert _peak_kilobytes(running(one)[0].pid) - before < 50_000


def _peak_kilobytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@linux
def test_child_can_write_no_file_and_sees_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SECRET", "1234")
    with Decoder(workers=1) as one:
        one.read(encoded(photograph()))
        process = Path(f"/proc/{running(one)[0].pid}")
        limits = process.joinpath("limits").read_text()
        assert b"SOME_SECRET" not in process.joinpath("environ").read_bytes()
        assert {fd.name for fd in process.joinpath("fd").iterdir()} == {"0", "1", "2"}
    assert any(line.split()[:4] == ["Max", "file", "size", "0"] for line in limits.splitlines())


def test_eight_threads_get_their_own_photos() -> None:
    photos = [encoded(photograph(seed)) for seed in range(24)]
    broken = photos[0][: len(photos[0]) // 2]
    with Decoder(workers=3) as shared, ThreadPoolExecutor(8) as threads:

        def ask(number: int) -> object:
            if number % 5 == 4:
                with pytest.raises(InvalidImage, match="incomplete"):
                    shared.read(broken)
                return None
            return shared.read(photos[number % 24])

        answers = list(threads.map(ask, range(96)))
    expected = [read_photo(data) for data in photos]
    for number, answer in enumerate(answers):
        assert answer == (None if number % 5 == 4 else expected[number % 24])


def test_closing_ends_the_children_and_refuses_more() -> None:
    one = Decoder(workers=2)
    one.read(encoded(photograph()))
    children = running(one)
    one.close()
    assert [child.returncode is not None for child in children] == [True]
    with pytest.raises(RuntimeError, match="closed"):
        one.read(encoded(photograph()))
    one.close()


@linux
def test_child_ends_when_its_parent_is_killed() -> None:
    code = (
        "import sys, time; from skinmodel.reading.decoder import Decoder; d = Decoder(workers=1)\n"
        "d.read(sys.stdin.buffer.read()); print(d._children[0].process.pid, flush=True)\n"
        "time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(module.__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdin and parent.stdout
    with parent.stdin, parent.stdout:
        parent.stdin.write(encoded(photograph()))
        parent.stdin.close()
        child = int(parent.stdout.readline())
        assert _lives(child)
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 10
    while _lives(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(child)


def _lives(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def mutated(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        at = chance.randrange(len(changed))
        match chance.randrange(6):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                changed[at : at + 4] = chance.randbytes(4)
            case 2:
                changed[at : at + 2] = chance.choice([b"\0\0", b"\xff\xff", b"\xff\xd9"])
            case 3:
                del changed[at : at + chance.randrange(1, 50)]
            case 4:
                changed[at:at] = changed[at : at + chance.randrange(1, 200)]
            case _:
                other = chance.randrange(len(changed))
                changed[at : at + 8] = changed[other : other + 8]
        if len(changed) < 2:
            break
    return bytes(changed)


def with_checksums(data: bytes) -> bytes:
    """A mutated PNG whose chunks have right checksums, so that the damage reaches the decoder."""
    out, at = data[:8], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        body = data[at + 4 : at + 8 + length]
        out += data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return out


def test_mutated_files_give_a_photo_or_a_refusal(
    decoder: Decoder, times: Callable[[int, int], int]
) -> None:
    """2,000 of them in the full count; a few hundred otherwise."""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2025:03:12 08:00:00"
    image, chance = photograph(), random.Random(0)
    seeds = [
        encoded(image, exif=exif),
        encoded(image, progressive=True),
        encoded(image.convert("CMYK")),
        encoded(image, "PNG", exif=exif),
        encoded(image.quantize(16), "PNG", transparency=3),
        encoded(image, "WEBP", exif=exif),
        encoded(image, "WEBP", lossless=True),
    ]
    good = read_photo(seeds[0])
    outcomes = {"photo": 0, "refused": 0}
    for number in range(times(200, 2000)):
        data = mutated(seeds[number % len(seeds)], chance)
        if data[:4] == b"\x89PNG" and number % 2:
            data = with_checksums(data)
        try:
            photo = decoder.read(data)
            assert photo.picture.mode == "RGB"
            outcomes["photo"] += 1
        except InvalidImage as refusal:
            assert str(refusal).endswith((".", ")"))
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 0
    assert decoder.read(seeds[0]) == good

"""Photos as cameras, programs and attackers write them; every one is made here."""

import datetime
import hashlib
import io
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, ImageFile, JpegImagePlugin, PngImagePlugin

from skinmodel.images import WORKING_SIDE, InvalidImage, Photo, read_photo

INCOMPLETE = "This photo is incomplete (file cut off). Please upload it again."
DAMAGED = "This photo is damaged. Please upload it again."
NO_COLOUR = "no colour information - not suitable for dermoscopic classification"


def lesion(width: int = 200, height: int = 150, seed: int = 0) -> Image.Image:
    """Skin with a brown spot off centre, a gradient (so that turning shows) and some texture."""
    if width * height > 300_000:  # the sums below are slow
        return lesion(width // 4, height // 4, seed).resize((width, height))
    y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    spot = 1 / (1 + np.exp(60 * ((x - 0.4) ** 2 + (y - 0.55) ** 2 - 0.04)))
    skin = np.stack([205 + 30 * x, 150 + 40 * y, 130 + 20 * x], axis=-1)
    brown = np.array([95, 55, 40])
    noise = np.random.default_rng(seed).normal(0, 4, (height, width, 1))
    pixels = skin * (1 - spot[..., None]) + brown * spot[..., None] + noise
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def refusal(data: bytes, **options: Any) -> str:
    with pytest.raises(InvalidImage) as caught:
        read_photo(data, **options)
    return str(caught.value)


def difference(photo: Photo | Image.Image, reference: Image.Image) -> float:
    """Mean absolute difference in levels."""
    picture = photo.picture if isinstance(photo, Photo) else photo
    assert picture.size == reference.size
    return float(np.abs(np.asarray(picture, float) - np.asarray(reference, float)).mean())


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *, bits: int = 8, colour: int = 2, rows: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    packed = zlib.compress(rows, 1)
    parts = (b"IHDR", header), (b"IDAT", packed), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in parts)


ENCODINGS: dict[str, Callable[[Image.Image], bytes]] = {
    "jpeg": lambda image: encoded(image, quality=95, subsampling=0),
    "progressive": lambda image: encoded(image, quality=95, subsampling=0, progressive=True),
    "restarts": lambda image: encoded(image, quality=95, restart_marker_rows=1),
    "png": lambda image: encoded(image, "PNG"),
    "webp": lambda image: encoded(image, "WEBP", quality=95),
    "lossless webp": lambda image: encoded(image, "WEBP", lossless=True),
}


@pytest.mark.parametrize("form", ENCODINGS)
def test_good_photo_is_read_as_it_is(form: str) -> None:
    original = lesion()
    data = ENCODINGS[form](original)
    photo = read_photo(data)
    assert photo.picture.mode == "RGB"
    assert photo.size == photo.picture.size == (200, 150)
    assert photo.sha256 == hashlib.sha256(data).hexdigest()
    assert (photo.taken_on, photo.notes, photo.warnings) == (None, (), ())
    assert difference(photo, original) < (4 if form in ("webp", "restarts") else 2)


def test_real_photos_are_read_as_pillow_reads_them(real_data: Path) -> None:
    for path in sorted((real_data / "uploads_600x450").glob("*.jpg")):
        photo = read_photo(path.read_bytes())
        assert photo.warnings == ()
        with Image.open(path) as plain:
            assert photo.picture.tobytes() == plain.convert("RGB").tobytes()


# Files that are not whole


@pytest.mark.parametrize("form", ENCODINGS)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.99])
def test_truncated_file_is_refused(form: str, share: float) -> None:
    data = ENCODINGS[form](lesion())
    assert refusal(data[: int(len(data) * share)]) == INCOMPLETE


@pytest.mark.parametrize("form", ENCODINGS)
def test_every_missing_last_byte_is_noticed(form: str) -> None:
    data = ENCODINGS[form](lesion())
    assert [refusal(data[:-missing]) for missing in range(1, 9)] == [INCOMPLETE] * 8


def test_pillow_is_never_told_to_load_half_files() -> None:
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_jpeg_cut_off_and_closed_with_an_end_marker_is_refused() -> None:
    data = encoded(lesion(400, 300))
    for share in (0.5, 0.9, 0.99):
        assert refusal(data[: int(len(data) * share)].rstrip(b"\xff") + b"\xff\xd9") == DAMAGED


def test_jpeg_with_bytes_too_many_in_its_scan_is_refused() -> None:
    data = encoded(lesion())
    assert refusal(data[:-2] + b"\x5a" * 12 + data[-2:]) == DAMAGED


def test_jpeg_padded_with_zeros_before_its_end_is_read() -> None:
    data = encoded(lesion())  # so write some cameras
    padded = read_photo(data[:-2] + bytes(13) + data[-2:])
    assert padded.picture == read_photo(data).picture


def test_jpeg_with_fill_bytes_before_its_markers_is_read() -> None:
    data = encoded(lesion())
    scan = data.index(b"\xff\xda")
    filled = data[:scan] + b"\xff\xff" + data[scan:-2] + b"\xff" * 9 + data[-2:]
    assert read_photo(filled).picture == read_photo(data).picture


def flipped(data: bytes, flips: int, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(flips):
        changed[chance.randrange(len(data) // 4, len(data) - 8)] ^= chance.randrange(1, 256)
    return bytes(changed)


def is_refused(data: bytes) -> bool:
    try:
        read_photo(data)
    except InvalidImage:
        return True
    return False


def test_jpeg_with_flipped_bytes_mid_stream_is_refused(times: Callable[[int, int], int]) -> None:
    data, chance, rounds = encoded(lesion(600, 450)), random.Random(0), times(60, 1000)
    found = {n: sum(is_refused(flipped(data, n, chance)) for _ in range(rounds)) for n in (1, 10)}
    # A single flip often leaves a legal stream that shows other pixels; JPEG has no checksum.
    assert found[1] > 0.2 * rounds
    assert found[10] > 0.9 * rounds


def test_jpeg_with_a_run_of_inverted_bytes_is_refused() -> None:
    data = encoded(lesion(600, 450))
    middle = len(data) // 2
    inverted = bytes(255 - byte for byte in data[middle : middle + 64])
    assert refusal(data[:middle] + inverted + data[middle + 64 :]) == DAMAGED


def test_png_with_any_flipped_byte_is_refused(times: Callable[[int, int], int]) -> None:
    data, chance = encoded(lesion(), "PNG"), random.Random(0)
    assert all(is_refused(flipped(data, 1, chance)) for _ in range(times(50, 1000)))


def test_every_sound_jpeg_encoding_is_read(times: Callable[[int, int], int]) -> None:
    chance = random.Random(0)
    for _ in range(times(60, 2000)):
        size = chance.randrange(64, 200), chance.randrange(64, 200)
        options = {
            "quality": chance.choice([5, 30, 75, 90, 100]),
            "subsampling": chance.choice([0, 1, 2]),
            "optimize": chance.random() < 0.5,
            "progressive": chance.random() < 0.2,
            "restart_marker_blocks": chance.choice([0, 0, 1, 7]),
        }
        image = lesion(*size, seed=chance.randrange(99)).convert(chance.choice(["RGB", "L"]))
        read_photo(encoded(image, **options))


# Files that are no photos


def test_empty_file_is_refused() -> None:
    assert refusal(b"") == "This is an empty file."


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"<!doctype html><title>x</title>", "This file"),
        (b"MZ\x90\0\3\0\0\0", "A program"),
        (b'<?xml version="1.0"?>\n<svg onload="alert(1)"/>', "An SVG drawing"),
        (b"%PDF-1.7", "A PDF file"),
        (b"\x89PN", "This file"),
        (b"RIFF\4\0\0\0AVI ", "This file"),
        (bytes(200), "This file"),
        (b"\0\0\0\x1cftypavif" + bytes(16), "An AVIF file"),
        (b"\0\0\0\x1cftypisom" + bytes(16), "A video"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "A JPEG 2000 file"),
    ],
)
def test_file_that_is_no_photo_is_refused_whatever_its_name(data: bytes, name: str) -> None:
    expected = f"{name} is not a supported image. Please upload a JPEG, PNG, WebP or DICOM photo."
    assert refusal(data) == expected


@pytest.mark.parametrize("form", ["BMP", "TIFF", "EPS", "ICO", "GIF", "PPM", "TGA", "JPEG2000"])
def test_formats_that_pillow_would_open_are_refused(form: str) -> None:
    assert "is not a supported image" in refusal(encoded(lesion(), form))


def test_photoshop_file_is_refused() -> None:
    assert "A Photoshop file is not a supported image" in refusal(b"8BPS\0\1" + bytes(100))


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1"])
def test_heic_is_refused_with_help(brand: bytes) -> None:
    text = refusal(b"\0\0\0\x18ftyp" + brand + bytes(12))
    assert "HEIC" in text
    assert '"Most Compatible"' in text


def test_trailing_script_or_archive_is_ignored_and_noted() -> None:
    for form in ("jpeg", "png", "webp"):
        data = ENCODINGS[form](lesion())
        tail = b"<script>alert(1)</script>PK\3\4" + bytes(20)
        photo = read_photo(data + tail)
        assert photo.picture == read_photo(data).picture
        assert photo.notes == (f"{len(tail)} bytes after the end of the picture were ignored.",)


def test_file_above_the_size_limit_is_refused() -> None:
    data = encoded(lesion())
    assert refusal(data, max_bytes=len(data) - 1).startswith("This file is larger than")
    assert refusal(bytes(25_000_001)) == "This file is larger than 25 MB."


# More than one picture in a file


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_animation_is_refused_with_its_count(form: str) -> None:
    frames = [lesion(seed=seed) for seed in range(5)]
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=50)
    assert "contains 5 frames; choose one" in refusal(data)


def test_multi_picture_jpeg_is_refused_with_its_count() -> None:
    frames = [lesion(seed=seed) for seed in range(3)]
    data = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert "contains 3 frames; choose one" in refusal(data)


def test_camera_preview_beside_the_photo_is_no_second_frame() -> None:
    data = encoded(lesion(), "MPO", save_all=True, append_images=[lesion(100, 75)])
    assert read_photo(data).size == (200, 150)


# Size and shape


def test_more_than_40_megapixels_is_refused_before_decoding() -> None:
    for side in (10_000, 13_300, 14_000):
        data = png(side, side)  # holds no pixels: decoding would say "incomplete"
        assert refusal(data) == "This photo is larger than 40 megapixels."


def test_more_than_40_megapixels_of_jpeg_and_webp_is_refused() -> None:
    jpeg = encoded(Image.new("L", (8000, 5001)))
    assert refusal(jpeg) == "This photo is larger than 40 megapixels."
    canvas = (16383).to_bytes(3, "little") * 2
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + canvas
    webp = b"RIFF" + struct.pack("<I", len(body)) + body
    assert refusal(webp) == "This photo is larger than 40 megapixels."


@pytest.mark.parametrize("size", [(1, 1), (20, 20), (65500, 1), (63, 63), (1000, 64)])
def test_too_small_or_oddly_shaped_photo_is_refused(size: tuple[int, int]) -> None:
    text = refusal(encoded(Image.new("RGB", size, "brown")))
    assert text == (
        "This photo is too small or has the wrong shape for assessment"
        f" ({size[0]} x {size[1]} pixels)."
    )


def test_jpeg_of_12_megapixels_is_never_decoded_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[tuple[int, int]] = []
    load = JpegImagePlugin.JpegImageFile.load_prepare

    def spy(image: JpegImagePlugin.JpegImageFile) -> None:
        decoded.append(image.size)
        load(image)

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load_prepare", spy)
    photo = read_photo(encoded(lesion(4000, 3000)))
    assert decoded == [(1000, 750)]
    assert photo.size == (4000, 3000)
    assert photo.picture.size == (800, WORKING_SIDE)
    assert photo.notes == ("Reduced from 4000 x 3000 pixels.",)


@pytest.mark.parametrize("size", [(1200, 900), (1201, 1100), (900, 2000), (601, 600), (600, 601)])
def test_working_picture_is_the_same_whichever_format_it_came_in(size: tuple[int, int]) -> None:
    original = lesion(*size)
    expected = tuple(round(side * min(1, WORKING_SIDE / min(size))) for side in size)
    photos = [read_photo(ENCODINGS[form](original)) for form in ("jpeg", "png", "webp")]
    assert {photo.picture.size for photo in photos} == {expected}
    assert {photo.size for photo in photos} == {size}
    assert all(difference(photo, photos[1].picture) < 2 for photo in photos)


def test_small_photo_is_not_enlarged() -> None:
    assert read_photo(encoded(lesion(64, 80))).picture.size == (64, 80)


# Bombs


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
@pytest.mark.parametrize("place", ["before", "after"])
def test_compressed_text_or_profile_bomb_is_refused(kind: bytes, place: str) -> None:
    bomb = zlib.compress(bytes(50_000_000), 9)
    body = b"x\0\1\0\0\0" + bomb if kind == b"iTXt" else b"x\0\0" + bomb
    data = encoded(lesion(), "PNG")
    at = 33 if place == "before" else len(data) - 12
    assert "oversized" in refusal(data[:at] + chunk(kind, body) + data[at:])


def test_ordinary_text_in_a_png_is_read() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "left calf " * 100, zip=True)
    text.add_itxt("Comment", "left calf", zip=True)
    assert read_photo(encoded(lesion(), "PNG", pnginfo=text)).picture.info == {}


# Colour


def test_print_colours_are_converted_with_a_warning() -> None:
    original = lesion()
    photo = read_photo(encoded(original.convert("CMYK"), quality=95))
    assert difference(photo, original) < 4
    assert any("converted from print colours" in text for text in photo.warnings)


def test_print_colours_without_adobes_mark_are_not_turned_over() -> None:
    original = lesion()
    inverted = Image.eval(original.convert("CMYK"), lambda level: 255 - level)
    data = encoded(inverted, quality=95)
    mark = data.index(b"\xff\xee\0\x0eAdobe")
    photo = read_photo(data[:mark] + data[mark + 16 :])
    assert difference(photo, original) < 4


def test_16_bit_grey_png_is_scaled_and_not_saturated() -> None:
    levels = np.linspace(0, 65535, 100 * 100).reshape(100, 100).astype(np.uint16)
    photo = read_photo(encoded(Image.fromarray(levels), "PNG"))
    assert np.abs(np.asarray(photo.picture)[..., 0] - levels / 257).max() <= 0.51
    assert "16 bits per colour reduced to 8." in photo.notes
    assert any(NO_COLOUR in text for text in photo.warnings)


def test_16_bit_colour_png_keeps_its_levels() -> None:
    levels = np.random.default_rng(0).integers(0, 65536, (100, 100, 3)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in levels)
    photo = read_photo(png(100, 100, bits=16, rows=rows))
    assert np.abs(np.asarray(photo.picture) - levels / 257).mean() < 1
    assert photo.notes == ("16 bits per colour reduced to 8.",)


@pytest.mark.parametrize("mode", ["L", "LA"])
@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_grey_photo_warns_of_missing_colour(mode: str, form: str) -> None:
    photo = read_photo(encoded(lesion().convert(mode), form, lossless=True))
    assert photo.warnings == (f"This photo has {NO_COLOUR}.",)
    assert photo.picture.mode == "RGB"


def test_grey_jpeg_stored_as_colour_warns_of_missing_colour() -> None:
    photo = read_photo(encoded(lesion().convert("L").convert("RGB")))
    assert photo.warnings == (f"This photo has {NO_COLOUR}.",)


def test_palette_photo_warns_of_missing_colour() -> None:
    original = lesion()
    photo = read_photo(encoded(original.quantize(64), "PNG"))
    assert difference(photo, original) < 8
    assert any(NO_COLOUR in text and "64 colours" in text for text in photo.warnings)


def test_one_bit_photo_is_refused() -> None:
    assert NO_COLOUR in refusal(encoded(lesion().convert("1"), "PNG"))


# Transparency


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_transparent_photo_shows_white_and_never_what_it_hides(form: str) -> None:
    hidden = lesion()
    hidden.putalpha(0)
    photo = read_photo(encoded(hidden, form, lossless=True, exact=True))
    assert photo.picture.getextrema() == ((255, 255),) * 3
    assert "Transparent areas of this photo are shown as white." in photo.warnings


def test_hidden_pixels_do_not_bleed_when_a_large_photo_is_reduced() -> None:
    hidden = Image.new("RGBA", (1300, 1300), (255, 0, 0, 0))
    hidden.paste(lesion(1300, 1300).convert("RGBA").crop((0, 0, 650, 1300)), (0, 0))
    photo = read_photo(encoded(hidden, "PNG"))
    assert photo.picture.crop((310, 0, 600, 600)).getextrema() == ((255, 255),) * 3


def test_unused_transparency_is_only_noted() -> None:
    photo = read_photo(encoded(lesion().convert("RGBA"), "PNG"))
    assert photo.picture == lesion()
    assert photo.notes == ("An unused transparency channel was dropped.",)
    assert photo.warnings == ()


def test_transparent_palette_colour_shows_white() -> None:
    image = lesion().quantize(16)
    first = image.getpixel((0, 0))
    photo = read_photo(encoded(image, "PNG", transparency=first))
    assert photo.picture.getpixel((0, 0)) == (255, 255, 255)


# Colour profiles


def s15(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def matrix_profile(name: str, columns: list[tuple[float, float, float]], gamma: float) -> bytes:
    """A small ICC v2 display profile: D50-adapted primaries and one gamma."""
    text = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name.encode() + b"\0" + bytes(78)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    tags = {b"desc": text, b"wtpt": (0.9642, 1.0, 0.8249)}
    tags |= {key: xyz for key, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}
    tags |= {key: curve for key in (b"rTRC", b"gTRC", b"bTRC")}
    table, body = struct.pack(">I", len(tags)), b""
    for key, value in tags.items():
        packed = value if isinstance(value, bytes) else b"XYZ \0\0\0\0" + b"".join(map(s15, value))
        table += key + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(packed))
        body += packed + bytes(-len(packed) % 4)
    size = 128 + len(table) + len(body)
    header = struct.pack(">I4sI", size, b"lcms", 0x02100000) + b"mntrRGB XYZ "
    header += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    return (header + b"".join(map(s15, (0.9642, 1.0, 0.8249)))).ljust(128, b"\0") + table + body


# Primaries adapted to D50, from the two profiles' own rXYZ, gXYZ and bXYZ tags.
DISPLAY_P3 = [(0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)]
ADOBE_RGB = [(0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446)]


@pytest.mark.parametrize(
    ("name", "columns"), [("Display P3", DISPLAY_P3), ("Adobe RGB (1998)", ADOBE_RGB)]
)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_wide_colour_profile_is_converted(name: str, columns: Any, form: str) -> None:
    """Against the conversion computed by hand: gamma, matrix to XYZ, matrix to sRGB, gamma."""
    stored, gamma = np.array([180, 110, 90]), 2.2
    xyz = np.array(columns).T @ (stored / 255) ** gamma
    to_srgb = np.array(
        [[3.1339, -1.6169, -0.4906], [-0.9788, 1.9161, 0.0335], [0.0719, -0.2290, 1.4052]]
    )
    linear = (to_srgb @ xyz).clip(0, 1)
    expected = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    image = Image.new("RGB", (100, 100), tuple(stored.tolist()))
    profile = matrix_profile(name, columns, gamma)
    data = encoded(image, form, icc_profile=profile, quality=100, lossless=True, subsampling=0)
    photo = read_photo(data)
    assert np.abs(np.asarray(photo.picture).mean((0, 1)) - 255 * expected).max() < 3
    assert np.abs(np.asarray(photo.picture).mean((0, 1)) - stored).max() > 5
    assert photo.notes == (f"Colours converted from {name} to sRGB.",)
    assert photo.warnings == ()


def test_srgb_profile_changes_no_pixel() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = read_photo(encoded(lesion(), "PNG", icc_profile=profile))
    assert photo.picture == lesion()
    assert (photo.notes, photo.warnings) == ((), ())


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("damage", ["noise", "half", "other colours"])
def test_broken_profile_warns_and_colours_stay_as_stored(form: str, damage: str) -> None:
    good = matrix_profile("Display P3", DISPLAY_P3, 2.2)
    profile = {
        "noise": b"\x5a" * 300,
        "half": good[: len(good) // 2],
        "other colours": good.replace(b"mntrRGB ", b"mntrCMYK"),
    }[damage]
    plain = read_photo(encoded(lesion(), form, lossless=True))
    photo = read_photo(encoded(lesion(), form, lossless=True, icc_profile=profile))
    assert photo.picture == plain.picture
    assert len(photo.warnings) == 1
    assert "colour profile is broken" in photo.warnings[0]


# What the camera wrote


def exif(orientation: int = 1, taken: str | None = None, **more: Any) -> Image.Exif:
    data = Image.Exif()
    data[ExifTags.Base.Orientation] = orientation
    if taken is not None:
        data.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken
    for name, value in more.items():
        data[ExifTags.Base[name]] = value
    return data


AS_STORED = {  # how a camera held the eight ways stores an upright scene
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", AS_STORED)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_every_orientation_ends_upright(orientation: int, form: str) -> None:
    upright, turn = lesion(), AS_STORED[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    options = {"lossless": True, "quality": 95, "subsampling": 0}
    photo = read_photo(encoded(stored, form, exif=exif(orientation), **options))
    assert photo.size == upright.size
    assert difference(photo, upright) < 2


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_senseless_orientation_is_ignored(orientation: int) -> None:
    photo = read_photo(encoded(lesion(), "PNG", exif=exif(orientation)))
    assert photo.picture == lesion()
    assert "The camera's orientation makes no sense and was ignored." in photo.notes


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_capture_date_is_read(form: str) -> None:
    photo = read_photo(encoded(lesion(), form, exif=exif(taken="2024:02:29 23:59:59")))
    assert photo.taken_on == datetime.date(2024, 2, 29)


@pytest.mark.parametrize(
    "taken",
    [
        "2030:01:02 10:00:00",
        "0000:00:00 00:00:00",
        "1970:01:01 00:00:00",
        "2023:02:29 10:00:00",
        "2024-02-29",
        "    :  :     :  :  ",
        "",
        "<script>",
    ],
)
def test_senseless_or_future_capture_date_is_ignored(taken: str) -> None:
    data = encoded(lesion(), exif=exif(taken=taken))
    photo = read_photo(data, today=datetime.date(2030, 1, 1))
    assert photo.taken_on is None
    assert "The camera's date makes no sense and was ignored." in photo.notes


def test_capture_date_of_today_is_believed() -> None:
    data = encoded(lesion(), exif=exif(taken="2030:01:01 10:00:00"))
    assert read_photo(data, today=datetime.date(2030, 1, 1)).taken_on is not None


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's words
def test_broken_camera_data_is_ignored() -> None:
    for broken in (b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0\10\0\0\0\xff\xff" + bytes(30)):
        photo = read_photo(encoded(lesion(), exif=broken))
        assert photo.taken_on is None
        assert photo.picture == read_photo(encoded(lesion())).picture


def test_no_camera_data_stays_with_the_picture() -> None:
    private = exif(Artist="Dr Jane Roe", Make="Camera 4711")
    private.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.0)
    photo = read_photo(encoded(lesion(), exif=private, comment=b"Jane Roe"))
    served = encoded(photo.picture) + encoded(photo.picture, "PNG")
    assert photo.picture.info == {}
    assert b"Roe" not in served
    assert b"Exif" not in served
    assert not any("Roe" in text for text in photo.notes)

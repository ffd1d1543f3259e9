"""The border for pictures: bytes of a JPEG, PNG, WebP or DICOM -> an upright sRGB photo, or
InvalidImage.

Everything that differs between cameras and programs is settled here, once, and written down in
the photo's notes; what a reader of the result must know is in its warnings.
"""

import datetime
import hashlib
import io
import struct
from dataclasses import dataclass

from PIL import Image

from skinmodel.reading.colour import NO_COLOUR, flatten, is_grey, to_srgb
from skinmodel.reading.containers import (
    DAMAGED,
    INCOMPLETE,
    Container,
    InvalidImage,
    walk_png,
    walk_webp,
)
from skinmodel.reading.dicom import Dicom, is_dicom
from skinmodel.reading.exposure import Exposure, read_exposure
from skinmodel.reading.jpegs import load_jpeg, walk_jpeg
from skinmodel.reading.unsupported import FRAMES, refusal

__all__ = ["WORKING_SIDE", "InvalidImage", "Photo", "read_photo"]

WORKING_SIDE = 600  # pixels of the short side; smaller photos are never enlarged
MAX_BYTES = 25_000_000
MAX_PIXELS = 40_000_000
MIN_SIDE = 64
UNEVEN = 0.01  # how far a scale may differ between rows and columns
MAX_RATIO = 4  # long side to short side
TOO_LARGE = f"This photo is larger than {MAX_PIXELS // 1_000_000} megapixels."

_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Photo:
    """One readable photo.

    `picture` is upright 8-bit sRGB without metadata, its short side at most as asked for; `sha256`
    is of the bytes as uploaded; `size` is the upright (width, height) before reducing; `taken_on`
    is what the camera says; `notes` list what was silently normalised, `warnings` what to show;
    `dicom` is what a DICOM file says besides, None in other formats; `media_type` and EXIF's
    `orientation` (1 to 8) are the file's.
    """

    picture: Image.Image
    sha256: str
    size: tuple[int, int]
    taken_on: datetime.date | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    dicom: Dicom | None = None
    media_type: str = "image/jpeg"
    orientation: int = 1

    @property
    def mm_per_pixel(self) -> float | None:
        """Of `picture`: known only where a DICOM file has measured it, alike in both directions."""
        spacing = self.dicom.pixel_spacing_mm if self.dicom else None
        if spacing is None or abs(spacing[0] / spacing[1] - 1) > UNEVEN:
            return None
        return spacing[0] * self.size[0] / self.picture.width


def read_photo(
    data: bytes,
    *,
    max_bytes: int = MAX_BYTES,
    today: datetime.date | None = None,
    side: int = WORKING_SIDE,
) -> Photo:
    """The photo in a file's bytes, decoded in this process.

    `today` is the day after which a capture date is disbelieved, `side` the most that the short
    side may have. Raises InvalidImage. Untrusted files are read through
    skinmodel.reading.decoder, which runs this in a process of its own.
    """
    if not data:
        raise InvalidImage("This is an empty file.")
    if len(data) > max_bytes:
        raise InvalidImage(f"This file is larger than {max_bytes / 1e6:g} MB.")
    try:
        today = today or datetime.date.today()
        if is_dicom(data):
            return _decode_dicom(data, today, side)
        container = _walk(data)
        _check(container)
        return _decode(data, container, today, side)
    except InvalidImage:
        raise
    except MemoryError as error:
        raise InvalidImage("This photo needs too much memory to read.") from error
    except Exception as error:  # Pillow's parsers raise whatever a damaged file makes them trip on
        raise InvalidImage(DAMAGED) from error


def _walk(data: bytes) -> Container:
    try:
        if data.startswith(b"\xff\xd8\xff"):
            return walk_jpeg(data)
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return walk_png(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return walk_webp(data)
    except (struct.error, IndexError) as error:  # the file ends inside a header
        raise InvalidImage(INCOMPLETE) from error
    raise refusal(data)


def _check(container: Container) -> None:
    if container.frames > 1:
        raise InvalidImage(FRAMES.format(container.frames))
    _check_size(container.size)
    if container.kind == "JPEG" and container.bits != 8:
        raise InvalidImage(
            f"This JPEG has {container.bits} bits per colour, which cannot be read;"
            " please export it with 8 bits."
        )


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise InvalidImage(TOO_LARGE)
    short, long = sorted(size)
    if short < MIN_SIDE or long > MAX_RATIO * short:
        raise InvalidImage(
            "This photo is too small or has the wrong shape for assessment"
            f" ({width} x {height} pixels)."
        )


def _decode(data: bytes, container: Container, today: datetime.date, side: int) -> Photo:
    notes: tuple[str, ...] = ()
    if trailing := len(data) - container.end:
        notes += (f"{trailing} bytes after the end of the picture were ignored.",)
    if container.bits == 16:
        notes += ("16 bits per colour reduced to 8.",)
    image = load_jpeg(data, container, side) if container.kind == "JPEG" else _load(data, container)
    exposure = read_exposure(image, today)
    picture, flat_notes, flat_warnings = flatten(image)
    profile = (image.info["icc_profile"] or b"") if "icc_profile" in image.info else None
    picture, normalised, warnings = _normalise(
        picture, container.size, profile, flat_warnings, side
    )
    if exposure.orientation in _TRANSPOSE:
        picture = picture.transpose(_TRANSPOSE[exposure.orientation])
    return Photo(
        picture=Image.frombytes("RGB", picture.size, picture.tobytes()),  # leaves metadata behind
        sha256=hashlib.sha256(data).hexdigest(),
        size=_upright(container.size, exposure),
        taken_on=exposure.taken_on,
        notes=(*notes, *flat_notes, *normalised, *exposure.notes),
        warnings=warnings,
        media_type=f"image/{container.kind.lower()}",
        orientation=exposure.orientation,
    )


def _decode_dicom(data: bytes, today: datetime.date, side: int) -> Photo:
    # pydicom takes a third of a second to import, which only these files are worth.
    from skinmodel.reading import dicom_file, dicom_pixels

    header = dicom_file.read_header(data)
    _check_size(header.size)
    picture, notes, warnings = dicom_pixels.load(header, side)
    profile = dicom_file.read_profile(header) or picture.info.get("icc_profile")
    picture, normalised, warnings = _normalise(picture, header.size, profile, warnings, side)
    facts, taken_on, more_notes, more_warnings = dicom_file.read_facts(header, today)
    return Photo(
        picture=Image.frombytes("RGB", picture.size, picture.tobytes()),
        sha256=hashlib.sha256(data).hexdigest(),
        size=header.size,
        taken_on=taken_on,
        notes=(*notes, *normalised, *more_notes),
        warnings=(*warnings, *more_warnings),
        dicom=facts,
        media_type="application/dicom",
    )


def _normalise(
    picture: Image.Image,
    original: tuple[int, int],
    profile: bytes | None,
    warnings: tuple[str, ...],
    side: int,
) -> tuple[Image.Image, tuple[str, ...], tuple[str, ...]]:
    """(sRGB picture of the wanted size, notes, the given warnings and more)."""
    picture, reduced = _reduce(picture, original, side)
    picture, colour_notes, colour_warnings = to_srgb(picture, profile)
    warnings += colour_warnings
    if is_grey(picture) and not any(NO_COLOUR in text for text in warnings):
        warnings += (f"This photo has {NO_COLOUR}",)
    return picture, (*reduced, *colour_notes), warnings


def _upright(size: tuple[int, int], exposure: Exposure) -> tuple[int, int]:
    return (size[1], size[0]) if exposure.orientation >= 5 else size


def _load(data: bytes, container: Container) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=(container.kind,))
    if image.size != container.size:
        raise InvalidImage(DAMAGED)
    image.load()
    return image


def _reduce(
    picture: Image.Image, original: tuple[int, int], side: int
) -> tuple[Image.Image, tuple[str, ...]]:
    """Bring the short side down to `side` by Pillow's antialiased bicubic filter."""
    short = min(original)
    if short > side:
        width, height = (round(each * side / short) for each in original)
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    if picture.size == original:
        return picture, ()
    return picture, (f"Reduced from {original[0]} x {original[1]} pixels.",)

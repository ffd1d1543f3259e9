"""The stored pixels of a DICOM photo to eight bits of grey or RGB, whichever way they are stored.

Photometric interpretations: PS3.3, C.7.6.3.1.2. What is not exactly as the standard has it is
refused: a wrong guess would show wrong colours.
"""

import io
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import RLELossless

from skinmodel.reading.colour import NO_COLOUR, PALETTE, flatten
from skinmodel.reading.containers import DAMAGED, INCOMPLETE, InvalidImage
from skinmodel.reading.dicom_file import COMPRESSED, JPEG, JPEG_2000, NUMBERS, RLE, Header
from skinmodel.reading.jpegs import load_jpeg, walk_jpeg

Levels = NDArray[np.unsignedinteger[Any]]

GREY = ("MONOCHROME1", "MONOCHROME2")
_SAMPLES = dict.fromkeys((*GREY, "PALETTE COLOR"), 1)
_SAMPLES |= dict.fromkeys(("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"), 3)
_COLOURS = "This DICOM file stores its colours as {}, which cannot be read here."
WINDOW = "The brightness that this DICOM file asks for was not applied."


def load(header: Header, side: int) -> tuple[Image.Image, tuple[str, ...], tuple[str, ...]]:
    """(picture in L or RGB, notes, warnings). Raises InvalidImage.

    A JPEG inside is decoded smaller where that leaves `side` pixels both ways.
    """
    stored = header.photometric
    if stored not in _SAMPLES:
        raise InvalidImage(_COLOURS.format(stored[:20] or "nothing"))
    if header.samples != _SAMPLES[stored]:
        raise InvalidImage(NUMBERS.format("SamplesPerPixel"))
    notes: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    if stored in GREY and any(
        name in header.elements.dataset
        for name in ("WindowCenter", "VOILUTSequence", "ModalityLUTSequence", "RescaleSlope")
    ):
        warned += (WINDOW,)
    if header.syntax in JPEG:
        picture = _jpeg(header, side)
    elif header.syntax in JPEG_2000:
        picture = _jpeg_2000(header)
    else:
        levels = _rle(header) if header.syntax == RLE else _native(header)
        if header.bits[1] > 8:
            notes += (f"{header.bits[1]} bits per colour reduced to 8.",)
        if stored == "PALETTE COLOR":
            picture, colours = _palette(header, levels)
            notes += (f"Palette of {colours} colours converted.",)
            warned += (PALETTE.format(colours),)
        else:
            picture = _picture(_eight_bits(levels, header.bits[1]), stored)
    if stored == "MONOCHROME1":  # the least value is white
        picture = picture.point([255 - level for level in range(256)])
    return picture, notes, warned


def _native(header: Header) -> Levels:
    """Uncompressed levels (rows, columns, samples), of as many bytes as the size needs."""
    _check_bits(header)
    width, height = header.size
    halved = header.photometric == "YBR_FULL_422"
    samples = 2 if halved else header.samples  # Y1 Y2 Cb Cr for two pixels
    needed = width * height * samples * header.bits[0] // 8
    if len(header.pixels) < needed:
        raise InvalidImage(INCOMPLETE)
    if len(header.pixels) > needed + needed % 2 or (halved and (width % 2 or header.planar)):
        raise InvalidImage(DAMAGED)
    kind = np.dtype("u1" if header.bits[0] == 8 else "<u2")
    levels: Levels = np.frombuffer(header.pixels[:needed], kind)
    if halved:
        pairs = levels.reshape(height, width // 2, 4)
        light = pairs[..., :2].reshape(height, width)
        return np.stack([light, *(pairs[..., one].repeat(2, axis=1) for one in (2, 3))], axis=-1)
    if header.planar and samples > 1:
        return levels.reshape(samples, height, width).transpose(1, 2, 0)
    return levels.reshape(height, width, samples)


def _rle(header: Header) -> Levels:
    _check_bits(header)
    width, height = header.size
    options: dict[str, Any] = {
        "rows": height,
        "columns": width,
        "samples_per_pixel": header.samples,
        "photometric_interpretation": header.photometric,
        "bits_allocated": header.bits[0],
        "bits_stored": header.bits[1],
        "number_of_frames": 1,
        "pixel_keyword": "PixelData",
        "pixel_representation": 0,
        "planar_configuration": 0,
    }
    if header.photometric == "YBR_FULL_422":  # not defined for this compression
        raise InvalidImage(_COLOURS.format(header.photometric))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # more or fewer bytes than the size needs
        try:
            levels, _ = get_decoder(RLELossless).as_array(
                header.pixels, index=0, raw=True, **options
            )
        except MemoryError:
            raise
        except Exception as error:  # pydicom says all that can be wrong in many ways
            raise InvalidImage(DAMAGED) from error
    return levels.reshape(height, width, header.samples)


def _check_bits(header: Header) -> None:
    allocated, stored = header.bits
    if allocated == 1:
        raise InvalidImage("This photo is only black and white (1 bit): it has " + NO_COLOUR)
    if allocated not in (8, 16) or (header.photometric.startswith("YBR") and stored != 8):
        raise InvalidImage(NUMBERS.format("BitsAllocated"))


def _eight_bits(levels: Levels, stored: int) -> NDArray[np.uint8]:
    most = (1 << stored) - 1
    own = levels & np.uint16(most)  # what lies above was an overlay's in old files
    if most == 255:
        return own.astype(np.uint8)
    return ((own.astype(np.uint32) * 255 + most // 2) // most).astype(np.uint8)


def _picture(levels: NDArray[np.uint8], stored: str) -> Image.Image:
    height, width, samples = levels.shape
    mode = "L" if samples == 1 else "YCbCr" if stored.startswith("YBR_FULL") else "RGB"
    if stored in ("YBR_ICT", "YBR_RCT"):  # exist inside JPEG 2000 only
        raise InvalidImage(_COLOURS.format(stored))
    picture = Image.frombytes(mode, (width, height), np.ascontiguousarray(levels).tobytes())
    return picture if mode == "L" else picture.convert("RGB")  # full-range BT.601 both


def _palette(header: Header, levels: Levels) -> tuple[Image.Image, int]:
    """(picture, how many colours it uses). Segmented palettes are refused."""
    tables, first = [], 0
    for colour in ("Red", "Green", "Blue"):
        keyword = f"{colour}PaletteColorLookupTable"
        described = header.elements.raw(f"{keyword}Descriptor", "US", "SS") or b""
        data = header.elements.raw(f"{keyword}Data", "OW", "OB", "US") or b""
        if len(described) != 6:
            raise InvalidImage(NUMBERS.format(f"{keyword}Descriptor"))
        count, first, bits = (int(one) for one in np.frombuffer(described, "<u2"))
        count = count or 1 << 16
        if bits == 8 and len(data) in (count, count + count % 2):
            table: Levels = np.frombuffer(data[:count], "u1")
        elif bits in (8, 16) and len(data) == 2 * count:
            table = np.frombuffer(data, "<u2")
        else:
            raise InvalidImage(_COLOURS.format("a palette of an unusual form"))
        if int(table.max()) >> bits:
            raise InvalidImage(NUMBERS.format(f"{keyword}Data"))
        tables.append(_eight_bits(table, bits))
    if len({len(table) for table in tables}) != 1:
        raise InvalidImage(DAMAGED)
    used = levels[..., 0].astype(np.int32) & ((1 << header.bits[1]) - 1)
    used = (used - first).clip(0, len(tables[0]) - 1)
    rgb = np.stack([table[used] for table in tables], axis=-1)
    return _picture(rgb, "RGB"), len(np.unique(used))


def _frame(header: Header) -> bytes:
    """The one compressed picture; InvalidImage where its fragments are not whole."""
    try:
        frames = list(generate_frames(header.pixels, number_of_frames=1))
    except Exception as error:  # fragments that are cut off or no fragments
        raise InvalidImage(INCOMPLETE) from error
    if len(frames) != 1 or not frames[0]:
        raise InvalidImage(DAMAGED)
    return frames[0]


def _jpeg(header: Header, side: int) -> Image.Image:
    frame = _frame(header)
    container = walk_jpeg(frame)
    if container.bits != 8:
        raise InvalidImage(COMPRESSED.format(f"JPEG of {container.bits} bits"))
    if container.size != header.size or container.frames != 1:
        raise InvalidImage(DAMAGED)
    image = load_jpeg(frame, container, side, as_rgb=header.photometric == "RGB")
    return _checked(header, image)


def _jpeg_2000(header: Header) -> Image.Image:
    file = Image.open(io.BytesIO(_frame(header)), formats=("JPEG2000",))
    if file.size != header.size:
        raise InvalidImage(DAMAGED)
    try:
        file.load()
    except OSError as error:
        raise InvalidImage(DAMAGED) from error
    image = _checked(header, flatten(file)[0] if file.mode == "I;16" else file)
    if header.photometric.startswith("YBR_FULL"):  # stored as they are, without JPEG 2000's own
        image = Image.frombytes("YCbCr", image.size, image.tobytes()).convert("RGB")
    return image


def _checked(header: Header, image: Image.Image) -> Image.Image:
    if image.mode != ("L" if header.samples == 1 else "RGB") or "PALETTE" in header.photometric:
        raise InvalidImage(DAMAGED)
    return image

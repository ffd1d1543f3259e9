"""DICOM (PS3.5, PS3.10) up to its pixels: read element by element, believed only where it is exact.

pydicom finds the elements; its forgiving conversions are not used for anything that decides about
memory or becomes a number.
"""

import datetime
import io
import re
import struct
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydicom.charset import convert_encodings
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import data_element_generator
from pydicom.tag import BaseTag
from pydicom.uid import UID

from skinmodel.reading.containers import DAMAGED, INCOMPLETE, OVERSIZED_TEXT, InvalidImage
from skinmodel.reading.dicom import Dicom, sex
from skinmodel.reading.exposure import EARLIEST
from skinmodel.reading.unsupported import FRAMES

NO_PICTURE = "This DICOM file contains no picture."
DIRECTORY = (
    "This is the directory of a DICOM disc (DICOMDIR), not a photo."
    " Please upload the photos themselves."
)
NO_PHOTO = "This DICOM file is no photo but of the kind {}."
VIDEO = "This DICOM file is a video; choose a frame and upload it as a photo."
COMPRESSED = (
    "This DICOM file is stored as {}, which cannot be read here;"
    " please export it uncompressed or as baseline JPEG."
)
NUMBERS = "This DICOM file states {} in a form that is not allowed, and was refused."
BURNED_IN = "This photo has text burned into it, which may name the patient."
PRIVATE = "This DICOM file carries private data of its maker, which may name the patient."
NOT_SQUARE = "The pixels of this photo are not square: shapes look distorted."
NO_SPACING = "The size of a pixel in this DICOM file makes no sense and was ignored."

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
JPEG = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")  # baseline; extended, if of 8 bits
JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
RLE = "1.2.840.10008.1.2.5"
READABLE = (IMPLICIT, EXPLICIT, *JPEG, *JPEG_2000, RLE)
PHOTOS = (
    "1.2.840.10008.5.1.4.1.1.77.1.4",  # VL photographic
    "1.2.840.10008.5.1.4.1.1.77.1.7",  # dermoscopic photography
    "1.2.840.10008.5.1.4.1.1.7",  # secondary capture: what a clinic's archive makes of a JPEG
    "1.2.840.10008.5.1.4.1.1.7.4",  # its kind for several pictures in true colour
)
_DIRECTORY = "1.2.840.10008.1.3.10"
_VIDEO = "1.2.840.10008.5.1.4.1.1.77.1.4.1"
_SPACING_MM = (0.0005, 2.0)  # from a tenfold microscope to a photo of the whole body
_DECIMAL = re.compile(r" *\+?(\d{1,12}(\.\d{0,12})?|\.\d{1,12})([eE][+-]?\d{1,2})? *")
_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)")

Element = DataElement | RawDataElement


@dataclass(frozen=True)
class Header:
    """A single-frame photo's pixels and how they are stored; `size` is (width, height)."""

    elements: "Elements"
    syntax: str
    size: tuple[int, int]
    samples: int
    photometric: str
    bits: tuple[int, int]  # allocated, stored
    planar: bool
    pixels: bytes


class Elements:
    """A data set's elements by keyword: exact numbers, and texts by pydicom."""

    def __init__(self, found: Mapping[BaseTag, Element], *, implicit: bool) -> None:
        self._found = found
        characters = found.get(_tag("SpecificCharacterSet"))
        self.dataset = Dataset(dict(found))
        named = self.dataset.SpecificCharacterSet if characters else None
        self.dataset.set_original_encoding(implicit, True, convert_encodings(named))

    @property
    def private(self) -> bool:
        """Whether there is any private element."""
        return any(tag.is_private for tag in self._found)

    def raw(self, keyword: str, *kinds: str) -> bytes | None:
        """An element's bytes; InvalidImage where its value representation is none of `kinds`."""
        element = self._found.get(_tag(keyword))
        if element is None:
            return None
        # A file with implicit representations states none: the keyword's own holds.
        if not isinstance(element, RawDataElement) or element.VR not in (None, *kinds):
            raise InvalidImage(NUMBERS.format(keyword))
        return bytes(element.value or b"")

    def whole(self, keyword: str, *, least: int, most: int, default: int | None = None) -> int:
        """An unsigned 16-bit number (US); InvalidImage for anything else in its place."""
        value = self.raw(keyword, "US")
        if value is None and default is not None:
            return default
        if value is None or len(value) != 2:
            raise InvalidImage(NUMBERS.format(keyword))
        number: int = struct.unpack("<H", value)[0]
        if not least <= number <= most:
            raise InvalidImage(NUMBERS.format(keyword))
        return number

    def count(self, keyword: str) -> int:
        """An integer in text (IS) of one or more, one where there is none."""
        value = self.raw(keyword, "IS")
        if value is None:
            return 1
        text = value.strip(b" \0")
        if not re.fullmatch(rb"\+?[0-9]{1,9}", text) or int(text) < 1:
            raise InvalidImage(NUMBERS.format(keyword))
        return int(text)

    def decimals(self, keyword: str) -> tuple[float, ...] | None:
        """Positive decimals in text (DS): () where there are none, None where one is no number."""
        try:
            value = self.raw(keyword, "DS")
        except InvalidImage:
            return None
        if not value:
            return ()
        parts = value.decode("latin-1").rstrip("\0").split("\\")
        if not all(_DECIMAL.fullmatch(part) for part in parts):
            return None
        numbers = tuple(float(part) for part in parts)
        return numbers if all(numbers) else None

    def code(self, keyword: str) -> str:
        """A text of plain letters: a code, an identifier, a day."""
        element = self._found.get(_tag(keyword))
        if not isinstance(element, RawDataElement):
            return ""
        return bytes(element.value or b"").decode("latin-1").strip(" \0")

    def text(self, keyword: str) -> str:
        """One line of text in the file's character set, empty where there is none."""
        try:
            value = str(self.dataset.get(keyword) or "")
        except Exception:  # pydicom's conversions raise whatever an odd value makes them trip on
            return ""
        shown = "".join(c if c.isprintable() else " " for c in value.replace("^", " "))
        return " ".join(shown.split())[:64]


def read_header(data: bytes) -> Header:
    """The stored photo of a file that begins as DICOM; InvalidImage, before memory is asked for.

    Whether pixels and size agree is found on decoding; files that a file names are never opened.
    """
    with warnings.catch_warnings():  # pydicom's, about what is then refused or ignored
        warnings.simplefilter("ignore")
        return _header(data)


def _header(data: bytes) -> Header:
    stream = io.BytesIO(data)
    stream.seek(132)
    meta = _elements(stream, implicit=False, stop=lambda tag, *_: tag.group != 2)
    syntax, kind = meta.code("TransferSyntaxUID"), meta.code("MediaStorageSOPClassUID")
    if kind == _DIRECTORY:
        raise InvalidImage(DIRECTORY)
    name = _name(syntax)
    if kind == _VIDEO or "MPEG" in name or "HEVC" in name:
        raise InvalidImage(VIDEO)
    if syntax not in READABLE:
        raise InvalidImage(COMPRESSED.format(name))
    elements = _elements(stream, implicit=syntax == IMPLICIT)
    kind = elements.code("SOPClassUID") or kind
    if kind not in PHOTOS:
        raise InvalidImage(NO_PHOTO.format(_name(kind)))
    if (frames := elements.count("NumberOfFrames")) > 1:
        raise InvalidImage(FRAMES.format(frames))
    pixels = elements.raw("PixelData", "OB", "OW")
    if not pixels:
        raise InvalidImage(NO_PICTURE)
    rows, columns = (elements.whole(one, least=1, most=65535) for one in ("Rows", "Columns"))
    allocated = elements.whole("BitsAllocated", least=1, most=64)
    stored = elements.whole("BitsStored", least=1, most=allocated, default=allocated)
    elements.whole("HighBit", least=stored - 1, most=stored - 1, default=stored - 1)
    elements.whole("PixelRepresentation", least=0, most=0, default=0)  # signed: no photo
    return Header(
        elements=elements,
        syntax=syntax,
        size=(columns, rows),
        samples=elements.whole("SamplesPerPixel", least=1, most=4),
        photometric=elements.code("PhotometricInterpretation"),
        bits=(allocated, stored),
        planar=elements.whole("PlanarConfiguration", least=0, most=1, default=0) == 1,
        pixels=pixels,
    )


def _elements(
    stream: io.BytesIO, *, implicit: bool, stop: Callable[..., bool] | None = None
) -> Elements:
    found: dict[BaseTag, Element] = {}
    try:
        for element in data_element_generator(stream, implicit, True, stop_when=stop):
            if isinstance(element, RawDataElement):
                length = element.length
                if length != 0xFFFFFFFF and len(element.value or b"") != length:
                    raise InvalidImage(INCOMPLETE)
            if element.tag in found:  # which of two is right, nobody knows
                raise InvalidImage(DAMAGED)
            found[element.tag] = element
    except (EOFError, struct.error) as error:
        raise InvalidImage(INCOMPLETE) from error
    return Elements(found, implicit=implicit)


def read_facts(
    header: Header, today: datetime.date
) -> tuple[Dicom, datetime.date | None, tuple[str, ...], tuple[str, ...]]:
    """(the file's own words, capture day, notes, warnings). Never raises for odd values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _facts(header.elements, today)


def _facts(
    elements: Elements, today: datetime.date
) -> tuple[Dicom, datetime.date | None, tuple[str, ...], tuple[str, ...]]:
    notes: tuple[str, ...] = ("What the DICOM file says beside the picture was left out of it.",)
    warned: tuple[str, ...] = ()
    if elements.code("BurnedInAnnotation") == "YES":
        warned += (BURNED_IN,)
    if elements.private:
        warned += (PRIVATE,)
    spacing, spacing_warnings = _spacing(elements)
    warned += spacing_warnings
    power = elements.decimals("OpticalMagnificationFactor")
    dates = ("AcquisitionDateTime", "AcquisitionDate", "ContentDate", "StudyDate")
    stamps = [stamp for keyword in dates if (stamp := elements.code(keyword))]
    taken_on = next((day for stamp in stamps[:1] if (day := _day(stamp))), None)
    if stamps and (taken_on is None or not EARLIEST <= taken_on <= today):
        notes += ("The DICOM file's date makes no sense and was ignored.",)
        taken_on = None
    maker, model = elements.text("Manufacturer"), elements.text("ManufacturerModelName")
    facts = Dicom(
        patient_id=elements.text("PatientID"),
        patient_name=elements.text("PatientName"),
        born_on=_day(elements.code("PatientBirthDate")),
        sex=sex(elements.code("PatientSex")),
        pixel_spacing_mm=spacing,
        device=model if maker in model else f"{maker} {model}".strip(),
        magnification=power[0] if power and len(power) == 1 and power[0] <= 1000 else None,
    )
    return facts, taken_on, notes, warned


def _spacing(elements: Elements) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """(millimetres between rows and columns where they were measured, warnings)."""
    spacing = elements.decimals("PixelSpacing")
    if spacing is None or len(spacing) not in (0, 2):
        return None, (NO_SPACING,)
    if not spacing:
        aspect = elements.code("PixelAspectRatio").split("\\")
        return None, (NOT_SQUARE,) if len({one.strip() for one in aspect}) > 1 else ()
    rows, columns = spacing
    warned = (NOT_SQUARE,) if rows != columns else ()
    if elements.code("PixelSpacingCalibrationType") not in ("GEOMETRY", "FIDUCIAL"):
        return None, warned
    if not all(_SPACING_MM[0] <= one <= _SPACING_MM[1] for one in spacing):
        return None, (*warned, NO_SPACING)
    return (rows, columns), warned


def read_profile(header: Header) -> bytes | None:
    """The ICC profile of the optical path, or of the photo; None where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = header.elements.dataset.get("OpticalPathSequence") or []
        found = [path.get("ICCProfile") for path in paths if path.get("ICCProfile")]
        found.append(header.elements.dataset.get("ICCProfile"))
        profile = found[0]
    if profile is not None and (not isinstance(profile, bytes) or len(profile) > 1 << 20):
        raise InvalidImage(OVERSIZED_TEXT)
    return profile or None


def _tag(keyword: str) -> BaseTag:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return BaseTag(tag)


def _name(uid: str) -> str:
    """A transfer syntax or a kind of object by the standard's name."""
    if not re.fullmatch(r"[0-9.]{1,64}", uid):
        return "unknown"
    name = UID(uid).name
    return f"{uid} (unknown)" if name == uid else name.removesuffix(" Storage")


def _day(text: str) -> datetime.date | None:
    match = _DAY.match(text)
    if not match or (len(text) > 8 and not re.fullmatch(r"\d{14}(\.\d{1,6})?([+-]\d{4})?", text)):
        return None
    try:
        return datetime.date(*map(int, match.groups()))
    except ValueError:
        return None

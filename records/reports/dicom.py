"""Photos as DICOM (VL Photographic Image Storage) with the clinic's patient id and no other
identity: what another program wrote into a file never gets into one of these.

Source: DICOM PS3.3, A.32.4; PS3.5, annex A.4 and B.2.
"""

import datetime
import hashlib
import io
from dataclasses import dataclass, field, replace

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID, JPEGBaseline8Bit

VL_PHOTOGRAPHIC = UID("1.2.840.10008.5.1.4.1.1.77.1.4")
# Of a file that was DICOM already: the picture, how large it is, and how it was taken.
KEPT = (
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData",
    "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData", "ICCProfile",
    "PixelSpacing", "PixelSpacingCalibrationType", "PixelAspectRatio", "BurnedInAnnotation",
    "LossyImageCompression", "LossyImageCompressionMethod", "OpticalMagnificationFactor",
)  # fmt: skip
# How a scale was found, as DICOM says it (PS3.3, 10.7.1.3): by a known distance in the picture, or
# by what is known of how it was taken.
CALIBRATIONS = {
    "marked": ("FIDUCIAL", "A known distance marked by hand"),
    "field": ("GEOMETRY", "The width of the field of view, entered by hand"),
}
SOF_BASELINE, SCAN = 0xC0, 0xDA


@dataclass(frozen=True)
class About:
    """What a DICOM file says beside its picture.

    `visit_id` and `lesion_id` become the study and the series. `burned_in` says that the picture
    may hold text. `mm_per_pixel` is known from `calibrated`, one of CALIBRATIONS.
    """

    patient_id: str
    lesion_id: str
    visit_id: str
    number: int
    taken_on: datetime.date | None = None
    magnification: float | None = None
    mm_per_pixel: float | None = None
    calibrated: str = ""
    burned_in: bool = False
    derived: str = ""  # how the picture differs from the original, if it does


@dataclass(frozen=True)
class _Frame:
    """The components of a baseline JPEG: how many, and whether colours are stored coarser."""

    size: tuple[int, int]
    components: int
    coarse: bool
    rgb: bool = field(default=False)


def from_jpeg(jpeg: bytes, about: About) -> bytes:
    """A baseline JPEG, bytes unchanged, as DICOM; ValueError for any other file."""
    frame = _frame(jpeg)
    if frame is None:
        raise ValueError("This is no baseline JPEG.")
    data = _described(about, jpeg)
    data.SamplesPerPixel = frame.components
    data.PhotometricInterpretation = _colours(frame)
    if frame.components > 1:
        data.PlanarConfiguration = 0
    data.Columns, data.Rows = frame.size
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.LossyImageCompression, data.LossyImageCompressionMethod = "01", "ISO_10918_1"
    data.PixelData = encapsulate([jpeg])
    data["PixelData"].is_undefined_length = True
    return _written(data, JPEGBaseline8Bit)


def from_dicom(original: bytes, about: About) -> bytes:
    """A DICOM photo as a new file with the picture alone; ValueError if it cannot be followed."""
    try:
        source = dcmread(io.BytesIO(original))
        if about.calibrated == "field" and "PixelSpacing" in source:
            about = replace(about, mm_per_pixel=None)  # the file's own scale holds before it
        data = _described(about, original)
        for name in KEPT:
            # One marked by hand holds before the file's.
            if name in source and not (about.mm_per_pixel and name.startswith("PixelSpacing")):
                data[name] = source[name]
        if about.burned_in:
            data.BurnedInAnnotation = "YES"
        return _written(data, source.file_meta.TransferSyntaxUID)
    except (InvalidDicomError, AttributeError, KeyError, TypeError, NotImplementedError) as error:
        raise ValueError("This DICOM file cannot be followed.") from error


def is_baseline(jpeg: bytes) -> bool:
    """Whether a file is a JPEG that DICOM takes as it is: baseline, 8 bits, grey or colour."""
    return _frame(jpeg) is not None


def _described(about: About, picture: bytes) -> Dataset:
    day = about.taken_on.strftime("%Y%m%d") if about.taken_on else ""
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID = VL_PHOTOGRAPHIC
    data.SOPInstanceUID = uid(about.lesion_id, hashlib.sha256(picture).hexdigest())
    data.StudyInstanceUID = uid(about.visit_id)
    data.SeriesInstanceUID = uid(about.visit_id, about.lesion_id)
    data.ImageType = ["DERIVED" if about.derived else "ORIGINAL", "PRIMARY"]
    data.Modality, data.ConversionType = "XC", "DI"
    data.StudyDate = data.ContentDate = day
    data.StudyTime = data.ContentTime = ""
    data.PatientID = about.patient_id
    for blank in ("PatientName", "PatientBirthDate", "PatientSex", "ReferringPhysicianName",
                  "StudyID", "AccessionNumber", "Manufacturer", "PatientOrientation"):  # fmt: skip
        setattr(data, blank, "")
    data.SeriesNumber, data.InstanceNumber = 1, about.number
    data.AcquisitionContextSequence = []
    data.BurnedInAnnotation = "YES" if about.burned_in else "NO"
    if about.magnification:
        data.OpticalMagnificationFactor = f"{about.magnification:g}"
    if about.mm_per_pixel:
        kind, words = CALIBRATIONS[about.calibrated]
        data.PixelSpacing = [f"{about.mm_per_pixel:.8f}"] * 2
        data.PixelSpacingCalibrationType = kind
        data.PixelSpacingCalibrationDescription = words
    if about.derived:
        data.DerivationDescription = about.derived
    return data


def uid(*names: str) -> UID:
    """The identifier that these names always have (PS3.5, B.2: 2.25 and a UUID as a number)."""
    digest = hashlib.sha256("/".join(("dermtrace", *names)).encode()).digest()
    number = int.from_bytes(digest[:16])
    # The bits of a UUID of version 8, whose others are free (RFC 9562).
    number = number & ~(0xF << 76) | 8 << 76
    number = number & ~(0x3 << 62) | 2 << 62
    return UID(f"2.25.{number}")


def _written(data: Dataset, syntax: UID) -> bytes:
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    file = io.BytesIO()
    data.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _colours(frame: _Frame) -> str:
    if frame.components == 1:
        return "MONOCHROME2"
    if frame.rgb:
        return "RGB"
    return "YBR_FULL_422" if frame.coarse else "YBR_FULL"


def _frame(jpeg: bytes) -> _Frame | None:
    """The frame of a baseline JPEG; None for all others and for what cannot be followed."""
    at, transform = 2, 1
    if not jpeg.startswith(b"\xff\xd8\xff"):
        return None
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4])
        segment = jpeg[at + 4 : at + 2 + length]
        if marker == 0xEE and segment.startswith(b"Adobe") and len(segment) > 11:
            transform = segment[11]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            if marker != SOF_BASELINE or len(segment) < 6 or segment[0] != 8:
                return None
            down, across = int.from_bytes(segment[1:3]), int.from_bytes(segment[3:5])
            components = segment[5]
            if components not in (1, 3) or len(segment) < 6 + 3 * components:
                return None
            coarse = len({segment[7 + 3 * n] for n in range(components)}) > 1
            rgb = transform == 0 and components == 3
            return _Frame((across, down), components, coarse, rgb)
        if marker == SCAN:
            return None
        at += 2 + length
    return None

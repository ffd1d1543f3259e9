"""DICOM files as cameras, archives and attackers write them; every one is made here."""

import datetime
import io
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.pixels.processing import convert_color_space
from pydicom.sequence import Sequence
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from skinmodel.drawn import draw_lesion
from skinmodel.images import InvalidImage, Photo, read_photo
from skinmodel.reading.containers import DAMAGED, INCOMPLETE
from skinmodel.reading.decoder import Decoder
from skinmodel.reading.dicom import NAMED, NO_DICOM, Dicom

DERMOSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.7"
SKIN = draw_lesion(3, size=(160, 120))
RGB = np.asarray(SKIN)
GREY = np.asarray(SKIN.convert("L"))


def dicom(
    pixels: np.ndarray[Any, Any] | bytes | None = RGB,
    *,
    syntax: UID = ExplicitVRLittleEndian,
    kind: str = DERMOSCOPIC,
    preamble: bool = True,
    change: Callable[[Dataset], object] = lambda data: None,
    **values: Any,
) -> bytes:
    """A dermoscopic photo as DICOM, RGB unless `values` say otherwise."""
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = kind, generate_uid(entropy_srcs=["photo"])
    data.Modality = "DMS"
    data.Rows, data.Columns = 120, 160
    data.SamplesPerPixel, data.PhotometricInterpretation = 3, "RGB"
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation, data.PlanarConfiguration = 7, 0, 0
    for name, value in values.items():
        setattr(data, name, value)
    if pixels is not None:
        data.PixelData = pixels if isinstance(pixels, bytes) else pixels.tobytes()
        data["PixelData"].VR = "OW" if data.BitsAllocated > 8 else "OB"
        data["PixelData"].is_undefined_length = syntax.is_compressed
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = kind
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    change(data)
    file = io.BytesIO()
    data.save_as(file, enforce_file_format=preamble)
    return file.getvalue()


def grey(pixels: np.ndarray[Any, Any] = GREY, **values: Any) -> bytes:
    one = {"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"}
    return dicom(pixels, **one | values)


def encoded(form: str, image: Image.Image = SKIN, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises(InvalidImage) as caught:
        read_photo(data)
    return str(caught.value)


def difference(photo: Photo, reference: np.ndarray[Any, Any]) -> float:
    """The largest difference in levels."""
    shown = np.asarray(photo.picture, int)
    reference = reference if reference.ndim == 3 else reference[..., None].repeat(3, axis=2)
    assert shown.shape == reference.shape
    return float(np.abs(shown - reference).max())


# Good files


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("kind", ["77.1.7", "77.1.4", "7"])
def test_a_photo_is_read_as_it_is(syntax: UID, kind: str) -> None:
    photo = read_photo(dicom(syntax=syntax, kind=f"1.2.840.10008.5.1.4.1.1.{kind}"))
    assert difference(photo, RGB) == 0
    assert photo.size == (160, 120)
    assert (photo.warnings, photo.dicom) == ((), Dicom())


def test_what_the_file_says_beside_the_picture() -> None:
    data = dicom(
        SpecificCharacterSet="ISO_IR 192",
        PatientID=" 4711",
        PatientName="Müller^Jürgen",
        PatientBirthDate="19580312",
        PatientSex="F",
        AcquisitionDateTime="20250312101500.5",
        ContentDate="20250101",
        Manufacturer="Maker",
        ManufacturerModelName="Scope 3",
        PixelSpacing=["0.02", "0.02"],
        PixelSpacingCalibrationType="FIDUCIAL",
        OpticalMagnificationFactor="10",
    )
    photo = read_photo(data)
    assert photo.taken_on == datetime.date(2025, 3, 12)
    assert photo.warnings == ()
    assert photo.dicom == Dicom(
        patient_id="4711",
        patient_name="Müller Jürgen",
        born_on=datetime.date(1958, 3, 12),
        sex="female",
        pixel_spacing_mm=(0.02, 0.02),
        device="Maker Scope 3",
        magnification=10.0,
    )
    assert Dicom.from_dict(photo.dicom.to_dict()) == photo.dicom


def test_the_decoders_process_reads_it_too_and_looks_at_the_name() -> None:
    data = dicom(PatientID="004711", PatientName="Doe^Jane", PatientBirthDate="19580312")
    with Decoder(workers=1, seconds=60) as decoder:
        assert decoder.read(data, name="IM0001.dcm") == read_photo(data)
        for name in ("jane scan.dcm", "x_004711_2.dcm"):
            assert decoder.read(data, name=name).warnings == (NAMED,)
        for other in (encoded("JPEG"), bytes(200)):
            with pytest.raises(InvalidImage, match=NO_DICOM):
                decoder.read(other, name="scan.DCM")


@pytest.mark.parametrize("day", ["20251341", "19000101", "20990101", "2025-03-12", "yesterday"])
def test_an_impossible_day_is_none(day: str) -> None:
    def put(data: Dataset) -> None:
        data.add_new("ContentDate", "LO", day)

    photo = read_photo(dicom(change=put))
    assert photo.taken_on is None
    assert "The DICOM file's date makes no sense and was ignored." in photo.notes


@pytest.mark.parametrize("place", ["OpticalPathSequence", "itself"])
def test_the_colour_profile_is_applied(place: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    path = Dataset()
    path.ICCProfile = profile
    values = {"ICCProfile": profile} if place == "itself" else {place: Sequence([path])}
    # A profile for another kind of picture is found, and said to be broken.
    assert "colour profile is broken" in read_photo(dicom(**values)).warnings[0]


# Pixels stored in other ways


def test_planar_colours() -> None:
    data = dicom(np.ascontiguousarray(RGB.transpose(2, 0, 1)), PlanarConfiguration=1)
    assert difference(read_photo(data), RGB) == 0


def test_ybr_is_converted_as_pydicom_converts_it() -> None:
    ybr = convert_color_space(RGB, "RGB", "YBR_FULL")
    photo = read_photo(dicom(ybr, PhotometricInterpretation="YBR_FULL"))
    assert difference(photo, convert_color_space(ybr, "YBR_FULL", "RGB")) <= 2


def test_ybr_with_halved_colours() -> None:
    ybr = convert_color_space(RGB, "RGB", "YBR_FULL")
    ybr[:, 1::2, 1:] = ybr[:, ::2, 1:]
    pairs = np.stack([ybr[:, ::2, 0], ybr[:, 1::2, 0], ybr[:, ::2, 1], ybr[:, ::2, 2]], axis=-1)
    photo = read_photo(dicom(pairs, PhotometricInterpretation="YBR_FULL_422"))
    assert difference(photo, convert_color_space(ybr, "YBR_FULL", "RGB")) <= 2


def test_grey_and_inverted_grey() -> None:
    photo = read_photo(grey())
    assert difference(photo, GREY) == 0
    assert "no colour information" in photo.warnings[0]
    inverted = read_photo(grey(255 - GREY, PhotometricInterpretation="MONOCHROME1"))
    assert difference(inverted, GREY) == 0


def test_sixteen_and_twelve_bits() -> None:
    sixteen = {"BitsAllocated": 16, "BitsStored": 16, "HighBit": 15}
    photo = read_photo(dicom(RGB.astype("<u2") * 257, **sixteen))
    assert difference(photo, RGB) == 0
    assert "16 bits per colour reduced to 8." in photo.notes
    twelve = sixteen | {"BitsStored": 12, "HighBit": 11}
    overlay = (GREY.astype(np.uint32) * 4095 // 255).astype("<u2") | 0x8000  # above the 12 bits
    assert difference(read_photo(grey(overlay, **twelve)), GREY) <= 1


@pytest.mark.parametrize("bits", [8, 16])
def test_palette(bits: int) -> None:
    small = SKIN.quantize(200)
    colours = np.array(small.getpalette()).reshape(-1, 3)[:200]
    values: dict[str, Any] = {"SamplesPerPixel": 1, "PhotometricInterpretation": "PALETTE COLOR"}
    for channel, colour in enumerate(("Red", "Green", "Blue")):
        table = colours[:, channel].astype(np.uint8)
        stored = table.tobytes() if bits == 8 else (table.astype("<u2") * 257).tobytes()
        values[f"{colour}PaletteColorLookupTableDescriptor"] = [200, 5, bits]
        values[f"{colour}PaletteColorLookupTableData"] = stored
    photo = read_photo(dicom(np.asarray(small) + 5, **values))
    assert difference(photo, np.asarray(small.convert("RGB"))) == 0
    assert photo.warnings[0].startswith("Beyond a palette of ")
    del values["BluePaletteColorLookupTableData"]
    assert "cannot be read here" in refusal(dicom(np.asarray(small), **values))


def test_signed_pixels_and_old_colours_are_refused() -> None:
    assert "PixelRepresentation" in refusal(grey(PixelRepresentation=1))
    for name in ("YBR_PARTIAL_422", "CMYK", "HSV", ""):
        assert "stores its colours as" in refusal(dicom(PhotometricInterpretation=name))
    assert "black and white (1 bit)" in refusal(grey(BitsAllocated=1, BitsStored=1, HighBit=0))
    assert "SamplesPerPixel" in refusal(dicom(GREY, SamplesPerPixel=1))


# Compressed pixels


def test_jpeg_baseline_is_read_as_pillow_reads_it() -> None:
    jpeg = encoded("JPEG", quality=90)
    data = dicom(
        encapsulate([jpeg]), syntax=JPEGBaseline8Bit, PhotometricInterpretation="YBR_FULL_422"
    )
    plain = Image.open(io.BytesIO(jpeg)).convert("RGB")
    assert read_photo(data).picture.tobytes() == plain.tobytes()
    pieces = dicom(encapsulate([jpeg], fragments_per_frame=3), syntax=JPEGBaseline8Bit)
    assert read_photo(pieces).picture == read_photo(data).picture


def test_jpeg_without_a_mark_has_the_colours_that_dicom_says() -> None:
    plain = encoded(
        "JPEG", Image.frombytes("YCbCr", SKIN.size, SKIN.tobytes()), quality=95, subsampling=0
    )
    assert plain[2:4] == b"\xff\xe0"  # JFIF, which says YCbCr
    jpeg = plain[:2] + plain[4 + int.from_bytes(plain[4:6], "big") :]
    rgb = dicom(encapsulate([jpeg]), syntax=JPEGBaseline8Bit)
    assert np.abs(np.asarray(read_photo(rgb).picture, int) - RGB).mean() < 3
    ybr = dicom(encapsulate([jpeg]), syntax=JPEGBaseline8Bit, PhotometricInterpretation="YBR_FULL")
    shown = Image.open(io.BytesIO(jpeg)).convert("RGB")
    assert read_photo(ybr).picture.tobytes() == shown.tobytes()


@pytest.mark.parametrize("lossless", [True, False])
def test_jpeg_2000(lossless: bool) -> None:
    options = {} if lossless else {"irreversible": True, "quality_layers": [5]}
    code = encoded("JPEG2000", no_jp2=True, mct=1, **options)
    data = dicom(
        encapsulate([code]),
        syntax=JPEG2000Lossless if lossless else JPEG2000,
        PhotometricInterpretation="YBR_RCT" if lossless else "YBR_ICT",
    )
    photo = read_photo(data)
    assert difference(photo, RGB) == 0 if lossless else difference(photo, RGB) < 60
    cut = dicom(encapsulate([code[: len(code) // 2]]), syntax=JPEG2000Lossless)
    assert refusal(cut) == DAMAGED


def rle(pixels: np.ndarray[Any, Any] = RGB) -> bytes:
    return RLELosslessEncoder.encode(
        pixels,
        rows=120,
        columns=160,
        samples_per_pixel=3,
        bits_allocated=8,
        bits_stored=8,
        pixel_representation=0,
        photometric_interpretation="RGB",
        number_of_frames=1,
        planar_configuration=0,
    )


def test_run_lengths() -> None:
    assert difference(read_photo(dicom(encapsulate([rle()]), syntax=RLELossless)), RGB) == 0
    short = dicom(encapsulate([rle()[:-5000]]), syntax=RLELossless)
    assert refusal(short) == DAMAGED


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        (JPEGLSLossless, "JPEG-LS Lossless Image Compression"),
        (UID("1.2.840.10008.1.2.4.70"), "JPEG Lossless, Non-Hierarchical, First-Order Prediction"),
        (UID("1.2.840.10008.1.2.4.201"), "High-Throughput JPEG 2000"),
        (UID("1.2.840.10008.1.2.1.99"), "Deflated Explicit VR Little Endian"),
        (ExplicitVRBigEndian, "Explicit VR Big Endian"),
    ],
)
def test_what_has_no_decoder_is_refused_by_name(syntax: UID, name: str) -> None:
    data = dicom().replace(b"1.2.840.10008.1.2.1\0", str(syntax).encode().ljust(20, b"\0"))
    if len(syntax) > 20:  # the header's lengths follow
        data = dicom(encapsulate([b"\xff\xd8"]), syntax=syntax)
    text = refusal(data)
    assert text.startswith(f"This DICOM file is stored as {name}")
    assert "please export it uncompressed or as baseline JPEG" in text


def test_truncated_and_missing_fragments_are_refused() -> None:
    jpeg = encoded("JPEG", quality=90)
    whole = dicom(encapsulate([jpeg]), syntax=JPEGBaseline8Bit)
    for share in (0.4, 0.9, 0.99):
        assert refusal(whole[: int(len(whole) * share)]) == INCOMPLETE
    inner = dicom(encapsulate([jpeg[: len(jpeg) // 2]]), syntax=JPEGBaseline8Bit)
    assert refusal(inner) == INCOMPLETE
    other = encapsulate([encoded("JPEG", SKIN.resize((80, 60)))])
    assert refusal(dicom(other, syntax=JPEGBaseline8Bit)) == DAMAGED


# Files that lie, and files that are no photos


def test_a_file_without_pixels_contains_no_picture() -> None:
    for data in (dicom(None), dicom(b"")):
        assert refusal(data) == "This DICOM file contains no picture."


def test_rows_and_columns_that_lie_take_no_memory() -> None:
    flood = dicom(bytes(16), Rows=40_000, Columns=40_000)
    read_photo(dicom())  # what is imported and cached is not counted
    tracemalloc.start()
    try:
        assert refusal(flood) == "This photo is larger than 40 megapixels."
        assert refusal(dicom(bytes(16), Rows=6000, Columns=6000)) == INCOMPLETE
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert refusal(dicom(Columns=159)) == DAMAGED
    assert refusal(dicom(Rows=121)) == INCOMPLETE


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("Rows", "UL", 120),
        ("Rows", "SS", -120),
        ("Rows", "IS", "120"),
        ("Columns", "LO", "wide"),
        ("Columns", "US", [160, 160]),
        ("Rows", "US", None),
        ("BitsAllocated", "FD", 8.0),
        ("NumberOfFrames", "LO", "1"),
        ("NumberOfFrames", "IS", "-1"),
        ("NumberOfFrames", "IS", "0"),
    ],
)
def test_a_number_in_another_form_is_refused(name: str, kind: str, value: Any) -> None:
    def put(data: Dataset) -> None:
        data.pop(name, None)
        data.add_new(name, kind, value)

    assert refusal(dicom(change=put)) == (
        f"This DICOM file states {name} in a form that is not allowed, and was refused."
    )


def test_text_that_is_no_number_is_refused() -> None:
    data = dicom(NumberOfFrames="1")
    frames = struct.pack("<HH2sH", 0x28, 8, b"IS", 2)
    assert frames + b"1 " in data
    for text in (b"1e", b"x ", b"1.", b"\xb2 "):
        assert "NumberOfFrames" in refusal(data.replace(frames + b"1 ", frames + text))


@pytest.mark.parametrize(
    "spacing", ["-1\\-1", "nan\\nan", "1_0\\1_0", "0\\0", "0.02", "a\\b", "5\\5"]
)
def test_a_pixel_size_that_makes_no_sense_is_no_number(spacing: str) -> None:
    def put(data: Dataset) -> None:
        data.PixelSpacing = ["0.123456789", "0.1"]
        data.PixelSpacingCalibrationType = "GEOMETRY"

    data, good = dicom(change=put), b"0.123456789\\0.1"
    bad = read_photo(data.replace(good, spacing.encode().ljust(len(good))))
    assert bad.dicom is not None
    assert bad.dicom.pixel_spacing_mm is None
    assert "The size of a pixel in this DICOM file makes no sense and was ignored." in bad.warnings


def test_a_pixel_size_without_a_measurement_is_not_real() -> None:
    photo = read_photo(dicom(PixelSpacing=["0.02", "0.02"]))
    assert photo.dicom == Dicom()
    stretched = read_photo(dicom(PixelSpacing=["0.02", "0.03"]))
    assert "not square" in stretched.warnings[0]


def test_more_frames_and_videos_ask_for_one_frame() -> None:
    assert "contains 3 frames; choose one" in refusal(dicom(NumberOfFrames="3"))
    film = dicom(encapsulate([b"\0"]), syntax=UID("1.2.840.10008.1.2.4.102"))
    assert "is a video; choose a frame" in refusal(film)
    assert "is a video; choose a frame" in refusal(dicom(kind="1.2.840.10008.5.1.4.1.1.77.1.4.1"))


def test_other_images_are_refused_by_name() -> None:
    assert "of the kind CT Image" in refusal(dicom(kind="1.2.840.10008.5.1.4.1.1.2"))
    assert "of the kind Encapsulated PDF" in refusal(dicom(kind="1.2.840.10008.5.1.4.1.1.104.1"))


def test_the_directory_of_a_disc_is_refused_and_nothing_it_names_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("a file was opened")

    record = Dataset()
    record.add_new("ReferencedFileID", "LO", ["..", "..", "etc", "passwd"])
    data = dicom(None, kind="1.2.840.10008.1.3.10", DirectoryRecordSequence=Sequence([record]))
    monkeypatch.setattr(Path, "open", opened)
    monkeypatch.setattr("builtins.open", opened)
    assert "directory of a DICOM disc (DICOMDIR)" in refusal(data)


def test_bytes_without_dicoms_mark_are_never_forced() -> None:
    for data in (bytes(200), dicom()[132:], b"\0" * 128 + b"DICN" + bytes(200)):
        assert "is not a supported image" in refusal(data)
    assert "stored as unknown" in refusal(bytes(128) + b"DICM" + bytes(200))


def test_every_truncation_is_refused(times: Callable[[int, int], int]) -> None:
    data = dicom(PatientID="4711", OpticalPathSequence=Sequence([Dataset()]))
    start = data.index(b"\xe0\x7f\x10\x00OB")
    ends = np.linspace(133, len(data) - 1, times(60, 1000)).astype(int)
    for end in (*ends, start + 4, start + 8, start + 13):
        assert refusal(data[: int(end)])


def test_flipped_bytes_give_a_photo_or_a_sentence(times: Callable[[int, int], int]) -> None:
    chance = np.random.default_rng(0)
    data = dicom(
        PatientID="4711", PatientName="Doe^Jane", OpticalPathSequence=Sequence([Dataset()])
    )
    header = data.index(b"\xe0\x7f\x10\x00OB") + 12
    for _ in range(times(150, 5000)):
        changed = bytearray(data)
        for at in chance.integers(132, header, size=chance.integers(1, 4)):
            changed[at] = chance.integers(256)
        try:
            assert read_photo(bytes(changed)).picture.mode == "RGB"
        except InvalidImage as refused:
            assert str(refused).endswith((".", ")"))


def test_text_in_the_picture_and_private_data_are_said() -> None:
    def put(data: Dataset) -> None:
        data.private_block(0x0009, "MAKER", create=True).add_new(1, "LO", "Jane Doe")

    photo = read_photo(dicom(BurnedInAnnotation="YES", change=put))
    assert photo.warnings == (
        "This photo has text burned into it, which may name the patient.",
        "This DICOM file carries private data of its maker, which may name the patient.",
    )
    assert read_photo(dicom(BurnedInAnnotation="NO")).warnings == ()

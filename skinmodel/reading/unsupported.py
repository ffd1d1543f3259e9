"""Names what was uploaded by mistake, so that the refusal helps."""

from skinmodel.reading.containers import InvalidImage

FRAMES = "This file contains {} frames; choose one and upload it as a photo."
UNSUPPORTED = "{} is not a supported image. Please upload a JPEG, PNG, WebP or DICOM photo."
HEIC = (
    "This is an iPhone HEIC photo, which cannot be read here: on the iPhone set Settings > Camera >"
    ' Formats to "Most Compatible", or save the photo as JPEG and upload that.'
)

# Magic bytes of what people upload by mistake, so that the refusal can name it.
_NAMES = {
    b"GIF8": "A GIF file",
    b"BM": "A BMP file",
    b"II*\0": "A TIFF or raw camera file",
    b"MM\0*": "A TIFF or raw camera file",
    b"8BPS": "A Photoshop file",
    b"%PDF": "A PDF file",
    b"%!PS": "An EPS file",
    b"\0\0\1\0": "An icon file",
    b"MZ": "A program",
    b"PK\3\4": "A ZIP or Office file",
    b"\0\0\0\x0cjP  ": "A JPEG 2000 file",
    b"\xff\x4f\xff\x51": "A JPEG 2000 file",
}
_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif"}
)


def refusal(data: bytes) -> InvalidImage:
    """Why a file that is no JPEG, PNG, WebP or DICOM is refused."""
    if data[:6] in (b"GIF87a", b"GIF89a"):
        frames = _gif_frames(data)
        return InvalidImage(FRAMES.format(frames) if frames > 1 else _sentence(data))
    return InvalidImage(_sentence(data))


def _sentence(data: bytes) -> str:
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        if brand in (b"avif", b"avis") or b"avif" in data[16:40]:
            return UNSUPPORTED.format("An AVIF file")
        return HEIC if brand in _HEIC_BRANDS else UNSUPPORTED.format("A video")
    start = data[:1024].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0").lower()
    if b"<svg" in start:
        return UNSUPPORTED.format("An SVG drawing")
    for magic, name in _NAMES.items():
        if data.startswith(magic):
            return UNSUPPORTED.format(name)
    return UNSUPPORTED.format("This file")


def _gif_frames(data: bytes) -> int:
    frames = 0
    try:
        at = 13 + _gif_table(data[10])
        while data[at] != 0x3B:  # trailer
            if data[at] == 0x2C:  # a picture
                frames, at = frames + 1, at + 11 + _gif_table(data[at + 9])
            else:  # an extension
                at += 2
            while data[at]:
                at += 1 + data[at]
            at += 1
    except IndexError:  # cut off: what was counted so far decides
        pass
    return frames


def _gif_table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0

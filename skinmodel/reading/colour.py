"""Brings every stored colour form to eight-bit sRGB: alpha, palettes, 16 bits, print, profiles."""

import io

import numpy as np
from PIL import Image, ImageChops, ImageCms

from skinmodel.reading.containers import DAMAGED, InvalidImage

NO_COLOUR = "no colour information - not suitable for dermoscopic classification."
PALETTE = "Beyond a palette of {} colours this photo has " + NO_COLOUR
PRINT_COLOURS = (
    "The colour was converted from print colours (CMYK) and may differ from the lesion's."
)
BROKEN_PROFILE = "This photo's colour profile is broken; its colours are shown as stored."
TRANSPARENT = "Transparent areas of this photo are shown as white."


def flatten(image: Image.Image) -> tuple[Image.Image, tuple[str, ...], tuple[str, ...]]:
    """(picture in L, RGB or CMYK of 8 bits, notes, warnings) of a loaded image of any mode.

    Raises InvalidImage for one bit per pixel. Alpha is composited on white.
    """
    if image.mode == "1":
        raise InvalidImage(
            "This photo is only black and white (1 bit): it has " + NO_COLOUR  # so no result
        )
    if image.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 and turns such a photo white.
        levels = np.asarray(image).astype(np.uint32)
        grey = Image.fromarray(((levels + 128) // 257).astype(np.uint8))
        return grey, ("16-bit grey scaled to 8 bits.",), ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    if image.mode == "P":
        colours = len(image.getcolors(256) or ())
        notes += (f"Palette of {colours} colours converted.",)
        warnings += (PALETTE.format(colours),)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        opaque = alpha.getextrema() == (255, 255)
        if opaque:
            notes += ("An unused transparency channel was dropped.",)
        else:
            notes += ("Composited on white.",)
            warnings += (TRANSPARENT,)
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=alpha)
        return white, notes, warnings
    if image.mode == "P":
        return image.convert("RGB"), notes, warnings
    if image.mode == "CMYK" and "adobe" not in image.info:
        # Pillow turns every CMYK JPEG over, as Adobe stores it; without Adobe's mark it is plain.
        image = Image.merge("CMYK", [channel.point(_turned_over) for channel in image.split()])
    if image.mode not in ("L", "RGB", "CMYK"):
        raise InvalidImage(DAMAGED)
    return image, notes, warnings


def _turned_over(level: float) -> float:
    return 255 - level


def to_srgb(
    image: Image.Image, profile: bytes | None
) -> tuple[Image.Image, tuple[str, ...], tuple[str, ...]]:
    """(sRGB picture, notes, warnings) of an L, RGB or CMYK picture and its ICC profile, if any."""
    printed = (PRINT_COLOURS,) if image.mode == "CMYK" else ()
    if profile is None:
        return image.convert("RGB"), (), printed
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = (source.profile.profile_description or "unnamed").strip()[:60]
        if source.profile.xcolor_space.strip() != {"L": "GRAY"}.get(image.mode, image.mode):
            raise ImageCms.PyCMSError("the profile is for another kind of picture")
        if image.mode == "RGB" and name.startswith("sRGB"):
            return image, (), ()  # converting would only add rounding
        converted = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image.convert("RGB"), (), (*printed, BROKEN_PROFILE)
    assert converted is not None  # None only when converting in place
    return converted, (f"Colours converted from {name} to sRGB.",), printed


def is_grey(picture: Image.Image) -> bool:
    """Whether an RGB picture shows no colour at all, up to rounding."""
    red, green, blue = picture.split()
    return not any(
        any(ImageChops.difference(green, other).histogram()[3:]) for other in (red, blue)
    )

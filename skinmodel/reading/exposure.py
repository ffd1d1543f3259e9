"""What the camera wrote about the exposure: which way is up, and on which day."""

import datetime
from dataclasses import dataclass

from PIL import ExifTags, Image

EARLIEST = datetime.date(1990, 1, 1)  # before digital cameras: a clock that was never set


@dataclass(frozen=True)
class Exposure:
    """EXIF orientation (1 to 8, 1 = upright), capture day and what was noticed on reading."""

    orientation: int = 1
    taken_on: datetime.date | None = None
    notes: tuple[str, ...] = ()


def read_exposure(image: Image.Image, today: datetime.date) -> Exposure:
    """The exposure of an image; a broken EXIF block counts as none. Never raises."""
    try:
        exif = image.getexif()
        if not exif:
            return Exposure()
        orientation = exif.get(ExifTags.Base.Orientation, 1)
        stamp = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
    except Exception:  # Pillow's EXIF reader raises whatever a damaged block makes it trip on
        return Exposure(notes=("The camera's data (EXIF) is broken and was ignored.",))
    notes: tuple[str, ...] = ("The camera's data (EXIF) was left out of the picture.",)
    if orientation not in range(1, 9):
        notes += ("The camera's orientation makes no sense and was ignored.",)
        orientation = 1
    elif orientation != 1:
        notes += (f"Turned upright (EXIF orientation {orientation}).",)
    taken_on = _day(stamp)
    if stamp is not None and (taken_on is None or not EARLIEST <= taken_on <= today):
        notes += ("The camera's date makes no sense and was ignored.",)
        taken_on = None
    return Exposure(int(orientation), taken_on, notes)


def _day(stamp: object) -> datetime.date | None:
    try:
        return datetime.datetime.strptime(str(stamp).strip("\0 "), "%Y:%m:%d %H:%M:%S").date()
    except ValueError:
        return None

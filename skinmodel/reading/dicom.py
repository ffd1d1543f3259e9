"""What a DICOM file says beside its picture: whose it is, with what it was taken, and how large."""

import datetime
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Self

SUFFIX = ".dcm"
NO_DICOM = "This file is named .dcm but is no DICOM file."
NAMED = "This file's name contains the patient's name or id."
_SEXES = {"F": "female", "M": "male", "O": "other"}
_SHORTEST = 3  # letters or digits that tell a person apart


@dataclass(frozen=True)
class Dicom:
    """A file's own words; empty or None where it says nothing, or nothing that makes sense.

    `sex` is female, male, other or empty. `pixel_spacing_mm` is between rows and between columns
    of the picture as stored, and only there where the file says how it was measured.
    `magnification` is the optics', as in 10 x.
    """

    patient_id: str = ""
    patient_name: str = ""
    born_on: datetime.date | None = None
    sex: str = ""
    pixel_spacing_mm: tuple[float, float] | None = None
    device: str = ""
    magnification: float | None = None

    def is_named_in(self, file_name: str) -> bool:
        """Whether a file's name gives away whose photo it is."""
        words = _words(file_name)
        whose = _words(f"{self.patient_id} {self.patient_name}")
        return any(len(word) >= _SHORTEST for word in words & whose)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        born_on = self.born_on and self.born_on.isoformat()
        return {**self.__dict__, "born_on": born_on}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The same from plain JSON values."""
        day, spacing, power = (
            values[name] for name in ("born_on", "pixel_spacing_mm", "magnification")
        )
        return cls(
            patient_id=str(values["patient_id"]),
            patient_name=str(values["patient_name"]),
            born_on=None if day is None else datetime.date.fromisoformat(day),
            sex=str(values["sex"]),
            pixel_spacing_mm=None if spacing is None else (float(spacing[0]), float(spacing[1])),
            device=str(values["device"]),
            magnification=None if power is None else float(power),
        )


def is_dicom(data: bytes) -> bool:
    """Whether a file begins as DICOM files do (PS3.10, 7.1); bare data sets without it are not."""
    return data[128:132] == b"DICM"


def sex(code: str) -> str:
    """DICOM's letter as a word, empty for what it does not define."""
    return _SEXES.get(code, "")


def _words(text: str) -> set[str]:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return set(re.findall(r"[^\W_]+", "".join(c for c in plain if not unicodedata.combining(c))))

"""The ordered list of diagnoses, the only one in the project.

Codes and order are those of the ISIC 2019 challenge (https://challenge.isic-archive.com/landing/2019/).
"""

from dataclasses import dataclass
from typing import Literal

Behaviour = Literal["benign", "pre-malignant", "malignant"]


@dataclass(frozen=True)
class Diagnosis:
    """One of the eight: ISIC's code, the name a clinician reads, and how the lesion behaves."""

    code: str
    name: str
    behaviour: Behaviour


DIAGNOSES = (
    Diagnosis("MEL", "Melanoma", "malignant"),
    Diagnosis("NV", "Melanocytic nevus", "benign"),
    Diagnosis("BCC", "Basal cell carcinoma", "malignant"),
    Diagnosis("AK", "Actinic keratosis", "pre-malignant"),
    Diagnosis("BKL", "Benign keratosis", "benign"),
    Diagnosis("DF", "Dermatofibroma", "benign"),
    Diagnosis("VASC", "Vascular lesion", "benign"),
    Diagnosis("SCC", "Squamous cell carcinoma", "malignant"),
)
CODES = tuple(diagnosis.code for diagnosis in DIAGNOSES)
MALIGNANT = tuple(i for i, d in enumerate(DIAGNOSES) if d.behaviour == "malignant")
UNKNOWN = "UNK"  # the challenge's ninth column: none of the eight


def diagnosis(code: str) -> Diagnosis:
    """The diagnosis of an ISIC code; KeyError for any other text."""
    try:
        return DIAGNOSES[CODES.index(code)]
    except ValueError:
        raise KeyError(code) from None

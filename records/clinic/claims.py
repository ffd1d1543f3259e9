"""Whether a file's own patient is the one whose record is open.

Looks at these two and nothing else, so that no question can reveal a third.
"""

import datetime
from dataclasses import dataclass
from typing import Literal

from records.clinic.patients import PatientFields
from records.dates import long_date
from records.fields import folded


@dataclass(frozen=True)
class Claim:
    """What a file says about its patient, as DICOM does; empty where it says nothing.

    `sex` is one of the records' own words.
    """

    patient_id: str = ""
    name: str = ""
    born_on: datetime.date | None = None
    sex: str = ""


@dataclass(frozen=True)
class Comparison:
    """`different` asks before the photo is taken, and no is the default.

    `silent`: the file says nothing that can be compared, as most photos. `differences` are
    sentences with the file's own words and the open record's, for the question.
    """

    verdict: Literal["same", "different", "silent"]
    differences: tuple[str, ...] = ()


def compare(claim: Claim, known: PatientFields) -> Comparison:
    """The file's patient beside the open record's; what either leaves out is not compared."""
    found: list[str] = []
    compared = 0
    if claim.patient_id:
        compared += 1
        if folded(claim.patient_id).split() != folded(known.clinic_id).split():
            found.append(_sentence("patient id", claim.patient_id, known.clinic_id))
    if claim.name and known.name:
        compared += 1
        theirs, ours = set(_words(claim.name)), set(_words(known.name))
        if not (theirs <= ours or ours <= theirs):  # one may leave a second name out
            found.append(_sentence("patient's name", claim.name, known.name))
    if claim.born_on and known.year_of_birth:
        compared += 1
        if claim.born_on.year != known.year_of_birth:
            born = long_date(claim.born_on)
            found.append(_sentence("day of birth", born, str(known.year_of_birth)))
    if claim.sex and known.sex != "unknown":
        compared += 1
        if claim.sex != known.sex:
            found.append(_sentence("patient's sex", claim.sex, known.sex))
    if not compared:
        return Comparison("silent")
    return Comparison("different" if found else "same", tuple(found))


def _sentence(what: str, theirs: str, ours: str) -> str:
    return f"The file's {what} is {theirs}, the open record's is {ours}."


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in folded(text)).split()

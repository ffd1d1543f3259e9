"""A file's own patient beside the open record's."""

import datetime

import pytest

from records.clinic.claims import Claim, compare
from records.clinic.patients import PatientFields

KNOWN = PatientFields("4711", name="Jürgen Müller", year_of_birth=1958, sex="male")
BORN = datetime.date(1958, 3, 12)


@pytest.mark.parametrize(
    "claim",
    [
        Claim("4711", "Müller Jürgen", BORN, "male"),
        Claim(" 4711 ", "MÜLLER JÜRGEN KARL"),
        Claim("4711"),
        Claim(name="Müller", born_on=BORN),
    ],
)
def test_the_same_patient_raises_no_question(claim: Claim) -> None:
    assert compare(claim, KNOWN).verdict == "same"
    assert compare(claim, KNOWN).differences == ()


@pytest.mark.parametrize(
    ("claim", "sentence"),
    [
        (Claim("4712"), "The file's patient id is 4712, the open record's is 4711."),
        (Claim("04711"), "The file's patient id is 04711, the open record's is 4711."),
        (
            Claim("4711", "Doe Jane"),
            "The file's patient's name is Doe Jane, the open record's is Jürgen Müller.",
        ),
        (
            Claim("4711", born_on=datetime.date(1985, 3, 12)),
            "The file's day of birth is 12 Mar 1985, the open record's is 1958.",
        ),
        (Claim(sex="female"), "The file's patient's sex is female, the open record's is male."),
    ],
)
def test_any_difference_asks(claim: Claim, sentence: str) -> None:
    result = compare(claim, KNOWN)
    assert (result.verdict, result.differences) == ("different", (sentence,))


def test_nothing_to_compare_is_said_to_be_so() -> None:
    assert compare(Claim(), KNOWN).verdict == "silent"
    assert compare(Claim(name="Doe Jane", born_on=BORN), PatientFields("4711")).verdict == "silent"

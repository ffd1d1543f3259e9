"""What was confirmed of the lesions that the model in use has assessed, in counts alone."""

import datetime
from dataclasses import replace

import pytest

from records.access.actors import ADMIN, CLINICIAN, Actor
from records.clinic import confirmations, impressions
from records.clinic.confirmations import ConfirmationFields
from records.errors import NotAllowed
from records.models import inuse
from records.models.inuse import Agreement
from tests.records.clinic import CLINIC, CODES, Clinic, picture, result_of

OVERSEER = Actor("anna", frozenset({ADMIN}))
MODEL = "a" * 64


def confirm(clinic: Clinic, lesion_id: str, code: str) -> None:
    confirmations.confirm(
        clinic.database, actor=CLINIC, lesion_id=lesion_id, save_key=clinic.key(),
        fields=ConfirmationFields(code, "histopathology"), codes=CODES,
    )  # fmt: skip


def test_the_last_result_of_each_confirmed_lesion_counts(clinic: Clinic) -> None:
    patient, start = clinic.patient(), clinic.clock()
    first, second, third, other = (clinic.lesion(patient, label) for label in "ABCD")
    assessed = {"more": {"alerts": [True], "assessed": True}}
    clinic.assess(first, picture(1), more={"alerts": [False], "assessed": True})
    clinic.clock.pass_by(days=1)
    clinic.assess(first, picture(1), picture(2), **assessed)  # this one counts
    clinic.assess(second, picture(3), more={"alerts": [False], "assessed": False})
    clinic.assess(third, picture(4), **assessed)  # never confirmed
    clinic.assess(other, picture(5), model_sha256="b" * 64, **assessed)  # another model's
    for lesion in (first, second, other):
        confirm(clinic, lesion.id, "MEL")
    found = inuse.agreement(clinic.database, actor=OVERSEER, model_sha256=MODEL, since=start)
    assert found == [Agreement("MEL", lesions=2, ranked_first=1, with_line=2, above_line=1)]
    later = clinic.clock() + datetime.timedelta(days=1)
    assert not inuse.agreement(clinic.database, actor=OVERSEER, model_sha256=MODEL, since=later)
    with pytest.raises(NotAllowed):
        inuse.months(clinic.database, actor=Actor("c", frozenset({CLINICIAN})), since=start)


def test_what_clinicians_said_before_the_result_is_counted(clinic: Clinic) -> None:
    start = clinic.clock()
    for number, (said, truth) in enumerate((("MEL", "MEL"), ("NV", "MEL"), ("UNK", "NV"))):
        lesion = clinic.lesion(clinic.patient(str(number)))
        impression = impressions.record(
            clinic.database, actor=CLINIC, lesion_id=lesion.id, code=said,
            codes=(*CODES, "UNK"), save_key=clinic.key(),
        )  # fmt: skip
        photo = picture(number)
        result = replace(result_of(photo, at=clinic.database.now()), more={})
        clinic.save(lesion, photo, result=result, maps=b"maps", impression_id=impression.id)
        confirm(clinic, lesion.id, truth)
    found = inuse.agreement(clinic.database, actor=OVERSEER, model_sha256=MODEL, since=start)
    assert [(one.code, one.with_impression, one.impression_right) for one in found] == [
        ("MEL", 2, 1),
        ("NV", 1, 0),
    ]


def test_months_count_refusals_warnings_and_distance(clinic: Clinic) -> None:
    lesion, start = clinic.lesion(clinic.patient()), clinic.clock()
    strange = {"assessed": False, "unknown_by_photo": [0.9], "photo_warnings": [["Blurred."]]}
    usual = {"assessed": True, "unknown_by_photo": [0.1], "photo_warnings": [[]]}
    for number, more in enumerate((usual, usual, strange)):
        clinic.assess(lesion, picture(number), more=more)
    clinic.clock.pass_by(days=31)
    clinic.assess(lesion, picture(9), more={})
    march, april = inuse.months(clinic.database, actor=OVERSEER, since=start)
    assert (march.results, march.not_assessed, march.warned, march.distance) == (3, 1, 1, 0.1)
    assert (april.results, april.not_assessed, april.warned, april.distance) == (1, 0, 0, None)

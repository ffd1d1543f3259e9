"""Scales marked in photos and entered for visits: kept, corrected, withdrawn, taken along."""

import json
import math

import pytest

from records.clinic import deletion, moves, scales, series, visits
from records.clinic.photos import Marks
from records.clinic.series import NewVisit
from records.clinic.visits import VisitFields
from records.errors import Conflict, InvalidRecord, NotAllowed
from records.keeping import removal
from records.reports import extract
from records.tables import ScaleRow
from tests.records.clinic import CLINIC, OFFICE, Clinic, picture

ENDS = ((10.0, 20.0), (210.04, 20.0))
KEPT = ((10.0, 20.0), (210.0, 20.0))


def mark(clinic: Clinic, photo_id: str, ends=ENDS, millimetres=10.0, replaces_id=None, key=None):
    return scales.mark(
        clinic.database,
        actor=CLINIC,
        photo_id=photo_id,
        ends=ends,
        millimetres=millimetres,
        replaces_id=replaces_id,
        save_key=key or clinic.key(),
    )


@pytest.fixture
def photo_id(clinic: Clinic) -> str:
    return clinic.save(clinic.lesion(clinic.patient()), picture(1)).photo_ids[0]


def marks(clinic: Clinic, lesion) -> list[Marks | None]:
    return [photo.marks for one in clinic.page(lesion).visits for photo in one.photos]


def test_a_correction_holds_and_what_stood_before_stays(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient())
    photo_id = clinic.save(lesion, picture(1)).photo_ids[0]
    assert marks(clinic, lesion) == [None]
    first = mark(clinic, photo_id)
    clinic.clock.pass_by(minutes=1)
    second = mark(clinic, photo_id, millimetres=5, replaces_id=first.id)
    assert marks(clinic, lesion) == [Marks(KEPT, 5.0)]
    every = scales.of_photo(clinic.database, actor=CLINIC, photo_id=photo_id)
    assert [(one.id, one.current, one.replaces_id, one.millimetres) for one in every] == [
        (first.id, False, None, 10.0),
        (second.id, True, first.id, 5.0),
    ]
    mark(clinic, photo_id, ends=(), replaces_id=second.id)
    assert marks(clinic, lesion) == [None]
    assert len(clinic.page(lesion).scales) == 3
    plain = json.loads(extract.as_json(clinic.database, actor=CLINIC, lesion_id=lesion.id))
    assert [one["millimetres"] for one in plain["scales"]] == [10.0, 5.0, 0.0]
    assert plain["scales"][0]["account_id"] == CLINIC.account_id


def test_two_who_mark_at_once_do_not_overwrite_each_other(clinic: Clinic, photo_id: str) -> None:
    first = mark(clinic, photo_id, key="one form")
    assert mark(clinic, photo_id, key="one form") == first
    mark(clinic, photo_id, millimetres=5, replaces_id=first.id)
    for stale in (first.id, None):
        with pytest.raises(Conflict):
            mark(clinic, photo_id, replaces_id=stale)


@pytest.mark.parametrize(
    ("ends", "millimetres", "field"),
    [
        (ENDS[:1], 10, "ends"),
        ((*ENDS, (5.0, 5.0)), 10, "ends"),
        (((10, 20), (10, 21)), 10, "ends"),
        (((0, 0), (math.nan, 50)), 10, "ends"),
        (((0, 0), (0, 9999)), 10, "ends"),
        (ENDS, 0, "millimetres"),
        (ENDS, math.nan, "millimetres"),
        (ENDS, 501, "millimetres"),
    ],
)
def test_what_is_no_scale_of_the_photo_is_refused(
    clinic: Clinic, photo_id: str, ends, millimetres, field: str
) -> None:
    with pytest.raises(InvalidRecord) as refused:
        mark(clinic, photo_id, ends=ends, millimetres=millimetres)
    assert set(refused.value.fields) == {field}


def test_it_follows_its_photo_to_another_lesion_and_into_deletion(clinic: Clinic) -> None:
    patient = clinic.patient()
    lesion, other = clinic.lesion(patient, "A"), clinic.lesion(patient, "B")
    photo_id = clinic.save(lesion, picture(1)).photo_ids[0]
    first = mark(clinic, photo_id)
    second = mark(clinic, photo_id, replaces_id=first.id)
    moves.move_photo(clinic.database, actor=CLINIC, photo_id=photo_id, lesion_id=other.id)
    assert [one.id for one in clinic.page(other).scales] == [first.id, second.id]
    assert clinic.page(lesion).scales == ()
    deletion.delete(clinic.database, actor=CLINIC, kind="photo", object_id=photo_id)
    clinic.clock.pass_by(days=2)
    removal.tidy(clinic.database, clinic.store)
    with clinic.database.read() as session:
        assert session.get(ScaleRow, first.id) is None


def test_a_field_of_view_is_offered_for_the_same_device_and_magnification(clinic: Clinic) -> None:
    how = VisitFields(magnification=10, device="DermLite DL4", field_mm=20.3, field_within_mm=0.5)
    lesion = clinic.lesion(clinic.patient())
    series.save(
        clinic.database,
        clinic.store,
        actor=CLINIC,
        lesion_id=lesion.id,
        new=[NewVisit(how, (picture(1),))],
        save_key=clinic.key(),
    )
    assert visits.last_settings(clinic.database, actor=CLINIC, lesion_id=lesion.id) == how

    def offered(device: str, magnification: float | None) -> VisitFields | None:
        return visits.field_of_view(
            clinic.database, actor=CLINIC, device=device, magnification=magnification
        )

    assert offered(" dermlite  dl4", 10.0) == how
    assert [offered("DermLite DL4", 20.0), offered("Heine", 10.0)] == [None, None]
    assert [offered("", 10.0), offered("DermLite DL4", None)] == [None, None]
    with pytest.raises(NotAllowed):
        visits.field_of_view(clinic.database, actor=OFFICE, device="a", magnification=1.0)


@pytest.mark.parametrize(("width", "within"), [(20.0, None), (None, 0.5), (0.5, 0.1), (20, 0)])
def test_half_a_field_of_view_is_refused(clinic: Clinic, width, within) -> None:
    lesion = clinic.lesion(clinic.patient())
    with pytest.raises(InvalidRecord):
        series.save(
            clinic.database,
            clinic.store,
            actor=CLINIC,
            lesion_id=lesion.id,
            new=[NewVisit(VisitFields(field_mm=width, field_within_mm=within), (picture(1),))],
            save_key=clinic.key(),
        )

"""Outlines drawn by hand: kept, corrected, given back, and never lost or overwritten."""

import pytest

from records.clinic import deletion, moves, outlines
from records.errors import Conflict, InvalidRecord, NotFound, RecordError
from records.keeping import removal
from records.tables import OutlineRow
from tests.records.clinic import CLINIC, OFFICE, Clinic, picture

SQUARE = ((10.0, 10.0), (200.0, 10.0), (200.0, 200.0), (10.0, 200.0))
OTHER = ((10.0, 10.0), (250.0, 10.0), (250.0, 200.04))


def draw(clinic: Clinic, photo_id: str, points=SQUARE, replaces_id=None, key=None, actor=CLINIC):
    return outlines.draw(
        clinic.database,
        actor=actor,
        photo_id=photo_id,
        points=points,
        replaces_id=replaces_id,
        save_key=key or clinic.key(),
    )


@pytest.fixture
def photo_id(clinic: Clinic) -> str:
    return clinic.save(clinic.lesion(clinic.patient()), picture(1)).photo_ids[0]


def current(clinic: Clinic, photo_id: str) -> outlines.Points:
    return outlines.current(clinic.database, actor=CLINIC, photo_id=photo_id)


def test_a_correction_holds_and_what_stood_before_stays(clinic: Clinic, photo_id: str) -> None:
    assert current(clinic, photo_id) == ()
    first = draw(clinic, photo_id)
    clinic.clock.pass_by(minutes=1)
    second = draw(clinic, photo_id, OTHER, first.id)
    assert current(clinic, photo_id) == ((10.0, 10.0), (250.0, 10.0), (250.0, 200.0))
    every = outlines.of_photo(clinic.database, actor=CLINIC, photo_id=photo_id)
    assert [(one.id, one.current, one.replaces_id) for one in every] == [
        (first.id, False, None),
        (second.id, True, first.id),
    ]
    assert (every[0].points, every[0].account_id) == (SQUARE, CLINIC.account_id)
    assert every[1].at > every[0].at


def test_two_who_draw_at_once_do_not_overwrite_each_other(clinic: Clinic, photo_id: str) -> None:
    first = draw(clinic, photo_id)
    draw(clinic, photo_id, OTHER, first.id)
    for stale in (first.id, None):
        with pytest.raises(Conflict):
            draw(clinic, photo_id, SQUARE, stale)


def test_the_same_form_is_kept_once(clinic: Clinic, photo_id: str) -> None:
    assert draw(clinic, photo_id, key="one form").id == draw(clinic, photo_id, key="one form").id


def test_no_points_give_the_photo_back_to_the_program(clinic: Clinic, photo_id: str) -> None:
    first = draw(clinic, photo_id)
    draw(clinic, photo_id, (), first.id)
    assert current(clinic, photo_id) == ()
    assert len(outlines.of_photo(clinic.database, actor=CLINIC, photo_id=photo_id)) == 2


@pytest.mark.parametrize(
    "points",
    [
        SQUARE[:2],
        ((0, 0), (10, 0), (10, 9999)),
        ((0, 0), (10, float("nan")), (10, 10)),
        ((0, 0), (-1, 5), (10, 10)),
        SQUARE * 101,
    ],
)
def test_what_is_no_outline_of_the_photo_is_refused(clinic: Clinic, photo_id: str, points) -> None:
    with pytest.raises(InvalidRecord, match="3 points"):
        draw(clinic, photo_id, points)


def test_only_clinicians_draw_and_look(clinic: Clinic, photo_id: str) -> None:
    with pytest.raises(RecordError):
        draw(clinic, photo_id, actor=OFFICE)
    with pytest.raises(RecordError):
        outlines.current(clinic.database, actor=OFFICE, photo_id=photo_id)


def test_it_follows_its_photo_to_another_lesion_and_into_deletion(clinic: Clinic) -> None:
    patient = clinic.patient()
    lesion, other = clinic.lesion(patient, "A"), clinic.lesion(patient, "B")
    photo_id = clinic.save(lesion, picture(1)).photo_ids[0]
    first = draw(clinic, photo_id)
    second = draw(clinic, photo_id, OTHER, first.id)
    moves.move_photo(clinic.database, actor=CLINIC, photo_id=photo_id, lesion_id=other.id)
    assert [one.id for one in clinic.page(other).outlines] == [first.id, second.id]
    assert clinic.page(lesion).outlines == ()
    deletion.delete(clinic.database, actor=CLINIC, kind="lesion", object_id=other.id)
    with pytest.raises(NotFound):
        current(clinic, photo_id)
    clinic.clock.pass_by(days=2)
    removal.tidy(clinic.database, clinic.store)
    with clinic.database.read() as session:
        assert session.get(OutlineRow, first.id) is None

"""Photos and assessments: all or nothing, once, never of another patient, never overwritten."""

import datetime
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from records import preferences
from records.clinic import assessments, deletion, impressions, moves, overviews, photos, visits
from records.clinic.overviews import NewOverview
from records.clinic.photos import KnownPhoto
from records.clinic.visits import VisitFields
from records.errors import Conflict, InvalidRecord, NotFound, RecordError
from records.keeping import removal
from records.keeping.blobs import PhotoUnusable
from records.tables import AssessmentRow, BlobRow, PhotoRow
from tests.records.clinic import CLINIC, CODES, DAY, OFFICE, Clinic, picture, result_of


def counts(clinic: Clinic) -> tuple[int, int, int, int]:
    """Photos, assessments, rows of files, files."""
    with clinic.database.read() as session:
        rows = [
            session.scalar(select(func.count()).select_from(table)) or 0
            for table in (PhotoRow, AssessmentRow, BlobRow)
        ]
    return rows[0], rows[1], rows[2], len(list(clinic.store.names()))


def test_all_of_a_result_comes_back(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient())
    saved = clinic.assess(lesion, picture(1), picture(2), maps=b"heat")
    page = clinic.page(lesion)
    (assessment,) = page.assessments
    assert assessment.result == result_of(picture(1), picture(2), at=clinic.database.now())
    assert assessment.outdated == () and assessment.gone == frozenset()
    assert saved.assessment_id == assessment.id
    maps = assessments.maps(
        clinic.database, clinic.store, actor=CLINIC, assessment_id=assessment.id
    )
    assert maps == b"heat"
    (visit,) = page.visits
    assert [photo.id for photo in visit.photos] == list(saved.photo_ids)
    data = photos.read(clinic.database, clinic.store, actor=CLINIC, photo_id=saved.photo_ids[1])
    assert data == picture(2).data


def test_the_same_form_saves_once(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient())
    result = result_of(picture(1), at=clinic.database.now())
    first = clinic.save(lesion, picture(1), result=result, maps=b"m", save_key="one form")
    second = clinic.save(lesion, picture(1), result=result, maps=b"m", save_key="one form")
    assert first == second and counts(clinic) == (1, 1, 2, 2)


def test_a_photo_already_there_is_said_and_kept_once(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient())
    clinic.save(lesion, picture(1))
    saved = clinic.save(lesion, picture(1), picture(2), day=datetime.date(2025, 3, 12))
    assert saved.already == ("IMG_1.jpg: Already in this lesion (10 Mar 2025).",)
    assert [len(visit.photos) for visit in clinic.page(lesion).visits] == [1, 1]
    assert clinic.save(lesion, picture(1)).photo_ids == ()
    assert len(clinic.page(lesion).visits) == 2


def test_photos_of_one_day_and_way_are_one_visit(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient())
    clinic.save(lesion, picture(1))
    clinic.save(lesion, picture(2))
    clinic.save(lesion, picture(3), day=None)
    clinic.save(lesion, picture(4), day=None)
    days = [visit.visit.fields.day for visit in clinic.page(lesion).visits]
    assert days == [DAY, None, None]


def test_a_photo_of_another_patient_is_a_question_that_names_nobody(clinic: Clinic) -> None:
    other = clinic.patient("OTHER-1", name="Ana Lima")
    clinic.save(clinic.lesion(other, "left calf"), picture(1))
    lesion = clinic.lesion(clinic.patient())
    before = counts(clinic)
    with pytest.raises(KnownPhoto) as asked:
        clinic.save(lesion, picture(1), picture(2))
    assert str(asked.value) == KnownPhoto.ANOTHER_PATIENT
    assert counts(clinic) == before and clinic.page(lesion).visits == ()
    assert len(clinic.save(lesion, picture(1), although_known=True).photo_ids) == 1
    assert counts(clinic) == (2, 0, 1, 1)


def test_a_photo_of_another_lesion_of_the_patient_is_a_question(clinic: Clinic) -> None:
    patient = clinic.patient()
    clinic.save(clinic.lesion(patient), picture(1))
    with pytest.raises(KnownPhoto, match="another lesion of this patient"):
        clinic.save(clinic.lesion(patient, "B"), picture(1))


def test_nothing_is_saved_if_any_of_it_cannot_be(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient())
    for day in (datetime.date(2025, 3, 14), datetime.date(1957, 12, 31), datetime.date(1, 1, 1)):
        with pytest.raises(InvalidRecord) as refused:
            clinic.save(lesion, picture(1), day=day)
        assert list(refused.value.fields) == ["day"]
    with pytest.raises(RecordError, match="1 of the result's photos are not on this lesion"):
        clinic.save(lesion, picture(1), result=result_of(picture(2), at=clinic.database.now()))
    assert counts(clinic)[:3] == (0, 0, 0)
    assert removal.tidy(clinic.database, clinic.store) == 1
    assert counts(clinic) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "broken",
    [
        {"probabilities": ((float("nan"), *(0.125,) * 7),)},
        {"probabilities": ((0.125,) * 7,)},
        {"alone": ((0.5,) * 8,)},
        {"malignancy": (1.2,)},
        {"visits": ((None, (0, 1)),)},
        {"model_sha256": ""},
    ],
)
def test_half_a_result_is_not_saved(sqlite_clinic: Clinic, broken: dict[str, object]) -> None:
    lesion = sqlite_clinic.lesion(sqlite_clinic.patient())
    with pytest.raises(RecordError, match="no complete result"):
        sqlite_clinic.assess(lesion, picture(1), **broken)
    assert counts(sqlite_clinic)[:2] == (0, 0)


def test_assessments_become_outdated_and_stay(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient())
    ids = clinic.assess(lesion, picture(1), picture(2)).photo_ids
    assert clinic.page(lesion, model="b" * 64).assessments[0].outdated == (
        "Another model is in use since.",
    )
    clinic.save(lesion, picture(3))
    deletion.delete(clinic.database, actor=CLINIC, kind="photo", object_id=ids[0])
    visit = clinic.page(lesion).visits[0].visit
    visits.change(
        clinic.database,
        actor=CLINIC,
        visit_id=visit.id,
        fields=VisitFields(datetime.date(2025, 3, 1)),
        edition=visit.edition,
    )
    (old,) = clinic.page(lesion).assessments
    assert old.outdated == (
        "1 photo was added since.",
        "1 photo was removed since.",
        "1 photo was given another day since.",
    )
    assert old.gone == {picture(1).sha256}
    clinic.clock.pass_by(minutes=1)
    clinic.assess(lesion, picture(2), picture(3))
    assert [bool(one.outdated) for one in clinic.page(lesion).assessments] == [True, False]


def test_the_own_impression_comes_before_the_result(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient())
    preferences.change(clinic.database, actor=OFFICE, name=preferences.IMPRESSION_FIRST, value=True)
    with pytest.raises(InvalidRecord, match="Record your own impression"):
        clinic.assess(lesion, picture(1))
    made_at = clinic.database.now()
    clinic.clock.pass_by(minutes=1)

    def impression() -> str:
        return impressions.record(
            clinic.database,
            actor=CLINIC,
            lesion_id=None,
            code="NV",
            confidence=70,
            codes=CODES,
            save_key=clinic.key(),
        ).id

    late = impression()
    with pytest.raises(InvalidRecord, match="after the result"):
        clinic.save(
            lesion, picture(1), result=result_of(picture(1), at=made_at), impression_id=late
        )
    clinic.clock.pass_by(minutes=1)
    result = result_of(picture(1), at=clinic.database.now())
    clinic.save(lesion, picture(1), result=result, impression_id=late)
    page = clinic.page(lesion)
    assert page.assessments[0].impression == page.impressions[0]
    with pytest.raises(NotFound):  # it belongs to this lesion now
        other = clinic.lesion(clinic.patient("2"))
        clinic.save(other, picture(1), result=result, impression_id=late, although_known=True)


def test_a_deletion_can_be_undone_for_a_day(clinic: Clinic) -> None:
    patient = clinic.patient(name="Ana")
    lesion = clinic.lesion(patient)
    clinic.assess(lesion, picture(1))
    gone = deletion.delete(clinic.database, actor=CLINIC, kind="patient", object_id=patient.id)
    with pytest.raises(NotFound):
        clinic.page(lesion)
    with pytest.raises(NotFound):
        deletion.delete(clinic.database, actor=CLINIC, kind="patient", object_id=patient.id)
    clinic.clock.pass_by(hours=23)
    assert removal.tidy(clinic.database, clinic.store) == 0
    assert deletion.undoable(clinic.database, actor=CLINIC) == [gone]
    deletion.undo(clinic.database, actor=CLINIC, deletion_id=gone.id)
    assert clinic.page(lesion).assessments[0].outdated == ()
    with pytest.raises(NotFound):
        deletion.undo(clinic.database, actor=CLINIC, deletion_id=gone.id)


def test_a_deletion_is_final_after_a_day(clinic: Clinic) -> None:
    patient = clinic.patient()
    lesion, other = clinic.lesion(patient), clinic.lesion(clinic.patient("2"))
    clinic.assess(lesion, picture(1), picture(2))
    clinic.save(other, picture(2), although_known=True)
    gone = deletion.delete(clinic.database, actor=CLINIC, kind="patient", object_id=patient.id)
    clinic.clock.pass_by(hours=25)
    with pytest.raises(Conflict, match="more than a day"):
        deletion.undo(clinic.database, actor=CLINIC, deletion_id=gone.id)
    assert removal.tidy(clinic.database, clinic.store) == 2
    assert counts(clinic) == (1, 0, 1, 1)
    assert len(clinic.page(other).visits[0].photos) == 1


def test_what_was_added_again_is_not_brought_back_twice(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient())
    (photo,) = clinic.save(lesion, picture(1)).photo_ids
    gone = deletion.delete(clinic.database, actor=CLINIC, kind="photo", object_id=photo)
    clinic.save(lesion, picture(1))
    with pytest.raises(Conflict, match="added again"):
        deletion.undo(clinic.database, actor=CLINIC, deletion_id=gone.id)


def test_a_misfiled_lesion_moves_with_everything(clinic: Clinic) -> None:
    wrong, right = clinic.patient("1"), clinic.patient("2", year_of_birth=None)
    lesion = clinic.lesion(wrong)
    clinic.assess(lesion, picture(1))
    for _ in range(2):
        moves.move_lesion(clinic.database, actor=CLINIC, lesion_id=lesion.id, patient_id=right.id)
    page = clinic.page(lesion)
    assert page.patient == right and page.assessments[0].outdated == ()
    young = clinic.patient("3", year_of_birth=2025)
    clinic.save(lesion, picture(2), day=datetime.date(2024, 1, 1))
    with pytest.raises(InvalidRecord, match="before this patient was born"):
        moves.move_lesion(clinic.database, actor=CLINIC, lesion_id=lesion.id, patient_id=young.id)


def test_a_misfiled_photo_moves_and_its_heat_map_is_hidden(clinic: Clinic) -> None:
    wrong, right = clinic.lesion(clinic.patient("1")), clinic.lesion(clinic.patient("2"))
    first, _ = clinic.assess(wrong, picture(1), picture(2)).photo_ids
    moves.move_photo(clinic.database, actor=CLINIC, photo_id=first, lesion_id=right.id)
    assert clinic.page(right).visits[0].photos[0].id == first
    assert clinic.page(wrong).assessments[0].gone == {picture(1).sha256}
    clinic.save(right, picture(2), although_known=True)
    second = clinic.page(wrong).visits[0].photos[0].id
    with pytest.raises(Conflict, match=r"Already in this lesion \(10 Mar 2025\)"):
        moves.move_photo(clinic.database, actor=CLINIC, photo_id=second, lesion_id=right.id)


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (Path.unlink, "The original file is missing since 12 Mar 2025."),
        (lambda path: path.write_bytes(b"x"), "The original file is changed since 12 Mar 2025."),
    ],
)
def test_a_harmed_original_is_said_and_never_handed_out(
    clinic: Clinic, harm: object, sentence: str
) -> None:
    lesion = clinic.lesion(clinic.patient())
    (photo,) = clinic.save(lesion, picture(1)).photo_ids
    assert callable(harm)
    harm(Path(clinic.store.place(picture(1).sha256)))
    for _ in range(2):
        with pytest.raises(PhotoUnusable) as refused:
            photos.read(clinic.database, clinic.store, actor=CLINIC, photo_id=photo)
        assert str(refused.value) == sentence
        clinic.clock.pass_by(days=3)  # the day it was noticed stays
    assert clinic.page(lesion).visits[0].photos[0].fault == sentence
    clinic.store.put(picture(1).data)
    assert photos.read(clinic.database, clinic.store, actor=CLINIC, photo_id=photo)
    assert clinic.page(lesion).visits[0].photos[0].fault == ""


def test_overviews_are_kept_once_and_never_among_the_photos(clinic: Clinic) -> None:
    patient = clinic.patient()
    photo = NewOverview(b"overview", "back.jpg", "image/jpeg", DAY, "Back")

    def add(patient_id: str) -> str:
        return overviews.add(
            clinic.database,
            clinic.store,
            actor=CLINIC,
            patient_id=patient_id,
            photo=photo,
            save_key=clinic.key(),
        )

    first = add(patient.id)
    assert add(patient.id) == first
    with pytest.raises(KnownPhoto):
        add(clinic.patient("2").id)
    shown = overviews.of_patient(clinic.database, actor=CLINIC, patient_id=patient.id)
    assert [one.id for one in shown] == [first]
    data = overviews.read(clinic.database, clinic.store, actor=CLINIC, overview_id=first)
    assert data == photo.data
    with pytest.raises(KnownPhoto):
        clinic.save(clinic.lesion(clinic.patient("3")), replace(picture(1), data=photo.data))


def test_settings_are_offered_from_the_last_visit(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient())
    assert visits.last_settings(clinic.database, actor=CLINIC, lesion_id=lesion.id) is None
    clinic.save(lesion, picture(1))
    visit = clinic.page(lesion).visits[0].visit
    fields = VisitFields(DAY, 10.0, "polarised", "contact", "DermLite", "Seen")
    visits.change(
        clinic.database,
        actor=CLINIC,
        visit_id=visit.id,
        fields=fields,
        edition=visit.edition,
    )
    offered = visits.last_settings(clinic.database, actor=CLINIC, lesion_id=lesion.id)
    assert offered == replace(fields, day=None, note="")

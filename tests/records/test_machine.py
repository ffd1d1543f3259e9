"""Random use of the records: whatever is done in whatever order, everything stays whole."""

import datetime
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from records import deletion, erasure, moves, patients, search, verification
from records.errors import Conflict, InvalidRecord, NotFound, RecordError
from records.photos import KnownPhoto
from records.schema import open_database
from records.store import open_store
from tests.records.clinic import CLINIC, OFFICE, Clinic, Clock, picture

SOAK = os.environ.get("SKIN_SOAK") == "1"
DAYS = st.sampled_from([None, datetime.date(2025, 3, 1), datetime.date(2025, 3, 10)])
PICTURES = st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True)


class Records(RuleBasedStateMachine):
    """Drives the record calls beside a simple idea of what should be there.

    The idea: `lesions` has the patient and the photos of each lesion, `hidden` what is deleted.
    """

    patient_ids: Bundle[str] = Bundle("patient_ids")
    lesion_ids: Bundle[Any] = Bundle("lesion_ids")
    deletions: Bundle[str] = Bundle("deletions")
    empty: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="dermtrace-machine-"))
        shutil.copy(self.empty, self.folder / "records.sqlite")
        clock = Clock()
        database = open_database(f"sqlite:///{self.folder / 'records.sqlite'}", clock=clock)
        self.clock = clock
        self.clinic = Clinic(database, open_store(str(self.folder / "photos")), clock)
        self.numbers = 0
        self.patients: dict[str, str] = {}
        self.lesions: dict[str, tuple[str, dict[str, str]]] = {}  # patient; photo ids by hash
        self.hidden: set[str] = set()

    def teardown(self) -> None:
        self.clinic.database.close()
        shutil.rmtree(self.folder)

    def alive(self, lesion_id: str) -> bool:
        return lesion_id in self.lesions and not self.hidden & {
            lesion_id,
            self.lesions[lesion_id][0],
        }

    def shown(self, lesion_id: str) -> dict[str, str]:
        photos = self.lesions[lesion_id][1]
        return {sha: one for sha, one in photos.items() if one not in self.hidden}

    @rule(target=patient_ids)
    def add_patient(self) -> str:
        self.numbers += 1
        patient = self.clinic.patient(f"P{self.numbers}")
        self.patients[patient.id] = patient.fields.clinic_id
        return patient.id

    @rule(target=lesion_ids, patient_id=patient_ids)
    def add_lesion(self, patient_id: str) -> Any:
        try:
            patient = patients.get(self.clinic.database, actor=CLINIC, patient_id=patient_id)
        except NotFound:
            assert patient_id in self.hidden or patient_id not in self.patients
            return multiple()
        lesion = self.clinic.lesion(patient)
        self.lesions[lesion.id] = patient_id, {}
        return lesion

    @rule(lesion=lesion_ids, numbers=PICTURES, day=DAYS, yes=st.booleans(), assess=st.booleans())
    def save(self, lesion: Any, numbers: list[int], day: Any, yes: bool, assess: bool) -> None:
        photos = [picture(number) for number in numbers]
        try:
            saved = self.clinic.save(lesion, *photos, day=day, although_known=yes)
            again = self.clinic.assess(lesion, *photos) if assess else None
        except NotFound:
            assert not self.alive(lesion.id)
            return
        except KnownPhoto:
            others = [one for one in self.lesions if one != lesion.id]
            held = {sha for one in others for sha in self.lesions[one][1]}
            assert not yes and any(photo.sha256 in held for photo in photos)
            return
        assert self.alive(lesion.id) and (again is None or again.photo_ids == ())
        new = [photo for photo in photos if photo.sha256 not in self.shown(lesion.id)]
        assert len(saved.photo_ids) == len(new)
        for photo, photo_id in zip(new, saved.photo_ids, strict=True):
            self.lesions[lesion.id][1][photo.sha256] = photo_id

    @rule(target=deletions, lesion=lesion_ids, what=st.sampled_from(["photo", "lesion", "patient"]))
    def delete(self, lesion: Any, what: str) -> Any:
        if not self.alive(lesion.id):
            return multiple()
        patient_id = self.lesions[lesion.id][0]
        photos = list(self.shown(lesion.id).values())
        one = {"photo": photos[:1], "lesion": [lesion.id], "patient": [patient_id]}[what]
        if not one:
            return multiple()
        gone = deletion.delete(self.clinic.database, actor=CLINIC, kind=what, object_id=one[0])
        self.hidden.add(one[0])
        return gone

    @rule(gone=consumes(deletions))
    def undo(self, gone: Any) -> None:
        try:
            deletion.undo(self.clinic.database, actor=CLINIC, deletion_id=gone.id)
        except NotFound:
            return
        except Conflict:  # too late, or added again
            return
        self.hidden.remove(gone.object_id)

    @rule(lesion=lesion_ids, patient_id=patient_ids)
    def move_lesion(self, lesion: Any, patient_id: str) -> None:
        try:
            moves.move_lesion(
                self.clinic.database, actor=CLINIC, lesion_id=lesion.id, patient_id=patient_id
            )
        except NotFound:
            return
        self.lesions[lesion.id] = patient_id, self.lesions[lesion.id][1]

    @rule(lesion=lesion_ids, other=lesion_ids)
    def move_photo(self, lesion: Any, other: Any) -> None:
        if not self.alive(lesion.id) or not (shown := self.shown(lesion.id)):
            return
        sha256, photo_id = next(iter(shown.items()))
        try:
            moves.move_photo(
                self.clinic.database, actor=CLINIC, photo_id=photo_id, lesion_id=other.id
            )
        except (NotFound, Conflict, InvalidRecord):
            return
        del self.lesions[lesion.id][1][sha256]
        self.lesions[other.id][1][sha256] = photo_id

    @rule(hours=st.sampled_from([1, 13, 30]))
    def a_night(self, hours: int) -> None:
        self.clock.pass_by(hours=hours)
        deletion.tidy(self.clinic.database, self.clinic.store)
        for gone in [one for one in self.hidden if not self.recoverable(one)]:
            self.forget(gone)
        found = verification.verify(self.clinic.database, self.clinic.store, actor=OFFICE)
        assert found.problems == () and found.unused == 0

    def recoverable(self, one: str) -> bool:
        return any(
            each.object_id == one for each in deletion.undoable(self.clinic.database, actor=CLINIC)
        )

    @rule(patient_id=patient_ids)
    def erase(self, patient_id: str) -> None:
        try:
            erasure.erase(
                self.clinic.database, self.clinic.store, actor=OFFICE, patient_id=patient_id
            )
        except NotFound:
            assert patient_id not in self.patients
            return
        self.forget(patient_id)

    def forget(self, one: str) -> None:
        """Takes something, and all within it, out of the idea."""
        self.hidden.discard(one)
        self.patients.pop(one, None)
        for lesion_id, (patient_id, photos) in list(self.lesions.items()):
            if one in {lesion_id, patient_id}:
                del self.lesions[lesion_id]
                self.hidden -= {lesion_id, *photos.values()}
            else:
                photos_left = {sha: each for sha, each in photos.items() if each != one}
                self.lesions[lesion_id] = patient_id, photos_left

    @invariant()
    def everything_is_where_it_should_be(self) -> None:
        for lesion_id in self.lesions:
            lesion = type("Named", (), {"id": lesion_id})()
            try:
                page = self.clinic.page(lesion)
            except RecordError:
                assert not self.alive(lesion_id)
                continue
            assert self.alive(lesion_id)
            assert page.patient.id == self.lesions[lesion_id][0]
            photos = {photo.sha256: photo.id for one in page.visits for photo in one.photos}
            assert photos == self.shown(lesion_id)
        for patient_id, clinic_id in self.patients.items():
            hits = search.patients(self.clinic.database, actor=CLINIC, text=clinic_id, limit=99)
            assert (patient_id in {hit.id for hit in hits}) == (patient_id not in self.hidden)


def test_whatever_is_done_everything_stays_whole(empty_file: Path) -> None:
    machine = type("Machine", (Records,), {"empty": empty_file}).TestCase
    machine.settings = settings(
        max_examples=200 if SOAK else 6,
        stateful_step_count=50 if SOAK else 20,
        deadline=None,
        derandomize=not SOAK,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    machine().runTest()

"""Random use of the records: whatever is done in whatever order, everything stays whole."""

import datetime
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from records import chain
from records.clinic import (
    confirmations,
    deletion,
    moves,
    outlines,
    overviews,
    patients,
    plans,
    scales,
    search,
)
from records.clinic.confirmations import ConfirmationFields
from records.clinic.overviews import NewOverview
from records.clinic.photos import KnownPhoto
from records.clinic.plans import PlanFields
from records.errors import Conflict, InvalidRecord, NotFound, RecordError
from records.keeping import erasure, removal, verification
from records.keeping.store import open_store
from records.schema import open_database
from tests.records.clinic import CLINIC, CODES, OFFICE, Clinic, Clock, picture


def named(lesion_id: str) -> Any:
    """A lesion of which only the id is known."""
    return SimpleNamespace(id=lesion_id)


SOAK = os.environ.get("SKIN_SOAK") == "1"
DAYS = st.sampled_from([None, datetime.date(2025, 3, 1), datetime.date(2025, 3, 10)])
PICTURES = st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True)


class Records(RuleBasedStateMachine):
    """Drives the record calls beside a simple idea of what should be there.

    The idea: `lesions` has the patient and the photos of each lesion, `overviews` those of each
    patient, `hidden` what is deleted. `visit_of` has the visit of each photo, `plans`, `diagnoses`,
    `outlines` and `scales` what was decided about each lesion or photo, the one that holds last.
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
        self.overviews: dict[str, dict[str, str]] = {}  # ids by hash
        self.visit_of: dict[str, str] = {}
        self.plans: dict[str, list[str]] = {}
        self.diagnoses: dict[str, list[str]] = {}
        self.outlines: dict[str, list[str]] = {}
        self.scales: dict[str, list[str]] = {}
        self.hidden: set[str] = set()
        self.entries = 0

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
        return {
            sha: one
            for sha, one in photos.items()
            if not self.hidden & {one, self.visit_of.get(one, "")}
        }

    def learn_visits(self, lesion_id: str) -> None:
        page = self.clinic.page(named(lesion_id))
        for one in page.visits:
            self.visit_of |= {photo.id: one.visit.id for photo in one.photos}

    @rule(target=patient_ids)
    def add_patient(self) -> str:
        self.numbers += 1
        patient = self.clinic.patient(f"P{self.numbers}")
        self.patients[patient.id] = patient.fields.clinic_id
        self.overviews[patient.id] = {}
        return patient.id

    @rule(patient_id=patient_ids, name=st.sampled_from(["", "Ana Lima"]))
    def change_patient(self, patient_id: str, name: str) -> None:
        database = self.clinic.database
        try:
            before = patients.get(database, actor=CLINIC, patient_id=patient_id)
        except NotFound:
            return
        values = {"actor": CLINIC, "patient_id": patient_id}
        fields = replace(before.fields, name=name)
        after = patients.change(database, **values, fields=fields, edition=before.edition)
        if after.edition != before.edition:
            with pytest.raises(Conflict):  # from a page that was open meanwhile
                other = replace(fields, name="Berg")
                patients.change(database, **values, fields=other, edition=before.edition)

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
            held |= {sha for one in self.overviews.values() for sha in one}
            assert not yes and any(photo.sha256 in held for photo in photos)
            return
        assert self.alive(lesion.id) and (again is None or again.photo_ids == ())
        new = [photo for photo in photos if photo.sha256 not in self.shown(lesion.id)]
        assert len(saved.photo_ids) == len(new)
        for photo, photo_id in zip(new, saved.photo_ids, strict=True):
            self.lesions[lesion.id][1][photo.sha256] = photo_id
        self.learn_visits(lesion.id)

    @rule(lesion=lesion_ids, action=st.sampled_from(plans.ACTIONS), carry_out=st.booleans())
    def plan(self, lesion: Any, action: str, carry_out: bool) -> None:
        due = datetime.date(2025, 9, 1) if action == "monitor" else None
        values = {"actor": CLINIC, "lesion_id": lesion.id, "save_key": self.clinic.key()}
        try:
            for _ in range(2):  # a second click finds what the first has made
                fields = PlanFields(action, due)
                made = plans.make(self.clinic.database, **values, fields=fields)
        except NotFound:
            assert not self.alive(lesion.id)
            return
        self.plans.setdefault(lesion.id, []).append(made.id)
        if carry_out:
            day = self.clinic.database.today()
            plans.done(self.clinic.database, actor=CLINIC, plan_id=made.id, done_on=day)

    @rule(lesion=lesion_ids, code=st.sampled_from(CODES), stale=st.booleans())
    def confirm(self, lesion: Any, code: str, stale: bool) -> None:
        before = self.diagnoses.get(lesion.id, [])
        replaces = None if stale or not before else before[-1]
        values = {"actor": CLINIC, "lesion_id": lesion.id, "codes": CODES}
        reason = "The first was mistaken." if replaces else ""
        fields = ConfirmationFields(code, "histopathology", reason=reason)
        try:
            made = confirmations.confirm(
                self.clinic.database,
                **values,
                fields=fields,
                replaces_id=replaces,
                save_key=self.clinic.key(),
            )
        except NotFound:
            assert not self.alive(lesion.id)
            return
        except Conflict:
            assert stale and before
            return
        assert not (stale and before)
        self.diagnoses.setdefault(lesion.id, []).append(made.id)

    @rule(lesion=lesion_ids, points=st.sampled_from([(), ((0, 0), (60, 0), (30, 40))]))
    def outline(self, lesion: Any, points: Any) -> None:
        if not self.alive(lesion.id) or not (shown := self.shown(lesion.id)):
            return
        photo_id = next(iter(shown.values()))
        before = self.outlines.setdefault(photo_id, [])
        made = outlines.draw(
            self.clinic.database,
            actor=CLINIC,
            photo_id=photo_id,
            points=points,
            replaces_id=before[-1] if before else None,
            save_key=self.clinic.key(),
        )
        before.append(made.id)

    @rule(lesion=lesion_ids, ends=st.sampled_from([(), ((0, 0), (60, 0))]))
    def mark(self, lesion: Any, ends: Any) -> None:
        if not self.alive(lesion.id) or not (shown := self.shown(lesion.id)):
            return
        photo_id = next(iter(shown.values()))
        before = self.scales.setdefault(photo_id, [])
        made = scales.mark(
            self.clinic.database,
            actor=CLINIC,
            photo_id=photo_id,
            ends=ends,
            millimetres=10,
            replaces_id=before[-1] if before else None,
            save_key=self.clinic.key(),
        )
        before.append(made.id)

    @rule(patient_id=patient_ids, number=st.integers(0, 5), yes=st.booleans())
    def add_overview(self, patient_id: str, number: int, yes: bool) -> None:
        photo = picture(number)
        kept = self.overviews.get(patient_id, {})
        try:
            made = overviews.add(
                self.clinic.database,
                self.clinic.store,
                actor=CLINIC,
                patient_id=patient_id,
                photo=NewOverview(photo.data, photo.name, photo.media_type),
                although_known=yes,
                save_key=self.clinic.key(),
            )
        except NotFound:
            assert patient_id in self.hidden or patient_id not in self.patients
            return
        except KnownPhoto:
            assert not yes
            return
        if kept.get(photo.sha256) not in {None, made}:
            assert kept[photo.sha256] in self.hidden
        kept[photo.sha256] = made

    @rule(
        target=deletions,
        lesion=lesion_ids,
        what=st.sampled_from(["photo", "visit", "overview", "lesion", "patient"]),
    )
    def delete(self, lesion: Any, what: str) -> Any:
        if not self.alive(lesion.id):
            return multiple()
        patient_id = self.lesions[lesion.id][0]
        photos = list(self.shown(lesion.id).values())
        seen = [one for one in self.overviews[patient_id].values() if one not in self.hidden]
        visits = [self.visit_of[one] for one in photos]
        one = {
            "photo": photos[:1],
            "visit": visits[:1],
            "overview": seen[:1],
            "lesion": [lesion.id],
            "patient": [patient_id],
        }[what]
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
        self.learn_visits(other.id)

    @rule(hours=st.sampled_from([1, 13, 30]))
    def a_night(self, hours: int) -> None:
        self.clock.pass_by(hours=hours)
        removal.tidy(self.clinic.database, self.clinic.store)
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
        self.hidden -= set(self.overviews.pop(one, {}).values())
        for kept in self.overviews.values():
            for sha in [sha for sha, each in kept.items() if each == one]:
                del kept[sha]
        for lesion_id, (patient_id, photos) in list(self.lesions.items()):
            if one in {lesion_id, patient_id}:
                del self.lesions[lesion_id]
                self.hidden -= {lesion_id, *photos.values()}
            else:
                photos_left = {
                    sha: each
                    for sha, each in photos.items()
                    if one not in {each, self.visit_of.get(each)}
                }
                self.lesions[lesion_id] = patient_id, photos_left

    @invariant()
    def everything_is_where_it_should_be(self) -> None:
        for lesion_id in self.lesions:
            try:
                page = self.clinic.page(named(lesion_id))
            except RecordError:
                assert not self.alive(lesion_id)
                continue
            assert self.alive(lesion_id)
            assert page.patient.id == self.lesions[lesion_id][0]
            photos = {photo.sha256: photo.id for one in page.visits for photo in one.photos}
            assert photos == self.shown(lesion_id)
            by_hand = []
            for there, made in ((page.outlines, self.outlines), (page.scales, self.scales)):
                drawn = [one for photo_id in photos.values() for one in made.get(photo_id, [])]
                holds = [made[one][-1] for one in photos.values() if made.get(one)]
                kept = [one for one in there if one.photo_id in photos.values()]
                by_hand.append((kept, drawn, holds))
            decided = (
                (page.plans, self.plans.get(lesion_id, []), None),
                (page.confirmations, self.diagnoses.get(lesion_id, []), None),
                *by_hand,
            )
            for there, made, current in decided:
                assert {one.id for one in there} == set(made)
                now = {one.id for one in there if one.current}
                assert now == set(made[-1:] if current is None else current)
        for patient_id, clinic_id in self.patients.items():
            hits = search.patients(self.clinic.database, actor=CLINIC, text=clinic_id, limit=99)
            assert (patient_id in {hit.id for hit in hits}) == (patient_id not in self.hidden)
            if patient_id not in self.hidden:
                there = overviews.of_patient(
                    self.clinic.database, actor=CLINIC, patient_id=patient_id
                )
                kept = set(self.overviews[patient_id].values()) - self.hidden
                assert {one.id for one in there} == kept

    @invariant()
    def the_log_only_grows(self) -> None:
        now = chain.head(self.clinic.database, actor=OFFICE).seq
        assert now >= self.entries
        self.entries = now


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

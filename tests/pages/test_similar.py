"""Similar confirmed cases on a lesion's page: found, kept up to date, and gone with the patient."""

import datetime
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pages.components.comparison import comparing, indices, similar
from pages.components.comparison.similar import Found
from pages.components.examination.tray import Opened
from pages.components.frame import serving
from records import audit
from records.access.actors import ADMIN, CLINICIAN, Actor
from records.access.sessions import SignedIn
from records.clinic import confirmations, deletion, precedents
from records.clinic.confirmations import ConfirmationFields
from records.errors import NotAllowed
from records.keeping import erasure
from skinmodel import neighbours
from skinmodel.diagnoses import CODES
from skinmodel.neighbours import Case, Index
from tests.pages.test_examine import jpeg, press, says
from tests.pages.test_records import add_lesion, examined, kept, open_page, save

MARCH = datetime.date(2025, 3, 12)


def confirmed(person: SignedIn, clinic_id: str, seed: int, code: str, other: str = "") -> Opened:
    """A patient's lesion with a photo and a confirmed diagnosis."""
    opened = add_lesion(person, clinic_id)
    save(person, *examined(jpeg(seed, MARCH)), opened, f"a-save-key-{clinic_id}", known=True)
    confirmations.confirm(
        serving.database(),
        actor=person.actor,
        lesion_id=opened.lesion.id,
        fields=ConfirmationFields(code, "histopathology", MARCH, other),
        codes=CODES,
        save_key=f"a-confirmation-{clinic_id}",
    )
    return opened


def find(person: SignedIn, opened: Opened) -> Found:
    reader = comparing.reader(person.actor)
    page = kept(person, opened)
    return similar.search(serving.model(), page, reader, lambda *_: None)


def own(found: Found) -> list[str]:
    return [one.case.key for one in found.groups[0][1]]


def index_file() -> Path:
    (path,) = (serving.limits().data_dir / "cache").glob("cases-*.safetensors")
    return path


def test_the_clinics_confirmed_lesions_are_found_and_never_the_lesion_itself(
    person: SignedIn,
) -> None:
    twin = confirmed(person, "1", 1, "MEL")
    far = confirmed(person, "2", 7, "OTHER", "Spitz nevus")
    add_lesion(person, "3")  # not confirmed
    asked = confirmed(person, "4", 1, "NV")
    page = press(open_page("lesion", lesion=asked.lesion.id), "Find similar cases")
    text = says(page)
    assert "among 2 confirmed lesions" in text
    assert "Spitz nevus" in text and "Melanoma" in text and "Distance 0.00" in text
    assert "none of this is a probability" in text
    assert "Histopathology" in text and "4711" not in text
    assert own(find(person, asked)) == [twin.lesion.id, far.lesion.id]
    kinds = {
        entry.kind
        for entry in audit.history(serving.database(), actor=person.actor, object_ids=[""])
    }
    assert "cases indexed" in kinds


def test_the_index_is_made_once_and_follows_what_is_confirmed(
    person: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, asked = confirmed(person, "1", 1, "MEL"), confirmed(person, "2", 2, "NV")
    assert own(find(person, asked)) == [first.lesion.id]
    read = []
    original = precedents.read

    def counted(*values: object, **named: object) -> bytes:
        read.append(named["photo"])
        return original(*values, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(precedents, "read", counted)
    find(person, asked)
    assert read == []
    second = confirmed(person, "3", 3, "BCC")
    assert set(own(find(person, asked))) == {first.lesion.id, second.lesion.id}
    assert len(read) == 1
    save(person, *examined(jpeg(9, MARCH)), second, "another-save-key", known=True)
    find(person, asked)
    assert len(read) == 3  # both photos of the one that has changed


def test_deleted_and_erased_patients_vanish_at_once(person: SignedIn) -> None:
    gone, erased = confirmed(person, "1", 1, "MEL"), confirmed(person, "2", 2, "MEL")
    asked = confirmed(person, "3", 3, "NV")
    assert len(own(find(person, asked))) == 2
    database = serving.database()
    deletion.delete(database, actor=person.actor, kind="patient", object_id=gone.patient.id)
    assert own(find(person, asked)) == [erased.lesion.id]
    assert erased.lesion.id in index_file().read_text("latin-1")
    office = Actor(person.account.id, frozenset({ADMIN, CLINICIAN}))
    erasure.erase(
        database,
        serving.store(),
        actor=office,
        patient_id=erased.patient.id,
        caches=[serving.limits().data_dir / "cache"],
    )
    assert list((serving.limits().data_dir / "cache").iterdir()) == []
    assert own(find(person, asked)) == []


def test_other_data_are_searched_only_with_the_model_they_were_made_for(person: SignedIn) -> None:
    asked = confirmed(person, "1", 1, "NV")
    model = serving.model()
    pooled, _ = neighbours.photo_features(model, [serving.decoder().read(jpeg(1)).picture])
    row = neighbours.vector(model, pooled)[None]
    agreement = {"share": 0.8, "per_diagnosis": {"MEL": {"lesions": 9, "share": 0.45}}}
    made = Index("Archive", model.sha256, (Case("x", "BCC", "/gone.jpg"),), row, agreement)
    made.save(indices.folder() / "archive.safetensors")
    foreign = Index("Museum", "b" * 64, (Case("y", "SCC"),), np.ones((1, 3), np.float32))
    foreign.save(indices.folder() / "museum.safetensors")
    (indices.folder() / "broken.safetensors").write_bytes(b"nothing")
    page = press(open_page("lesion", lesion=asked.lesion.id), "Find similar cases")
    text = says(page).replace("\\", "")
    assert "Basal cell carcinoma" in text and "Its photo is not at hand." in text
    assert "80\u202f% share its diagnosis; of a melanoma, 45\u202f%" in text
    assert "The lesions of Museum were made ready for another model" in text
    assert "Squamous" not in text.split("Similar")[-1]
    assert "broken.safetensors is no index of lesions" in text


def test_a_strange_photo_has_no_similar_cases(
    person: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = confirmed(person, "1", 1, "NV")
    monkeypatch.setattr(neighbours, "is_strange", lambda *_: True)
    page = press(open_page("lesion", lesion=asked.lesion.id), "Find similar cases")
    assert similar.STRANGE in says(page).replace("\\", "")


def test_only_clinicians_read_cases(person: SignedIn) -> None:
    office = Actor("an-admin", frozenset({ADMIN}))
    one = confirmed(person, "1", 1, "NV")
    database = serving.database()
    found = precedents.get(database, actor=person.actor, lesion_ids=[one.lesion.id])
    photo = found[one.lesion.id].photos[0]
    for call in (
        lambda: precedents.known(database, actor=office),
        lambda: precedents.get(database, actor=office, lesion_ids=[one.lesion.id]),
        lambda: precedents.read(database, serving.store(), actor=office, photo=photo),
    ):
        with pytest.raises(NotAllowed):
            call()


def test_nothing_is_offered_without_photos(person: SignedIn) -> None:
    page: AppTest = open_page("lesion", lesion=add_lesion(person).lesion.id)
    assert "Similar confirmed cases" not in says(page)

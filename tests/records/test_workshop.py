"""Own models, case mix, runs, data sets: in every backup, back on a new machine, never astray."""

import gzip
import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from records.errors import DatabaseDamaged
from records.keeping import (
    arrival,
    backup,
    erasure,
    outcome,
    rehearsal,
    restore,
    verification,
    workshop,
)
from records.keeping.outcome import Restored
from records.keeping.place import open_place
from records.keeping.store import open_store
from records.keeping.workshop import Piece
from records.schema import open_database
from tests.records.clinic import OFFICE, Clinic, picture

PASSPHRASE = "correct horse battery"


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def model(folder: Path, version: str, weights: str = "weights") -> None:
    """Files of a model, as far as the records look into them."""
    card = {"weights_sha256": hashlib.sha256(weights.encode()).hexdigest()}
    write(folder, f"models/{version}/card.json", json.dumps(card))
    write(folder, f"models/{version}/weights.safetensors", weights)


def promote(folder: Path, version: str) -> None:
    card = (folder / f"models/{version}/card.json").read_bytes()
    state = {"version": version, "card_sha256": hashlib.sha256(card).hexdigest(), "before": []}
    write(folder, "models/active.json", json.dumps(state))


def furnish(folder: Path) -> set[str]:
    """A data folder of a clinic that trains; returns what belongs into a backup."""
    model(folder, "1.3.1")
    promote(folder, "1.3.1")
    kept = {
        "case_mix.json": "{}",
        "models/1.3.2/deleted.json": "{}",
        "runs/r1/history.jsonl": "{}\n",
        "runs/r1/log.txt": "learnt",
        "comparisons/c1/comparison.csv": "image\n",
        "runs/r1/fold-1/photos.csv": "image\n",
        "runs/r1/models/1.3.1/weights.safetensors": "weights",
        "datasets/d1/dataset.json": "{}",
        "datasets/d1/manifest.csv": "image\n",
    }
    left = (
        "runs/r1/last.safetensors",
        "runs/r1/study.db",
        "runs/r1/.tmpabc",
        "datasets/d1/photos/a.jpg",
        "datasets/d1/photos/a.json",
        "datasets/.deleted-d2/dataset.json",
        "models/.new-1.3.3/card.json",
        "inbox/photos.csv",
        "cache/x.json",
        "records.sqlite.x",
    )
    for name, text in kept.items():
        write(folder, name, text)
    for name in left:
        write(folder, name, "large")
    (folder / "models" / "1.3.1" / "link.json").symlink_to(folder / "inbox" / "photos.csv")
    own = {"card.json", "weights.safetensors"}
    return {*kept, "models/active.json", *(f"models/1.3.1/{name}" for name in own)}


def make(clinic: Clinic, folder: Path, passphrase: str = "") -> str:
    """A backup of the clinic with this data folder; its place."""
    to = str(folder.parent / "backups")
    backup.make(
        clinic.database, clinic.store, actor=OFFICE, to=to, passphrase=passphrase, folder=folder
    )
    return to


def bring(to: str, folder: Path, passphrase: str = "") -> Restored:
    """The backup brought back into a data folder, with a new database beside it."""
    return restore.restore(
        f"sqlite:///{folder.parent / f'{folder.name}.sqlite'}",
        open_store(str(folder.parent / f"{folder.name} photos")),
        actor=OFFICE,
        source=to,
        passphrase=passphrase,
        folder=folder,
    )


def there(folder: Path) -> dict[str, bytes]:
    """All files of a folder by their names."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
def test_a_new_machine_has_what_the_old_one_had(
    sqlite_clinic: Clinic, tmp_path: Path, passphrase: str
) -> None:
    wanted = furnish(tmp_path / "old")
    sqlite_clinic.save(sqlite_clinic.lesion(sqlite_clinic.patient("4711")), picture(1))
    to = make(sqlite_clinic, tmp_path / "old", passphrase)
    (done,) = backup.history(sqlite_clinic.database, actor=OFFICE)
    beside = "2 own models, 1 training run, 1 data set without photos, the case mix"
    assert done.sentence == f"1 patient, 1 file, {beside}."
    restored = bring(to, tmp_path / "new", passphrase)
    assert f"Restored as well: {beside}." in restored.sentence and not restored.kept_in
    old = there(tmp_path / "old")
    assert there(tmp_path / "new") == {name: old[name] for name in wanted}
    in_backup = b"".join(there(Path(to)).values())
    assert (b"learnt" in in_backup) is not passphrase
    assert (b"history.jsonl" in in_backup) is False  # the list is packed, or sealed
    looked = rehearsal.rehearse(
        sqlite_clinic.database, actor=OFFICE, source=to, passphrase=passphrase
    )
    assert looked.sentence == f"1 patient and 1 file can be restored. As well: {beside}."


def test_what_is_there_is_put_aside_or_stays(sqlite_clinic: Clinic, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    furnish(folder)
    (folder / "case_mix.json").unlink()
    to = make(sqlite_clinic, folder)
    write(folder, "case_mix.json", "since")
    model(folder, "1.3.1", "other weights")
    model(folder, "1.3.9")
    promote(folder, "1.3.9")
    write(folder, "runs/r1/log.txt", "went on")
    write(folder, "runs/r2/log.txt", "since")
    before = there(folder)
    done = bring(to, folder)
    after = there(folder)
    aside = {name: text for name, text in after.items() if name.startswith(done.kept_in)}
    assert {name.partition("/")[2]: text for name, text in aside.items()} == {
        name: before[name]
        for name in before
        if name in ("case_mix.json", "models/active.json") or name.startswith("models/1.3.1/")
    }
    assert "case_mix.json" not in after
    assert json.loads(after["models/active.json"])["version"] == "1.3.1"
    assert after["models/1.3.1/weights.safetensors"] == b"weights"
    for name in ("models/1.3.9/card.json", "runs/r1/log.txt", "runs/r2/log.txt"):
        assert after[name] == before[name]
    assert not (folder / arrival.STAGED).exists()
    assert not bring(to, folder).kept_in  # all is as in the backup already


def test_a_patient_erased_since_is_in_no_manifest_that_comes_back(
    sqlite_clinic: Clinic, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    lesion = sqlite_clinic.lesion(sqlite_clinic.patient("4711"))
    sqlite_clinic.save(lesion, picture(1))
    table = f"image,lesion\n{picture(1).sha256},{lesion.id}\nother,kept\n"
    names = ("runs/r1/manifest.csv", "runs/r1/models/1.3.1/comparison.csv")
    names += ("datasets/clinic/manifest.csv", "models/1.3.1/comparison.csv")
    for name in names:
        write(folder, name, table)
    to = make(sqlite_clinic, folder)
    patient_id = erasure.find(sqlite_clinic.database, actor=OFFICE, clinic_id="4711")
    erasure.erase(
        sqlite_clinic.database,
        sqlite_clinic.store,
        actor=OFFICE,
        patient_id=patient_id,
        folders=arrival.folders(folder),
    )
    open_store(to).write(f"erased/{patient_id}", b"")  # as the next backup would note it
    done = bring(to, tmp_path / "new")
    assert done.erased_again == 1
    for name in names:
        assert (tmp_path / "new" / name).read_text() == "image,lesion\nother,kept\n"


HOSTILE = (
    "../x.json",
    "/x.json",
    "models/../../x/y",
    "models/1.3.1/..",
    "models/1.3.1//card.json",
    "models\\1.3.1\\card.json",
    "models/c:/x",
    "runs/r1/../../../x.json",
    "runs/r1/run.sh",
    "datasets/d1/photos/a.json",
    ".hidden/a/b",
    "records.sqlite",
    "restore.json",
    "backups/backup.json",
    "",
)


@pytest.mark.parametrize("path", HOSTILE)
def test_nothing_of_a_backup_is_written_anywhere_else(
    sqlite_clinic: Clinic, tmp_path: Path, path: str
) -> None:
    folder = tmp_path / "data"
    furnish(folder)
    to = make(sqlite_clinic, folder)
    (file,) = (Path(to) / workshop.LISTS).iterdir()
    pieces = [asdict(Piece(path, hashlib.sha256(b"{}").hexdigest(), 2))]
    file.write_bytes(gzip.compress(json.dumps(pieces).encode()))
    before = there(tmp_path)
    with pytest.raises(DatabaseDamaged, match="backup is damaged"):
        bring(to, tmp_path / "new")
    assert there(tmp_path) == before


def test_an_older_backup_leaves_models_as_they_are(sqlite_clinic: Clinic, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    furnish(folder)
    to = make(sqlite_clinic, folder)
    (file,) = (Path(to) / workshop.LISTS).iterdir()
    file.unlink()
    before = there(folder)
    assert outcome.NOTHING_BESIDE in bring(to, folder).sentence
    assert there(folder) == before


def test_a_model_that_is_not_whole_in_the_backup_is_left_out_and_counted(
    sqlite_clinic: Clinic, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    furnish(folder)
    model(folder, "1.3.4", "these weights alone")
    to = make(sqlite_clinic, folder)
    place = open_place(to, "")
    lost = hashlib.sha256(b"these weights alone").hexdigest()
    (Path(to) / place.name(lost)).write_bytes(b"x")
    looked = rehearsal.rehearse(sqlite_clinic.database, actor=OFFICE, source=to)
    assert "Not whole in the backup: 1 file" in looked.sentence
    done = bring(to, tmp_path / "new")
    assert done.missing == 2  # its card as well
    assert not (tmp_path / "new/models/1.3.4").exists()
    assert (tmp_path / "new/models/1.3.1/card.json").exists()


def test_the_check_names_a_model_that_was_changed(sqlite_clinic: Clinic, tmp_path: Path) -> None:
    def problems() -> tuple[str, ...]:
        return verification.verify(
            sqlite_clinic.database, sqlite_clinic.store, actor=OFFICE, folder=tmp_path
        ).problems

    furnish(tmp_path)
    assert problems() == ()
    write(tmp_path, "models/1.3.1/weights.safetensors", "x")
    assert problems() == ("The weights of model 1.3.1 were changed.",)
    model(tmp_path, "1.3.1", "x")
    assert problems() == ("Model 1.3.1 was changed since it was promoted.",)
    write(tmp_path, "models/active.json", "{")
    (tmp_path / "models/1.3.1/weights.safetensors").unlink()
    assert problems() == ("Model 1.3.1 cannot be read.", "Which model is in use cannot be read.")


def test_a_restore_that_fails_changes_nothing(
    sqlite_clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    furnish(folder)
    to = make(sqlite_clinic, folder)
    write(folder, "case_mix.json", "since")
    before = there(folder)

    def fail(url: str) -> str:
        raise OSError("no")

    monkeypatch.setattr(restore.swap, "put_in_place", fail)
    with pytest.raises(OSError):
        bring(to, folder)
    assert there(folder) == before


_ = open_database

"""What is backed up comes back, on either kind of database, and what was erased does not."""

import io
import json
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin
from sqlalchemy import func, select, text

from records import audit, chain
from records.__main__ import main
from records.clinic import deletion, search
from records.database import Database, connect, file_of
from records.errors import Busy, DatabaseDamaged, NotAllowed, NotFound, RecordError
from records.keeping import backup, dossier, erasure, removal, restore, snapshot, swap, verification
from records.keeping.store import Store, open_store
from records.keeping.stripping import strip
from records.keeping.vault import SealBroken, Vault
from records.schema import open_database
from records.tables import PatientRow
from tests.records.clinic import CLINIC, OFFICE, Clinic, Clock, picture
from tests.records.conftest import empty

PASSPHRASE = "correct horse battery"


def everything(database: Database) -> dict[str, list[str]]:
    """All rows of a database as text, whichever kind it is, but for the log and its own notes."""
    with snapshot.still(database) as connection:
        found = {}
        for table in snapshot.reflect(connection):
            rows = connection.execute(select(table)).all()
            plain = [json.dumps([snapshot._plain(v) for v in row], sort_keys=True) for row in rows]
            found[table.name] = sorted(plain)
    return {name: rows for name, rows in found.items() if name not in {"audit", "backup"}}


def fill(clinic: Clinic) -> None:
    patient = clinic.patient("4711", name="Ana Lima")
    clinic.assess(clinic.lesion(patient), picture(1), picture(2), maps=b"heat")
    clinic.save(clinic.lesion(clinic.patient("4712", name="مريم")), picture(3), day=None)


def elsewhere(clinic: Clinic, request: pytest.FixtureRequest) -> str:
    """An empty database's URL of the other kind."""
    if clinic.database.is_sqlite:
        return str(request.getfixturevalue("server_url"))
    return f"sqlite:///{request.getfixturevalue('tmp_path') / 'new' / 'records.sqlite'}"


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
def test_a_backup_comes_back_on_the_other_kind_of_database(
    clinic: Clinic, tmp_path: Path, passphrase: str, request: pytest.FixtureRequest
) -> None:
    fill(clinic)
    to = str(tmp_path / "backups")
    made = backup.make(clinic.database, clinic.store, actor=OFFICE, to=to, passphrase=passphrase)
    assert made.ok and made.sentence == "2 patients, 4 files."
    url, files = elsewhere(clinic, request), open_store(str(tmp_path / "other photos"))
    restored = restore.restore(url, files, actor=OFFICE, source=to, passphrase=passphrase)
    assert restored.sentence == "2 patients and 4 files were restored."
    opened = open_database(url)
    try:
        assert everything(opened) == everything(clinic.database)
        assert verification.verify(opened, files, actor=OFFICE).problems == ()
        assert audit.entries(opened, actor=OFFICE, limit=1)[0].kind == "backup restored"
    finally:
        opened.close()
        if "postgresql" in url:
            empty(url)


def test_a_sealed_backup_shows_nothing_and_needs_its_passphrase(
    sqlite_clinic: Clinic, tmp_path: Path
) -> None:
    fill(sqlite_clinic)
    to = tmp_path / "backups"
    make = {"actor": OFFICE, "to": str(to), "passphrase": PASSPHRASE}
    backup.make(sqlite_clinic.database, sqlite_clinic.store, **make)
    written = [path for path in to.rglob("*") if path.is_file()]
    assert len(written) == 6
    everything_written = b"".join(path.read_bytes() for path in written)
    assert b"photo 1" not in everything_written
    assert not any(picture(1).sha256 in path.name for path in written)
    for wrong in ("another passphrase", ""):
        with pytest.raises(RecordError, match="passphrase"):
            restore.restore(
                f"sqlite:///{tmp_path / 'x.sqlite'}",
                sqlite_clinic.store,
                actor=OFFICE,
                source=str(to),
                passphrase=wrong,
            )
    assert not (tmp_path / "x.sqlite").exists()
    with pytest.raises(SealBroken):  # or two passphrases would share one place
        backup.make(
            sqlite_clinic.database,
            sqlite_clinic.store,
            **make | {"passphrase": "another passphrase"},
        )
    assert [one.ok for one in backup.history(sqlite_clinic.database, actor=OFFICE)].count(True) == 1


def test_a_seal_holds_against_every_change() -> None:
    vault, salt = Vault(PASSPHRASE), bytes(16)
    data = bytes(range(256)) * 9000  # three chunks
    sealed = vault.seal(data, salt=salt)
    assert vault.open(sealed) == data and vault.open(vault.seal(b"", salt=salt)) == b""
    chunk = (1 << 20) + 16
    head = len(sealed) - len(data) - 3 * 16
    swapped = (
        sealed[:head]
        + sealed[head + chunk : head + 2 * chunk]
        + sealed[head : head + chunk]
        + sealed[head + 2 * chunk :]
    )
    flipped = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for broken in (swapped, flipped, sealed[: head + 2 * chunk], sealed[:head], data):
        with pytest.raises(SealBroken):
            vault.open(broken)
    with pytest.raises(RecordError, match="at least 12"):
        Vault("short")


def test_a_second_backup_copies_only_what_is_new(sqlite_clinic: Clinic, tmp_path: Path) -> None:
    fill(sqlite_clinic)
    to = str(tmp_path / "backups")
    backup.make(sqlite_clinic.database, sqlite_clinic.store, actor=OFFICE, to=to)
    old = {path: path.stat().st_mtime_ns for path in (tmp_path / "backups" / "files").rglob("*/*")}
    sqlite_clinic.clock.pass_by(hours=1)
    sqlite_clinic.save(sqlite_clinic.lesion(sqlite_clinic.patient("9")), picture(9))
    backup.make(sqlite_clinic.database, sqlite_clinic.store, actor=OFFICE, to=to)
    new = {path: path.stat().st_mtime_ns for path in (tmp_path / "backups" / "files").rglob("*/*")}
    assert old.items() <= new.items() and len(new) == len(old) + 1
    assert len(restore.snapshots(to, actor=OFFICE)) == 2
    assert not backup.is_due(sqlite_clinic.database, hours=24)
    sqlite_clinic.clock.pass_by(hours=24)
    assert backup.is_due(sqlite_clinic.database, hours=24)


def test_a_backup_under_four_writers_is_consistent(url: str, tmp_path: Path) -> None:
    database, store = open_database(url), open_store(str(tmp_path / "photos"))
    clinic = Clinic(database, store, Clock())
    lesions = [clinic.lesion(clinic.patient(str(number))) for number in range(4)]
    stop, failed = threading.Event(), []

    def write(number: int) -> None:
        try:
            count = 0
            while not stop.is_set():
                clinic.assess(lesions[number], picture(number * 1000 + count), maps=b"%d" % count)
                count += 1
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            backup.make(database, store, actor=OFFICE, to=str(tmp_path / "backups"))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failed == []
    new = f"sqlite:///{tmp_path / 'new.sqlite'}"
    files = open_store(str(tmp_path / "new photos"))
    for name in restore.snapshots(str(tmp_path / "backups"), actor=OFFICE):
        done = restore.restore(
            new, files, actor=OFFICE, source=str(tmp_path / "backups"), name=name
        )
        assert done.missing == 0
        opened = open_database(new)
        assert verification.verify(opened, files, actor=OFFICE).problems == ()
        opened.close()
    database.close()


@pytest.mark.parametrize("harm", ["truncated", "flipped", "file gone", "file changed"])
def test_a_damaged_backup_leaves_the_database_as_it_was(
    sqlite_clinic: Clinic, sqlite_url: str, tmp_path: Path, harm: str
) -> None:
    fill(sqlite_clinic)
    to = tmp_path / "backups"
    backup.make(sqlite_clinic.database, sqlite_clinic.store, actor=OFFICE, to=str(to))
    before = everything(sqlite_clinic.database)
    (path,) = (to / "snapshots").iterdir()
    data = path.read_bytes()
    (file, *_) = (to / "files").rglob("*/*")
    if harm == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif harm == "flipped":
        path.write_bytes(data[:200] + bytes([data[200] ^ 8]) + data[201:])
    else:
        shutil.rmtree(sqlite_clinic.store.root)
        file.unlink() if harm == "file gone" else file.write_bytes(b"x")
        done = restore.restore(sqlite_url, sqlite_clinic.store, actor=OFFICE, source=str(to))
        assert done.missing == 1 and "1 files are not whole" in done.sentence
        opened = open_database(sqlite_url)
        found = verification.verify(opened, sqlite_clinic.store, actor=OFFICE)
        assert len(found.problems) == 1 and "is missing since" in found.problems[0]
        opened.close()
        return
    with pytest.raises(DatabaseDamaged, match="backup is damaged"):
        restore.restore(sqlite_url, sqlite_clinic.store, actor=OFFICE, source=str(to))
    assert everything(sqlite_clinic.database) == before


def test_a_lost_database_comes_back_and_the_old_one_is_put_aside(
    sqlite_clinic: Clinic, sqlite_url: str, tmp_path: Path
) -> None:
    fill(sqlite_clinic)
    to = str(tmp_path / "backups")
    backup.make(sqlite_clinic.database, sqlite_clinic.store, actor=OFFICE, to=to)
    before = everything(sqlite_clinic.database)
    sqlite_clinic.database.close()
    path = file_of(sqlite_url)
    assert path
    path.write_bytes(b"ruined")
    done = restore.restore(sqlite_url, sqlite_clinic.store, actor=OFFICE, source=to)
    assert done.put_aside and path.with_name(done.put_aside).read_bytes() == b"ruined"
    assert everything(sqlite_clinic.database) == before


def address(clinic: Clinic) -> str:
    """The URL of a clinic's database."""
    if clinic.database.is_sqlite:
        return f"sqlite:///{clinic.database.file}"
    return clinic.database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")


def test_what_is_there_is_put_aside_until_somebody_is_erased(
    clinic: Clinic, tmp_path: Path
) -> None:
    fill(clinic)
    to = str(tmp_path / "backups")
    backup.make(clinic.database, clinic.store, actor=OFFICE, to=to)
    before = everything(clinic.database)
    later = clinic.patient("4713")
    head = chain.head(clinic.database, actor=OFFICE)
    done = restore.restore(address(clinic), clinic.store, actor=OFFICE, source=to)
    assert done.put_aside and everything(clinic.database) == before
    verdict = chain.verify(clinic.database, actor=OFFICE, copied=head)
    assert not verdict.sound and "A backup was restored" in verdict.sentence
    (entry,) = audit.entries(clinic.database, actor=OFFICE, kind=audit.RESTORED)
    assert entry.detail["log before"] == f"{head.seq}:{head.hash}"
    assert aside(clinic, done.put_aside) == [later.id]
    clinic.save(clinic.lesion(clinic.patient("4714")), picture(4))  # it goes on from there
    (gone, *_) = search.patients(clinic.database, actor=CLINIC, text="4714")
    erase(clinic, gone.id)
    assert aside(clinic, done.put_aside) is None


def aside(clinic: Clinic, name: str) -> list[str] | None:
    """The ids of the patients with the id 4713 in a database that was put aside, if it is there."""
    wanted = "SELECT id FROM {}patient WHERE clinic_id = '4713'"
    if path := clinic.database.file:
        path = path.with_name(name)
        if not path.exists():
            return None
        with closing(sqlite3.connect(path)) as raw:
            return [row[0] for row in raw.execute(wanted.format(""))]
    with clinic.database.engine.connect() as connection:
        if not connection.scalar(text("SELECT to_regnamespace(:name)"), {"name": name}):
            return None
        return list(connection.scalars(text(wanted.format(f'"{name}".'))))


def test_nothing_is_restored_while_somebody_keeps_writing(
    sqlite_clinic: Clinic, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "PATIENCE", 0.1)
    fill(sqlite_clinic)
    to = str(tmp_path / "backups")
    backup.make(sqlite_clinic.database, sqlite_clinic.store, actor=OFFICE, to=to)
    with sqlite_clinic.database.write() as session:
        session.execute(text("SELECT 1"))  # which begins the transaction
        with pytest.raises(RecordError, match="Another program is using the database"):
            restore.restore(sqlite_url, sqlite_clinic.store, actor=OFFICE, source=to)
    path = file_of(sqlite_url)
    assert path and not list(path.parent.glob("*replaced*")) + list(path.parent.glob("*restoring*"))


def test_who_waited_to_write_while_a_backup_was_restored_is_told_to_try_again(
    sqlite_clinic: Clinic, sqlite_url: str, tmp_path: Path
) -> None:
    to = str(tmp_path / "backups")
    backup.make(sqlite_clinic.database, sqlite_clinic.store, actor=OFFICE, to=to)
    path = file_of(sqlite_url)
    assert path
    refused: list[RecordError] = []

    def add() -> None:
        try:
            sqlite_clinic.patient("late")
        except RecordError as error:
            refused.append(error)

    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        waiting = threading.Thread(target=add)
        waiting.start()
        time.sleep(0.3)
        os.replace(shutil.copy(path, tmp_path / "copy.sqlite"), path)
    waiting.join()
    assert isinstance(refused[0], Busy)
    sqlite_clinic.patient("late")


def erase(clinic: Clinic, patient_id: str, **rest: list[Path]) -> erasure.Erased:
    return erasure.erase(clinic.database, clinic.store, actor=OFFICE, patient_id=patient_id, **rest)


def test_an_erased_patient_is_gone_everywhere(clinic: Clinic, tmp_path: Path) -> None:
    patient = clinic.patient("GONE-1", name="Zyxwvut Lima")
    lesion = clinic.lesion(patient, history="Zyxwvut's history")
    clinic.assess(lesion, picture(1), picture(2))
    clinic.save(clinic.lesion(clinic.patient("2")), picture(2), although_known=True)
    runs, cache = tmp_path / "runs", tmp_path / "cache"
    (runs / "run 7").mkdir(parents=True)
    cache.mkdir()
    (cache / "photos.rgb").write_bytes(b"pixels")
    (runs / f"{picture(1).sha256}.jpg").write_bytes(b"a copy")
    table = f"image,lesion\nx,{lesion.id}\ny,other\n"
    (runs / "run 7" / "manifest.csv").write_text(table)
    with pytest.raises(NotAllowed):
        erasure.erase(clinic.database, clinic.store, actor=CLINIC, patient_id=patient.id)
    # A deleted patient is found as well.
    deletion.delete(clinic.database, actor=CLINIC, kind="patient", object_id=patient.id)
    done = erase(clinic, patient.id, folders=[runs], caches=[cache])
    assert (done.files, done.kept, done.models, done.left) == (2, 1, ("run 7",), ())
    assert done.manifests == ("run 7/manifest.csv",)
    assert (runs / "run 7" / "manifest.csv").read_text() == "image,lesion\ny,other\n"
    assert [path.name for path in runs.iterdir()] == ["run 7"] and not list(cache.iterdir())
    assert sorted(clinic.store.names()) == [picture(2).sha256]
    assert "Zyx" not in json.dumps(everything(clinic.database))
    assert deletion.undoable(clinic.database, actor=CLINIC) == []
    if clinic.database.file:
        assert b"Zyxwvut" not in clinic.database.file.read_bytes()
        assert b"zyxwvut" not in clinic.database.file.read_bytes()
    with pytest.raises(NotFound):
        erase(clinic, patient.id)
    kinds = [one.kind for one in audit.entries(clinic.database, actor=OFFICE)]
    assert "patient erased" in kinds
    assert verification.verify(clinic.database, clinic.store, actor=OFFICE).sound


@pytest.mark.parametrize("lost", [False, True])
def test_a_restore_erases_again(
    sqlite_clinic: Clinic, sqlite_url: str, tmp_path: Path, lost: bool
) -> None:
    clinic = sqlite_clinic
    fill(clinic)
    to = str(tmp_path / "backups")
    backup.make(clinic.database, clinic.store, actor=OFFICE, to=to)
    patient_id = dossier.find(clinic.database, actor=CLINIC, clinic_id="4711")
    erase(clinic, patient_id)
    clinic.database.close()
    path = file_of(sqlite_url)
    assert path
    if lost:  # the erased are then known from beside the photos
        path.unlink()
    done = restore.restore(sqlite_url, clinic.store, actor=OFFICE, source=to)
    assert (done.patients, done.files, done.erased_again) == (1, 1, 1)
    with clinic.database.read() as session:
        assert session.scalar(select(func.count()).select_from(PatientRow)) == 1
    assert list(clinic.store.names()) == [picture(3).sha256]


def test_tidying_leaves_a_running_backup_its_files(sqlite_clinic: Clinic) -> None:
    clinic, seen = sqlite_clinic, []
    fill(clinic)
    patient_id = dossier.find(clinic.database, actor=CLINIC, clinic_id="4711")
    deletion.delete(clinic.database, actor=CLINIC, kind="patient", object_id=patient_id)
    clinic.clock.pass_by(hours=30)

    def tidy(done: float, text: str) -> None:
        if text.startswith("File 2"):
            seen.append(removal.tidy(clinic.database, clinic.store))

    to = str(Path(clinic.store.root).parent / "backups")
    made = backup.make(clinic.database, clinic.store, actor=OFFICE, to=to, progress=tidy)
    assert seen == [0] and "missing" not in made.sentence
    assert removal.tidy(clinic.database, clinic.store) == 3


def jpeg() -> bytes:
    file, image = io.BytesIO(), Image.effect_noise((64, 48), 60).convert("RGB")
    details = image.getexif()
    details[0x0112], details[0x010F] = 6, "Camera of Ana"
    image.save(file, "JPEG", comment=b"Ana", progressive=True, exif=details)
    return file.getvalue()


def test_stripping_keeps_the_picture_and_nothing_beside_it() -> None:
    png, text = io.BytesIO(), PngImagePlugin.PngInfo()
    text.add_text("Comment", "Ana")
    image = Image.effect_noise((64, 48), 60).convert("RGB")
    image.save(png, "PNG", pnginfo=text)
    webp = io.BytesIO()
    image.save(webp, "WEBP", exif=Image.open(io.BytesIO(jpeg())).getexif(), lossless=True)
    for data in (jpeg(), png.getvalue(), webp.getvalue()):
        for orientation in (1, 6):
            bare = strip(data, orientation=orientation)
            assert bare and b"Ana" in data and b"Ana" not in bare
            with Image.open(io.BytesIO(bare)) as after, Image.open(io.BytesIO(data)) as before:
                assert after.tobytes() == before.tobytes()
                assert after.getexif().get(0x0112, 1) == orientation
    for other in (b"", b"DICM", jpeg()[:300], png.getvalue()[:60]):
        assert strip(other, orientation=1) is None


def test_everything_of_a_patient_is_exported(clinic: Clinic, tmp_path: Path) -> None:
    patient = clinic.patient(name="Ana Lima")
    lesion = clinic.lesion(patient)
    photo = replace(picture(1), data=jpeg(), name="Ana Lima.jpg", orientation=6)
    strange = replace(picture(2), media_type="application/dicom")
    ids = clinic.assess(lesion, photo, strange).photo_ids
    export = {"actor": CLINIC, "patient_id": patient.id}
    to = tmp_path / "out" / "4711"
    problems = dossier.export(clinic.database, clinic.store, to=to, **export)
    assert problems == [f"photos/{ids[1]}: its details could not be removed; export the originals."]
    names = sorted(path.relative_to(to).parts[0] for path in to.rglob("*") if path.is_file())
    assert names == ["heat_maps", "patient.json", "photos"]
    assert b"Ana" not in (to / "photos" / f"{ids[0]}.jpg").read_bytes()
    values = json.loads((to / "patient.json").read_text(encoding="utf-8"))
    assert values["patient"]["fields"]["name"] == "Ana Lima"
    assert values["lesions"][0]["assessments"][0]["result"]["model_version"] == "1.0"
    with pytest.raises(RecordError, match="there already"):
        dossier.export(clinic.database, clinic.store, to=to, **export)
    other = tmp_path / "originals"
    assert dossier.export(clinic.database, clinic.store, to=other, originals=True, **export) == []
    assert (other / "photos" / f"{ids[0]}.jpg").read_bytes() == photo.data


@pytest.fixture
def console(
    sqlite_clinic: Clinic, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Clinic]:
    """A clinic with two patients, to which the command line is pointed."""
    fill(sqlite_clinic)
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SKIN_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("SKIN_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("SKIN_PHOTOS_URL", sqlite_clinic.store.root)
    monkeypatch.delenv("SKIN_BACKUPS_URL", raising=False)
    monkeypatch.delenv("SKIN_BACKUP_PASSPHRASE", raising=False)
    yield sqlite_clinic


def test_the_command_line_tells_the_whole_story(
    console: Clinic, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> tuple[int, str]:
        code = main(words)
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    assert run("backup")[1].startswith("2 patients, 4 files.\nIt is not encrypted.")
    code, text = run("verify")
    head = text.split()[-1]
    assert code == 0 and "Everything is whole: 4 files checked, 0 not in use." in text
    assert run("export", "4711", str(tmp_path / "out"))[0] == 1  # drawn files are no pictures
    assert run("export", "4711", str(tmp_path / "out2"), "--originals")[0] == 0
    assert (tmp_path / "out2" / "patient.json").is_file()
    assert run("erase", "4711", "--yes")[1].startswith("The patient was erased with 3 files.")
    assert run("erase", "4711", "--yes") == (1, f"{NotFound.sentence}\n")
    console.database.close()
    backups = str(tmp_path / "data" / "backups")
    code, text = run("restore", backups)
    assert code == 0 and "1 patients erased since were erased again" in text
    code, text = run("verify", "--head", head)
    assert code == 1 and "lost entries" in text  # what was done since the backup is not in its log
    assert len(run("restore", backups, "--list")[1].split()) == 1
    assert run("restore", str(tmp_path / "nothing")) == (
        1,
        "There is no backup at this place.\n",
    )


def test_a_store_may_be_anywhere(sqlite_url: str) -> None:
    store = open_store(f"memory://{Path(file_of(sqlite_url) or '').parent.name}-photos")
    clinic = Clinic(open_database(sqlite_url), store, Clock())
    fill(clinic)
    assert verification.verify(clinic.database, store, actor=OFFICE).sound
    assert len(list(store.names())) == 4
    clinic.database.close()
    connect(sqlite_url).close()


def test_files_are_only_read_under_their_hash(store: Store) -> None:
    for name in ("../../etc/passwd", "A" * 64, ""):
        with pytest.raises(ValueError, match="SHA-256"):
            store.get(name)

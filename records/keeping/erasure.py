"""Erases a patient for good: rows, originals, heat maps, caches, manifests. Admins only.

What stays is that somebody was erased: a random id in the audit log, in the database and beside
the photos, by which a restored backup erases again.
"""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from records import audit
from records.access.actors import ADMIN, Actor
from records.clinic import patients
from records.database import Database
from records.errors import NotFound
from records.keeping import removal, swap
from records.keeping.place import ERASED
from records.keeping.store import Store, sync_folder
from records.tables import (
    AssessmentRow,
    DeletionRow,
    ErasureRow,
    LesionRow,
    OverviewRow,
    PatientRow,
    PhotoRow,
    VisitRow,
)
from records.wording import count

MANIFESTS = (".csv", ".tsv")
DERIVED = ("report.json",)  # beside a manifest, made from it
DATA_SET = "dataset.json"
MODEL_FILES = ("card.json", "manifest.csv")


@dataclass(frozen=True)
class Erased:
    """What was removed; `models` are runs and models that were trained on the patient's photos.

    `kept` are files that another record has as well and that therefore stay, `left` files that
    should have gone but could not be removed.
    """

    files: int
    kept: int
    manifests: tuple[str, ...]
    models: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """All of it, in words."""
        text = f"The patient was erased with {count(self.files, 'file')}."
        if self.kept:
            text += f" {self.kept} files stay, because another record has them as well."
        if self.manifests:
            text += f" Rows were removed from {len(self.manifests)} manifests."
        if self.models:
            text += f" Models trained on the patient: {', '.join(self.models)}."
        if self.left:
            text += f" Not removed, do it by hand: {', '.join(self.left)}."
        return text + " Backups made before still hold the patient; a restore erases again."


def erase(
    database: Database,
    store: Store,
    *,
    actor: Actor,
    patient_id: str,
    folders: Sequence[Path] = (),
    caches: Sequence[Path] = (),
) -> Erased:
    """Erases a patient, deleted or not; NotFound if there is none.

    `folders` hold runs, data sets and models: copies named by a photo's SHA-256 go, and rows of
    manifests that name the patient, a lesion or a photo. `caches` are emptied: they mix everybody's
    photos and are made again when needed.
    """
    actor.require(ADMIN)
    with database.write() as session:
        if session.get(PatientRow, patient_id) is None:
            raise NotFound
        ids, files = belongings(session, patient_id)
        removal.purge(session, "patient", patient_id)
        session.execute(delete(DeletionRow).where(DeletionRow.object_id.in_(ids)))
        session.add(ErasureRow(patient_id=patient_id, at=database.now()))
        audit.did(
            database,
            session,
            actor=actor,
            kind="patient erased",
            object_id=patient_id,
            detail={"files": len(files)},
        )
    store.write(f"{ERASED}/{patient_id}", b"")
    removed = removal.remove_unused(database, store, among=files)
    _forget_pages(database)
    models = {name for folder in folders for name in _models(folder, ids | files)}
    left: list[str] = []
    manifests = clean(folders, ids, files, left)
    for cache in caches:
        for path in sorted(cache.rglob("*"), reverse=True):
            _remove(path, left)
    return Erased(removed, len(files) - removed, manifests, tuple(sorted(models)), tuple(left))


def find(database: Database, *, actor: Actor, clinic_id: str) -> str:
    """The random id of the patient with this clinic's id, deleted or not; NotFound.

    Tells no more than that there is one.
    """
    actor.require(ADMIN)
    with database.read() as session:
        found = patients.find(session, clinic_id)
    if found is None:
        raise NotFound
    return found


def belongings(session: Session, patient_id: str) -> tuple[set[str], set[str]]:
    """The ids of everything of a patient, and the SHA-256 of its files."""
    ids, files = {patient_id}, set()
    lesions = set(session.scalars(select(LesionRow.id).where(LesionRow.patient_id == patient_id)))
    ids |= lesions
    for row in session.execute(
        select(PhotoRow.id, PhotoRow.sha256).where(PhotoRow.lesion_id.in_(lesions))
    ):
        ids.add(row.id)
        files.add(row.sha256)
    for row in session.execute(
        select(OverviewRow.id, OverviewRow.sha256).where(OverviewRow.patient_id == patient_id)
    ):
        ids.add(row.id)
        files.add(row.sha256)
    for assessment_id, maps in session.execute(
        select(AssessmentRow.id, AssessmentRow.maps_sha256).where(
            AssessmentRow.lesion_id.in_(lesions)
        )
    ):
        ids.add(assessment_id)
        files |= {maps} - {None}
    ids |= set(session.scalars(select(VisitRow.id).where(VisitRow.lesion_id.in_(lesions))))
    return ids, files


def clean(
    folders: Iterable[Path], ids: set[str], files: set[str], left: list[str]
) -> tuple[str, ...]:
    """Removes what names these ids or files (by SHA-256) from runs, data sets and models.

    Returns the tables that lost rows; what could not be cleaned is added to `left`.
    """
    return tuple(name for one in folders for name in _clean(one, ids | files, files, left))


def _forget_pages(database: Database) -> None:
    """Rewrites an SQLite file without its free pages, and drops copies made before migrations."""
    swap.forget(database)
    path = database.file
    if path is None:
        return
    raw = database.engine.raw_connection()
    try:
        raw.cursor().execute("VACUUM")
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        raw.close()
    for kind in ("before-", "replaced-", "snapshot-"):
        for copy in path.parent.glob(f"{path.name}.{kind}*"):
            copy.unlink()


def _models(folder: Path, tokens: set[str]) -> Iterable[str]:
    """The runs and models of a folder whose card or manifest names the patient; no data sets."""
    for name in MODEL_FILES:
        for path in folder.rglob(name):
            if path.with_name(DATA_SET).exists():
                continue
            text = path.read_text(encoding="utf-8", errors="replace")
            if any(token in text for token in tokens):
                yield path.parent.name


def _clean(folder: Path, tokens: set[str], files: set[str], left: list[str]) -> Iterable[str]:
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        if path.name.partition(".")[0] in files:
            _remove(path, left)
        elif path.suffix in MANIFESTS:
            try:
                if _clean_table(path, tokens):
                    for name in DERIVED:  # counts and pairs of photos that are no longer right
                        path.with_name(name).unlink(missing_ok=True)
                    yield path.relative_to(folder).as_posix()
            except (OSError, UnicodeDecodeError, csv.Error):
                left.append(path.name)


def _remove(path: Path, left: list[str]) -> None:
    try:
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    except OSError:  # in use, on Windows, or not ours
        left.append(path.name)


def _clean_table(path: Path, tokens: set[str]) -> bool:
    """Removes the rows that name the patient; whether there were any."""
    with path.open(newline="", encoding="utf-8") as file:
        text = file.read()
    if not any(token in text for token in tokens):
        return False
    delimiter = "\t" if path.suffix == ".tsv" else ","
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    kept = [row for row in rows if not any(token in cell for cell in row for token in tokens)]
    part = path.with_name(f"{path.name}.part")
    with part.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(kept)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    sync_folder(path.parent)
    return True

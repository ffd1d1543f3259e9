"""The clinic's own confirmed lesions as a data set: made anew when somebody asks or a run starts.

Files are named by the SHA-256 of their originals, lesions and patients by the records' ids: an
erasure finds them by these. Days are counted from a lesion's first: no date leaves the records.
"""

import datetime
import io
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import pandas as pd

from skinmodel.diagnoses import CODES as CODES
from skinmodel.diagnoses import MALIGNANT
from skinmodel.images import InvalidImage, read_photo
from skinmodel.reading.dicom import is_dicom
from training.data.csvfile import counted
from training.data.datasets import DataSet
from training.data.gathering import room
from training.data.intake import MAKING, Request, begin
from training.data.manifest import COLUMNS, InvalidData, Manifest
from training.disk import write_atomically

ID = "clinic"
MALIGNANT_CODES = tuple(CODES[index] for index in MALIGNANT)
NAME = "This clinic's confirmed lesions"
LICENCE = "This clinic's own"
PHOTOS, CASES, NOTES = "photos", "cases.csv", "notes.json"
SUFFIXES = ((b"\xff\xd8", ".jpg"), (b"\x89PNG", ".png"), (b"RIFF", ".webp"))


class Case(Protocol):
    """A photo as the records give it."""

    @property
    def id(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def lesion_id(self) -> str: ...
    @property
    def patient_id(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def day(self) -> datetime.date | None: ...
    @property
    def site(self) -> str: ...
    @property
    def sex(self) -> str: ...
    @property
    def age(self) -> int | None: ...


OneCase = TypeVar("OneCase", bound=Case)


def prepare(
    datasets: Path,
    cases: Sequence[OneCase],
    read: Callable[[OneCase], bytes | None],
    *,
    notes: Sequence[str] = (),
    by: str = "",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """An intake of these photos, to be started or worked on; Refused if one is under way.

    `by` is whoever asks, as the records name them.

    `read` gives a file's bytes without what the camera wrote, or None. Photos that the data set
    has already are not read again. InvalidData if there is nothing to learn from.
    """
    if not cases:
        raise InvalidData(["No lesion with photos has a confirmed diagnosis that counts yet."])
    folder = begin(datasets, Request("clinic", NAME, licence=LICENCE, id=ID, by=by))
    try:
        _prepare(datasets, folder / MAKING, cases, read, list(notes), progress)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _prepare(
    datasets: Path,
    making: Path,
    cases: Sequence[OneCase],
    read: Callable[[OneCase], bytes | None],
    notes: list[str],
    progress: Callable[[int, int], None],
) -> None:
    (making / PHOTOS).mkdir(parents=True)
    room(making, 0)
    before = {one.stem: one for one in (datasets / ID / PHOTOS).glob("*")}
    first: dict[str, datetime.date] = {}
    for case in cases:
        if case.day:
            first[case.lesion_id] = min(case.day, first.get(case.lesion_id, case.day))
    rows, missing = [], 0
    for done, case in enumerate(cases, start=1):
        path = _keep(making / PHOTOS, case, before.get(case.sha256), read)
        progress(done, len(cases))
        if path is None:
            missing += 1
            continue
        rows.append({
            "image": case.id, "path": f"{PHOTOS}/{path.name}", "diagnosis": case.code,
            "lesion": case.lesion_id, "patient": case.patient_id,
            "day": str((case.day - first[case.lesion_id]).days) if case.day else "",
            "site": case.site, "age": "" if case.age is None else str(case.age), "sex": case.sex,
        })  # fmt: skip
    if missing:
        what = counted(missing, "photo")
        notes.append(f"Left out, for they are missing or damaged in the records: {what}.")
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(making / CASES, index=False)
    write_atomically(making / NOTES, json.dumps(notes))


def _keep(
    folder: Path,
    case: OneCase,
    before: Path | None,
    read: Callable[[OneCase], bytes | None],
) -> Path | None:
    """The photo's file in the data set, linked from the one before where it is there already."""
    if before is not None:
        path = folder / before.name
        try:
            os.link(before, path)
        except FileExistsError:
            return path
        except OSError:
            shutil.copyfile(before, path)
        return path
    data = read(case)
    if data is None:
        return None
    if is_dicom(data):  # names the patient inside: only its picture is taken
        try:
            picture = read_photo(data).picture
        except InvalidImage:
            return None
        file = io.BytesIO()
        picture.save(file, "PNG")
        data = file.getvalue()
    suffix = next((suffix for magic, suffix in SUFFIXES if data.startswith(magic)), ".jpg")
    path = folder / f"{case.sha256}{suffix}"
    path.write_bytes(data)
    return path


def read_cases(making: Path, left_out: Sequence[str]) -> Manifest:
    """The table of prepared photos; paths absolute."""
    table = pd.read_csv(making / CASES, dtype=str, keep_default_na=False)
    table = table[~table["image"].isin(list(left_out))].reset_index(drop=True)
    if not len(table):
        raise InvalidData(["None of the photos can be used."])
    root = making.resolve()
    notes = json.loads((making / NOTES).read_text())
    if left_out:
        notes.append(f"Left out, for they cannot be used: {counted(len(left_out), 'photo')}.")
    return Manifest(table.assign(path=[str(root / one) for one in table["path"]]), tuple(notes))


def current(datasets: Path) -> DataSet | None:
    """The data set as it was made last; None before the first time."""
    return DataSet.read(datasets / ID) if (datasets / ID).is_dir() else None

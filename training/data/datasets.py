"""Data sets that were brought in: what there are, and several of them as one table.

A data set is a folder: `dataset.json` says what it is, `manifest.csv` lists its photos (columns of
training.data.manifest, `path` relative to the folder or absolute), `fingerprints.csv` each photo's
SHA-256. A folder whose name begins with a dot is none: it is still being made, or was deleted.
"""

import csv
import datetime
import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self, get_args

import pandas as pd

from training.data.csvfile import some
from training.data.manifest import COLUMNS, InvalidData, Manifest, conflicts
from training.disk import write_atomically

Kind = Literal["isic", "folder", "zip", "clinic"]
DELETED, NEW = ".deleted-", ".new-"
KEPT = 86400.0  # seconds that a deleted data set can be brought back
ABOUT, MANIFEST, FINGERPRINTS = "dataset.json", "manifest.csv", "fingerprints.csv"


@dataclass(frozen=True)
class DataSet:
    """One data set; `diagnoses` counts its photos by code, `licence` says what it may be used for.

    `fault` is a sentence where its description cannot be read, and then there is nothing else.
    """

    folder: Path
    id: str
    name: str
    kind: Kind
    created_on: datetime.date
    licence: str = ""
    photos: int = 0
    lesions: int = 0
    diagnoses: Mapping[str, int] | None = None
    fault: str = ""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The data set in a folder; what is wrong with its description is its `fault`."""
        try:
            values = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            if values["kind"] not in get_args(Kind):
                raise ValueError(values["kind"])
            counts = values["counts"]
            if (folder / MANIFEST).stat().st_mtime_ns > (folder / ABOUT).stat().st_mtime_ns:
                counts = asdict(_counts(_read(folder / MANIFEST, COLUMNS)))  # photos were erased
            return cls(
                folder=folder,
                id=folder.name,
                name=str(values["name"]),
                kind=values["kind"],
                created_on=datetime.date.fromisoformat(values["created_on"]),
                licence=str(values["licence"]),
                **counts,
            )
        except (OSError, ValueError, KeyError, TypeError):
            fault = f"{ABOUT} in {folder.name} cannot be read."
            return cls(folder, folder.name, folder.name, "folder", datetime.date.min, fault=fault)

    @property
    def absent(self) -> bool:
        """Whether the photos are not there, as after a restore elsewhere; judged by the first."""
        if self.fault:
            return False
        with (self.folder / MANIFEST).open(encoding="utf-8", newline="") as file:
            first = next(csv.DictReader(file), None)
        return first is not None and not (self.folder / first["path"]).exists()

    def table(self) -> pd.DataFrame:
        """The photos, one row each; paths absolute. InvalidData if they cannot be read."""
        if self.fault:
            raise InvalidData([self.fault])
        table = _read(self.folder / MANIFEST, COLUMNS)
        return table.assign(path=[str(self.folder / path) for path in table["path"]])

    def fingerprints(self) -> pd.DataFrame:
        """Columns image and sha256, and others; no rows where nobody has taken any."""
        if not (self.folder / FINGERPRINTS).exists():
            return pd.DataFrame(columns=["image", "sha256", "look"])
        return _read(self.folder / FINGERPRINTS, ("image", "sha256"))


def data_sets(folder: Path) -> tuple[DataSet, ...]:
    """All data sets in a folder, oldest first; also those that cannot be used, with their fault."""
    if not folder.is_dir():
        return ()
    found = [
        DataSet.read(one)
        for one in folder.iterdir()
        if one.is_dir() and not one.name.startswith(".")
    ]
    return tuple(sorted(found, key=lambda one: (one.created_on, one.name, one.id)))


def write_data_set(
    folder: Path,
    table: pd.DataFrame,
    *,
    id: str = "",
    name: str,
    kind: Kind,
    created_on: datetime.date,
    licence: str = "",
) -> DataSet:
    """Describes the photos in a folder; the description is written last.

    `id` is the name that the folder will get, where that is another one.
    """
    write_atomically(folder / MANIFEST, table[list(COLUMNS)].to_csv(index=False))
    about = {
        "id": id or folder.name,
        "name": name,
        "kind": kind,
        "created_on": created_on.isoformat(),
        "licence": licence,
        "counts": asdict(_counts(table)),
    }
    write_atomically(folder / ABOUT, json.dumps(about, indent=1, ensure_ascii=False))
    return DataSet.read(folder)


def delete(data: DataSet) -> None:
    """Takes a data set away; `bring_back` undoes it until `purge` removes it for good."""
    target = data.folder.with_name(f"{DELETED}{data.folder.name}")
    shutil.rmtree(target, ignore_errors=True)
    os.replace(data.folder, target)
    os.utime(target)  # the day begins now


def deleted(folder: Path) -> tuple[DataSet, ...]:
    """What was deleted and can be brought back; the ids begin with DELETED."""
    return tuple(
        DataSet.read(one)
        for one in sorted(folder.glob(f"{DELETED}*"))
        if not _original(one).exists()  # the clinic's own may have been made anew
    )


def bring_back(data: DataSet) -> None:
    """Undoes a deletion."""
    os.replace(data.folder, _original(data.folder))


def _original(folder: Path) -> Path:
    return folder.with_name(folder.name.removeprefix(DELETED))


def purge(folder: Path, *, after: float = KEPT) -> None:
    """Removes for good what was deleted, or half asked for, more than so many seconds ago."""
    for one in (*folder.glob(f"{DELETED}*"), *folder.glob(f"{NEW}*")):
        if time.time() - one.stat().st_mtime >= after:
            shutil.rmtree(one, ignore_errors=True)


@dataclass(frozen=True)
class _Counts:
    photos: int
    lesions: int
    diagnoses: dict[str, int]


def _counts(table: pd.DataFrame) -> _Counts:
    per_diagnosis = {str(code): int(n) for code, n in table["diagnosis"].value_counts().items()}
    return _Counts(len(table), int(table["lesion"].nunique()), per_diagnosis)


def combined(sets: Sequence[DataSet]) -> Manifest:
    """Several data sets as one; InvalidData lists every photo or lesion that stands in the way.

    A photo or lesion may be in one of them only, a lesion has one diagnosis, and either one patient
    or none: what stands on two sides of the split would make a test worthless.
    """
    if not sets:
        raise InvalidData(["Choose at least one data set."])
    names = [one.name for one in sets]
    tables = [one.table().assign(_set=place) for place, one in enumerate(sets)]
    table = pd.concat(tables, ignore_index=True)
    if not len(table):
        raise InvalidData(["There are no photos in these data sets."])
    prints = pd.concat(
        [one.fingerprints().assign(_set=place) for place, one in enumerate(sets)],
        ignore_index=True,
    )
    known = table.merge(prints[["image", "sha256", "_set"]], on=["image", "_set"], how="left")
    problems = [
        *_shared(table, "image", "Photo ids", names),
        *_shared(known[known["sha256"].notna()], "sha256", "The same files", names, show="image"),
        *_shared(table, "lesion", "Lesion ids", names),
        *conflicts(table),
    ]
    twice = table["image"][table.duplicated(["image", "_set"])]
    if len(twice):
        problems.append(f"Photos listed twice: {some(list(twice.unique()))}.")
    if problems:
        raise InvalidData(problems)
    return Manifest(table[list(COLUMNS)])


def _shared(
    table: pd.DataFrame, column: str, what: str, names: Sequence[str], *, show: str = ""
) -> list[str]:
    """A sentence for each two data sets that have values of a column in common."""
    first = table.groupby(column)["_set"].transform("min")
    problems = []
    for (one, other), part in table[table["_set"] != first].groupby([first, "_set"]):
        shown = list(dict.fromkeys(part[show or column]))
        problems.append(
            f"{what} in two data sets, {names[int(one)]} and {names[int(other)]}: {some(shown)}."
            " Use one of the two, or bring them in as one."
        )
    return problems


def _read(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A table of ours; InvalidData if it is not whole."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidData([f"{path.name} of {path.parent.name} cannot be read."]) from error
    if missing := [name for name in columns if name not in table]:
        raise InvalidData([f"{path.name} of {path.parent.name} lacks columns: {some(missing)}."])
    return table

"""A plain table of photos: the only form in which data reaches training.

Columns: image, path, diagnosis, lesion, patient, day, site, age, sex; all text. Blank means
unknown. `day` counts whole days from any day that is the same for all photos of a lesion. ISIC
2019's layout is read here; other sources write the same table.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from skinmodel.diagnoses import CODES, UNKNOWN
from training.data.csvfile import LINE, counted, read_csv, some
from training.data.splits import owners

COLUMNS = ("image", "path", "diagnosis", "lesion", "patient", "day", "site", "age", "sex")
METADATA = {"age_approx": "age", "anatom_site_general": "site", "lesion_id": "lesion", "sex": "sex"}
TRUTH_COLUMNS = ("image", *CODES)
LONGEST = 200  # letters of an id; file systems take names of 255 bytes
METADATA_COLUMNS = (*METADATA, "patient_id", "day")


class InvalidData(ValueError):
    """A data set cannot be used; `problems` lists every reason, one sentence each.

    `rows` are ids of photos without which none of the problems would be there; none if leaving
    rows out would not help.
    """

    def __init__(self, problems: list[str], rows: Sequence[str] = ()) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.rows = tuple(dict.fromkeys(rows))


@dataclass(frozen=True)
class Manifest:
    """The table and what a reader should know about it (`notes`, one sentence each)."""

    table: pd.DataFrame
    notes: tuple[str, ...] = ()


def read_isic(
    folder: Path, *, without_unknown: bool = False, left_out: Collection[str] = ()
) -> Manifest:
    """The manifest of a folder in ISIC 2019's layout; InvalidData lists all that is wrong in it.

    Expects one `*GroundTruth.csv`, one folder `*Input` with the photos as .jpg, and optionally one
    `*Metadata.csv`. Ids stay text, so that NA, 1e5 and 007 survive. A blank lesion id is a lesion
    of its own. Photos marked UNK are a problem, or left out with a note (`without_unknown`), as are
    the photos whose ids are `left_out`.
    """
    truth_file, photos, metadata_file = _find(folder)
    problems: list[str] = []
    rows: list[str] = []
    truth = read_csv(truth_file, TRUTH_COLUMNS, (UNKNOWN,), problems)
    metadata = None
    if metadata_file:
        metadata = read_csv(metadata_file, ("image",), METADATA_COLUMNS, problems)
    if problems:
        raise InvalidData(problems)

    notes: list[str] = []
    truth = _once(truth, truth_file, notes, problems)
    if metadata is not None and metadata_file:
        metadata = _once(metadata, metadata_file, notes, problems)
    helpless = bool(problems)
    if left_out:
        truth = truth[~truth["image"].isin(list(left_out))].reset_index(drop=True)
        notes.append(f"Left out on request: {counted(len(left_out), 'photo')}.")
    if without_unknown and UNKNOWN in truth:
        values = truth[[*CODES, UNKNOWN]].apply(pd.to_numeric, errors="coerce")
        unknown = values[UNKNOWN].eq(1) & values[list(CODES)].eq(0).all(axis=1)
        truth = truth[~unknown].reset_index(drop=True)
        if count := int(unknown.sum()):
            notes.append(f"{count} photos are marked UNK, none of the eight, and are left out.")
    diagnoses = _diagnoses(truth, truth_file, problems, rows)
    paths, outside = _paths(truth["image"], photos, problems, rows)
    if problems:
        raise InvalidData(problems, () if helpless or outside else rows)

    table = pd.DataFrame({"image": truth["image"], "path": paths, "diagnosis": diagnoses})
    if metadata is not None:
        known = {old: new for old, new in METADATA.items() if old in metadata}
        renamed = metadata.rename(columns={**known, "patient_id": "patient"})
        keep = ["image", *known.values(), *(n for n in ("patient", "day") if n in renamed)]
        table = table.merge(renamed[keep], on="image", how="left")
    table = table.reindex(columns=list(COLUMNS), fill_value="").fillna("")
    if not len(table):
        raise InvalidData([f"{truth_file.name} lists no photos."])
    odd = table["image"][~table["day"].str.fullmatch(r"-?\d{0,6}")]
    if len(odd):
        raise InvalidData([f"The column day holds other than whole numbers: {some(list(odd))}."])
    if blank := int((table["lesion"] == "").sum()):
        notes.append(f"{blank} photos have no lesion id; each is counted as a lesion of its own.")
    table["lesion"] = table["lesion"].where(table["lesion"] != "", "photo " + table["image"])
    if problems := conflicts(table):
        raise InvalidData(problems)
    return Manifest(table, tuple(notes))


def conflicts(table: pd.DataFrame) -> list[str]:
    """Sentences about lesions that have two diagnoses, or would be on two sides of the split."""
    problems = []
    for what, values in (
        ("with two diagnoses", table["diagnosis"]),
        ("of two patients, or of one that only some of their photos name", owners(table)),
    ):
        mixed = values.groupby(table["lesion"]).nunique()
        if found := list(mixed[mixed > 1].index):
            problems.append(f"Lesions {what}: {some(found)}.")
    return problems


def _find(folder: Path) -> tuple[Path, Path, Path | None]:
    """The ground truth, the photo folder and the metadata, or InvalidData."""
    if not folder.is_dir():
        raise InvalidData([f"{folder} is not a folder."])
    truths = sorted(folder.glob("*GroundTruth.csv"))
    photos = [path for path in sorted(folder.glob("*Input")) if path.is_dir()]
    metadata = sorted(folder.glob("*Metadata.csv"))
    problems = []
    if len(truths) != 1:
        problems.append(
            f"Expected one file *GroundTruth.csv in {folder.name}, found {len(truths)}."
        )
    if len(photos) != 1:
        problems.append(f"Expected one folder *Input in {folder.name}, found {len(photos)}.")
    if len(metadata) > 1:
        problems.append(
            f"Expected at most one file *Metadata.csv in {folder.name}, found {len(metadata)}."
        )
    if problems:
        raise InvalidData(problems)
    return truths[0], photos[0], metadata[0] if metadata else None


def _once(table: pd.DataFrame, path: Path, notes: list[str], problems: list[str]) -> pd.DataFrame:
    """Each photo's row once: the same row again is noted, another row for it is a problem."""
    again = table["image"].duplicated()
    if not again.any():
        return table
    contents = [name for name in table.columns if name != LINE]
    kept = table.drop_duplicates(contents)
    if len(conflicting := kept[kept["image"].duplicated()]):
        problems.append(
            f"{path.name} lists photos twice, and differently:"
            f" {some(list(conflicting['image'].unique()))} (first in line"
            f" {conflicting[LINE].iloc[0]})."
        )
    notes.append(
        f"{path.name} lists {counted(len(table) - len(kept), 'photo')} twice; each is used once."
    )
    return kept.drop_duplicates("image").reset_index(drop=True)


def _diagnoses(truth: pd.DataFrame, path: Path, problems: list[str], rows: list[str]) -> pd.Series:
    """The one diagnosis of each row; rows with none, two or an odd value are problems."""
    columns = [*CODES, *([UNKNOWN] if UNKNOWN in truth else [])]
    values = truth[columns].apply(pd.to_numeric, errors="coerce")
    odd = ~values.isin([0.0, 1.0]).all(axis=1)
    marked = values.eq(1.0).sum(axis=1)
    none = odd & False
    unknown = values[UNKNOWN].eq(1.0) if UNKNOWN in values else none
    for what, which in (
        ("values other than 0 and 1", odd),
        ("no diagnosis", ~odd & (marked == 0)),
        ("more than one diagnosis", ~odd & (marked > 1)),
        ("the diagnosis UNK, which cannot be trained", unknown),
    ):
        if which.any():
            images = list(truth["image"][which])
            problems.append(
                f"{path.name} has {counted(len(images), 'photo')} with {what}: {some(images)}"
                f" (first in line {truth[LINE][which].iloc[0]})."
            )
            rows += images
    return values.fillna(0).idxmax(axis=1) if len(values) else pd.Series(dtype=str)


def _paths(
    images: pd.Series, folder: Path, problems: list[str], rows: list[str]
) -> tuple[list[str], bool]:
    """The photo of each id, and whether any id leads out of the folder; those are not opened."""
    root = folder.resolve()
    paths, outside, missing = [], [], []
    for image in images:
        if len(image) > LONGEST:
            outside.append(image)
            continue
        path = (root / f"{image}.jpg").resolve()
        if path.parent != root:
            outside.append(image)
        elif not path.is_file():
            missing.append(image)
        paths.append(str(path))
    if outside:
        problems.append(
            f"{counted(len(outside), 'photo id')} lead out of {folder.name}: {some(outside)}."
        )
    if missing:
        problems.append(
            f"{len(missing)} of {len(images)} photos are missing in {folder.name}: {some(missing)}."
        )
        rows += missing
    return paths, bool(outside)

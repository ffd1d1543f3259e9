"""A plain table of photos: the only form in which data reaches training.

Columns: image, path, diagnosis, lesion, patient, day, site, age, sex; all text. Blank means
unknown. `day` counts whole days from any day that is the same for all photos of a lesion. ISIC
2019's layout is read here; other sources write the same table.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from skinmodel.diagnoses import CODES, UNKNOWN

COLUMNS = ("image", "path", "diagnosis", "lesion", "patient", "day", "site", "age", "sex")
METADATA = {"age_approx": "age", "anatom_site_general": "site", "lesion_id": "lesion", "sex": "sex"}
SHOWN = 10  # problems of one kind that are spelled out


class InvalidData(ValueError):
    """A data set cannot be used; `problems` lists every reason, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Manifest:
    """The table and what a reader should know about it (`notes`, one sentence each)."""

    table: pd.DataFrame
    notes: tuple[str, ...] = ()


def read_isic(folder: Path, *, without_unknown: bool = False) -> Manifest:
    """The manifest of a folder in ISIC 2019's layout; InvalidData lists all that is wrong in it.

    Expects one `*GroundTruth.csv`, one folder `*Input` with the photos as .jpg, and optionally one
    `*Metadata.csv`. Ids stay text, so that NA, 1e5 and 007 survive. A blank lesion id is a lesion
    of its own. Photos marked UNK are a problem, or left out with a note (`without_unknown`).
    """
    truth_file, photos, metadata_file = _find(folder)
    problems: list[str] = []
    truth = _read_csv(truth_file, ("image", *CODES), (UNKNOWN,), problems)
    metadata = None
    if metadata_file:
        metadata = _read_csv(metadata_file, ("image",), (*METADATA, "patient_id", "day"), problems)
    if problems:
        raise InvalidData(problems)

    _refuse_repeats(truth, truth_file, problems)
    if metadata is not None and metadata_file:
        _refuse_repeats(metadata, metadata_file, problems)
    notes = []
    if without_unknown and UNKNOWN in truth:
        values = truth[[*CODES, UNKNOWN]].apply(pd.to_numeric, errors="coerce")
        unknown = values[UNKNOWN].eq(1) & values[list(CODES)].eq(0).all(axis=1)
        truth = truth[~unknown].reset_index(drop=True)
        if count := int(unknown.sum()):
            notes.append(f"{count} photos are marked UNK, none of the eight, and are left out.")
    diagnoses = _diagnoses(truth, truth_file, problems)
    paths = _paths(truth["image"], photos, problems)
    if problems:
        raise InvalidData(problems)

    table = pd.DataFrame({"image": truth["image"], "path": paths, "diagnosis": diagnoses})
    if metadata is not None:
        known = {old: new for old, new in METADATA.items() if old in metadata}
        wanted = metadata.rename(columns={**known, "patient_id": "patient"})
        keep = ["image", *known.values(), *(n for n in ("patient", "day") if n in wanted)]
        table = table.merge(wanted[keep], on="image", how="left")
    table = table.reindex(columns=list(COLUMNS), fill_value="").fillna("")
    odd = table["image"][~table["day"].str.fullmatch(r"-?\d{0,6}")]
    if len(odd):
        raise InvalidData([f"The column day holds other than whole numbers: {some(list(odd))}."])
    if blank := int((table["lesion"] == "").sum()):
        notes.append(f"{blank} photos have no lesion id; each is counted as a lesion of its own.")
    table["lesion"] = table["lesion"].where(table["lesion"] != "", "photo " + table["image"])
    mixed = table.groupby("lesion")["diagnosis"].nunique()
    if conflicting := list(mixed[mixed > 1].index):
        raise InvalidData([f"Lesions with two diagnoses: {some(conflicting)}."])
    return Manifest(table, tuple(notes))


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


def _read_csv(
    path: Path, needed: tuple[str, ...], optional: tuple[str, ...], problems: list[str]
) -> pd.DataFrame:
    """A CSV file as text; what is wrong with its form is added to `problems`."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            header = next(csv.reader(lines), [])
        repeated = sorted({name for name in header if header.count(name) > 1})
        missing = [name for name in needed if name not in header]
        unknown = [name for name in header if name not in (*needed, *optional)]
        for what, names in (("repeats", repeated), ("lacks", missing), ("has unknown", unknown)):
            if names:
                problems.append(f"{path.name} {what} columns: {some(names)}.")
        if repeated or missing:
            return pd.DataFrame(columns=list(needed))
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, csv.Error, pd.errors.ParserError) as error:
        problems.append(f"{path.name} cannot be read as UTF-8 CSV: {error}")
        return pd.DataFrame(columns=list(needed))


def _refuse_repeats(table: pd.DataFrame, path: Path, problems: list[str]) -> None:
    repeated = table["image"][table["image"].duplicated()].unique()
    if len(repeated):
        problems.append(f"{path.name} lists photos twice: {some(list(repeated))}.")


def _diagnoses(truth: pd.DataFrame, path: Path, problems: list[str]) -> pd.Series:
    """The one diagnosis of each row; rows with none, two or an odd value are problems."""
    columns = [*CODES, *([UNKNOWN] if UNKNOWN in truth else [])]
    values = truth[columns].apply(pd.to_numeric, errors="coerce")
    odd = truth["image"][~values.isin([0.0, 1.0]).all(axis=1)]
    marked = values.eq(1.0).sum(axis=1)
    clean = ~truth["image"].isin(odd)
    unknown = truth["image"][values[UNKNOWN].eq(1.0)] if UNKNOWN in values else truth["image"][:0]
    for what, images in (
        ("values other than 0 and 1", odd),
        ("no diagnosis", truth["image"][clean & (marked == 0)]),
        ("more than one diagnosis", truth["image"][clean & (marked > 1)]),
        ("the diagnosis UNK, which cannot be trained", unknown),
    ):
        if len(images):
            problems.append(
                f"{path.name} has {len(images)} photos with {what}: {some(list(images))}."
            )
    return values.fillna(0).idxmax(axis=1) if len(values) else pd.Series(dtype=str)


def _paths(images: pd.Series, folder: Path, problems: list[str]) -> list[str]:
    """The photo of each id; ids that lead out of the folder are refused, not opened."""
    root = folder.resolve()
    paths, outside, missing = [], [], []
    for image in images:
        path = (root / f"{image}.jpg").resolve()
        if path.parent != root:
            outside.append(image)
        elif not path.is_file():
            missing.append(image)
        paths.append(str(path))
    if outside:
        problems.append(f"{len(outside)} photo ids lead out of {folder.name}: {some(outside)}.")
    if missing:
        problems.append(
            f"{len(missing)} of {len(images)} photos are missing in {folder.name}: "
            f"{some(missing)}."
        )
    return paths


def some(names: list[str]) -> str:
    """The first few names, and how many more."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(repr(str(name))[1:-1] for name in names[:SHOWN]) + more

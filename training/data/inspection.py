"""What is in a data set, before anybody trains on it: counts, unreadable files, photos twice.

`report.json` beside the set holds it. Photos are named there by their ids.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import pandas as pd
from PIL import Image

from skinmodel.diagnoses import CODES, diagnosis
from skinmodel.plain import tuples
from training.data.csvfile import counted, some
from training.data.datasets import DataSet
from training.data.gathering import Progress
from training.data.likeness import alike, look_of
from training.data.manifest import InvalidData
from training.data.shortcut import Shortcut, measure
from training.data.splits import assign

REPORT = "report.json"
PRINTS = ["image", "sha256", "look"]
PAIRS = 200  # of each kind that are kept in the report; the counts are of all
FEW = 10  # lesions of a diagnosis below which its numbers mean little

Read = Callable[[bytes, str], Image.Image]


@dataclass(frozen=True)
class Pair:
    """Two photos that look the same; `sides` are those of the split they would be on."""

    images: tuple[str, str]
    sides: tuple[str, str]
    diagnoses: tuple[str, str]
    same_lesion: bool


@dataclass(frozen=True)
class Inspection:
    """The report. Counts are of photos, `lesions` of lesions per diagnosis.

    `series` counts lesions by their number of photos. `twins` look the same and are of two lesions,
    `leaks` of them on two sides of the split; `repeats` look the same and are of one lesion.
    `across` says how many photos look like one in another data set, by its id; `across_leaks` those
    on another side of the split than theirs.
    """

    photos: int
    lesions: Mapping[str, int]
    diagnoses: Mapping[str, int]
    sites: Mapping[str, int]
    sexes: Mapping[str, int]
    ages: Mapping[str, int]
    sources: Mapping[str, int]
    sides: Mapping[str, Mapping[str, int]]
    series: Mapping[str, int]
    dated: int
    twins: tuple[Pair, ...] = ()
    twin_count: int = 0
    repeats: int = 0
    leaks: int = 0
    across: Mapping[str, int] = field(default_factory=dict)
    across_leaks: Mapping[str, int] = field(default_factory=dict)
    shortcut: Shortcut | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The report beside a data set; None where there is none that can be read."""
        try:
            values = json.loads((folder / REPORT).read_text(encoding="utf-8"))
            twins = tuple(Pair(**tuples(one)) for one in values.pop("twins"))
            baseline = values.pop("shortcut")
            shortcut = Shortcut(**baseline) if baseline else None
            return cls(**tuples(values), twins=twins, shortcut=shortcut)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def to_json(self) -> str:
        """The report as a file holds it."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)


def take_prints(
    table: pd.DataFrame, read: Read, report: Progress, *, known: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Columns image, sha256 and look of every photo; InvalidData lists those that are unusable.

    `read` turns a file's bytes and name into an upright RGB picture, or raises ValueError. Photos
    in `known` are not read again. A file that is there twice is a problem: under two diagnoses one
    that only the source can mend.
    """
    before = {} if known is None else {row[0]: row for row in known[PRINTS].itertuples(index=False)}
    rows: list[tuple[str, str, str]] = []
    bad: dict[str, list[str]] = {}
    for done, (image, path) in enumerate(zip(table["image"], table["path"], strict=True), start=1):
        if image in before:
            rows.append(tuple(before[image]))
        else:
            data = Path(path).read_bytes()
            try:
                rows.append((image, hashlib.sha256(data).hexdigest(), look_of(read(data, image))))
            except ValueError as error:
                bad.setdefault(str(error), []).append(image)
        report("reading", done, len(table), "photos")
    prints = pd.DataFrame(rows, columns=PRINTS)
    problems, again, helpless = _copies(table, prints)
    problems += [
        f"{counted(len(images), 'photo')} cannot be used: {some(images)}. {reason}"
        for reason, images in bad.items()
    ]
    if problems:
        unread = [image for images in bad.values() for image in images]
        raise InvalidData(problems, () if helpless else [*unread, *again])
    return prints


def _copies(table: pd.DataFrame, prints: pd.DataFrame) -> tuple[list[str], list[str], bool]:
    """Sentences about the same file under two ids, the later ids, and whether diagnoses differ.

    Copies within one lesion do no harm: they stay on one side.
    """
    known = prints.merge(table[["image", "diagnosis", "lesion"]], on="image")
    files = known.groupby("sha256")
    diagnoses, lesions = (files[name].transform("nunique") for name in ("diagnosis", "lesion"))
    problems = []
    if len(conflicting := known[diagnoses > 1]):
        problems.append(
            f"{counted(len(conflicting), 'photo')} are the same file under two diagnoses:"
            f" {some(list(conflicting['image']))}."
        )
    again = known[known["sha256"].duplicated() & (diagnoses == 1) & (lesions > 1)]
    if len(again):
        problems.append(
            f"Copies of another lesion's file: {counted(len(again), 'photo')},"
            f" {some(list(again['image']))}."
        )
    return problems, list(again["image"]), bool(len(conflicting))


def inspect(
    table: pd.DataFrame,
    prints: pd.DataFrame,
    *,
    others: Sequence[DataSet] = (),
    notes: Sequence[str] = (),
    report: Progress = lambda *_: None,
) -> Inspection:
    """The report of a data set; `others` are those it may be used together with."""
    split = assign(table).reset_index(drop=True)
    looks = list(split.merge(prints, on="image", how="left")["look"])
    found = alike(looks, progress=lambda done, total: report("comparing", done, total, "photos"))
    pairs = [_pair(split, i, j) for i, j in found]
    strange = [one for one in pairs if not one.same_lesion]
    leaks = [one for one in strange if one.sides[0] != one.sides[1]]
    across: dict[str, int] = {}
    across_leaks: dict[str, int] = {}
    for other in others:
        theirs = other.fingerprints()
        if "look" in theirs and len(theirs):
            near = alike(looks, list(theirs["look"]))
            across |= {other.id: len({i for i, _ in near})} if near else {}
            sides = _sides_of(other, theirs)
            leaking = {i for i, j in near if sides[j] not in ("", split["split"].iloc[i])}
            across_leaks |= {other.id: len(leaking)} if leaking else {}
    lesions = split.groupby("diagnosis")["lesion"].nunique()
    per_lesion = split.groupby("lesion").size()
    shortcut = measure(split)
    warnings = _warnings(lesions, strange, leaks)
    if shortcut and shortcut.predicts:
        warnings.append(shortcut.sentence)
    return Inspection(
        photos=len(split),
        lesions={code: int(lesions.get(code, 0)) for code in CODES},
        diagnoses={code: int((split["diagnosis"] == code).sum()) for code in CODES},
        sites=_counts(split["site"]),
        sexes=_counts(split["sex"]),
        ages=_counts(split["age"]),
        sources=_counts(split["lesion"].map(_source)),
        sides={
            side: {code: int((part["diagnosis"] == code).sum()) for code in CODES}
            for side, part in split.groupby("split")
        },
        series={str(n): int(m) for n, m in per_lesion.value_counts().sort_index().items()},
        dated=int((split["day"] != "").sum()),
        twins=tuple((leaks + [one for one in strange if one not in leaks])[:PAIRS]),
        twin_count=len(strange),
        repeats=len(pairs) - len(strange),
        leaks=len(leaks),
        across=across,
        across_leaks=across_leaks,
        notes=tuple(notes),
        shortcut=shortcut,
        warnings=tuple(warnings),
    )


def _sides_of(data: DataSet, prints: pd.DataFrame) -> list[str]:
    """The side of each photo with a fingerprint; blank for one that the set does not list."""
    table = assign(data.table())
    sides = dict(zip(table["image"], table["split"], strict=True))
    return [sides.get(image, "") for image in prints["image"]]


def _pair(table: pd.DataFrame, i: int, j: int) -> Pair:
    one, two = table.iloc[i], table.iloc[j]
    return Pair(
        images=(one["image"], two["image"]),
        sides=(one["split"], two["split"]),
        diagnoses=(one["diagnosis"], two["diagnosis"]),
        same_lesion=one["lesion"] == two["lesion"],
    )


def _warnings(
    lesions: "pd.Series[int]", strange: Sequence[Pair], leaks: Sequence[Pair]
) -> list[str]:
    """What somebody should know before training on it."""
    warnings = []
    counts = {code: int(lesions.get(code, 0)) for code in CODES}
    if none := [code for code, n in counts.items() if not n]:
        names = " or ".join(diagnosis(code).name.lower() for code in none)
        warnings.append(f"No lesion is {names}: another data set must have some.")
    if few := [f"{diagnosis(c).name.lower()} {n}" for c, n in counts.items() if 0 < n < FEW]:
        warnings.append(f"Fewer than {FEW} lesions: {', '.join(few)}.")
    if mixed := [one for one in strange if one.diagnoses[0] != one.diagnoses[1]]:
        what = counted(len(mixed), "pair")
        warnings.append(f"{what} of photos with different diagnoses: the two look the same.")
    if leaks:
        warnings.append(_leak_words(len(leaks)))
    return warnings


def cautions(sets: Sequence[DataSet]) -> list[str]:
    """What somebody should know who is about to train on these data sets together."""
    found = []
    for one in sets:
        report = Inspection.read(one.folder)
        if report is None:
            continue
        if report.shortcut and report.shortcut.predicts:
            found.append(f"{one.name}: {report.shortcut.sentence}")
        if report.leaks:
            found.append(f"{one.name}: {_leak_words(report.leaks)}")
        for other in sets:
            if photos := report.across_leaks.get(other.id):
                found.append(across_words(photos, one.name, other.name))
    return found


def across_words(photos: int, one: str, other: str) -> str:
    """The warning about photos of one data set that another has on another side."""
    return (
        f"{counted(photos, 'photo')} of {one} with a look-alike in {other} on another side of the"
        " split: used together, the test would look better than it is."
    )


def alike_in(one: DataSet, other: DataSet) -> int:
    """How many photos of a data set look like one in the other, as far as their reports say."""
    found = 0
    for mine, theirs in ((one, other), (other, one)):  # whichever came in later has looked
        report = Inspection.read(mine.folder)
        found = max(found, report.across.get(theirs.id, 0) if report else 0)
    return found


def _leak_words(pairs: int) -> str:
    return (
        f"{counted(pairs, 'pair')} of photos that look the same would be on two sides of the split,"
        " such as training and test: the test would look better than it is."
    )


def _source(lesion: str) -> str:
    """The collection a lesion's id names before its number, such as HAM, BCN and MSK4."""
    named = re.match(r"([A-Za-z]+\d*)[_-]", lesion)
    return named[1] if named else ""


def _counts(values: "pd.Series[str]") -> dict[str, int]:
    """Photos by value, most first; blank is unknown."""
    return {str(value) or "unknown": int(n) for value, n in values.value_counts().items()}

"""The clinic's confirmed lesions as a data set, and what their visits alone give away."""

import datetime
import hashlib
import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from training.data import clinic, intake, intake_process
from training.data.datasets import DataSet, combined, data_sets
from training.data.inspection import Inspection
from training.data.manifest import COLUMNS, InvalidData
from training.data.shortcut import measure

DAY = datetime.date(2024, 5, 3)


@dataclass(frozen=True)
class Photo:
    """A photo as records give it."""

    id: str
    lesion_id: str
    data: bytes
    day: datetime.date | None = DAY
    code: str = "NV"
    patient_id: str = "P"
    site: str = "head/neck"
    sex: str = ""
    age: int | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def drawn(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 255, (6, 8, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((96, 72)).save(file, "JPEG")
    return file.getvalue()


PHOTOS = (
    Photo("a", "L", drawn(1), DAY + datetime.timedelta(days=90)),
    Photo("b", "L", drawn(2)),
    Photo("c", "M", drawn(3), None, "MEL", age=45),
)


def make(datasets: Path, *photos: Photo) -> DataSet:
    folder = clinic.prepare(datasets, photos, lambda one: one.data or None)
    assert intake_process.work(folder) == 0
    (found,) = data_sets(datasets)
    return found


def test_lesions_become_a_data_set_with_days(tmp_path: Path) -> None:
    made = make(tmp_path, *PHOTOS)
    table = made.table().set_index("image")
    assert (made.id, made.kind, made.photos) == ("clinic", "clinic", 3)
    assert list(table["day"][["a", "b", "c"]]) == ["90", "0", ""]
    assert table["age"]["c"] == "45"
    assert "2024" not in (made.folder / "manifest.csv").read_text()
    assert {Path(one).stem for one in table["path"]} == {one.sha256 for one in PHOTOS}
    assert len(combined([made]).table) == 3
    assert not (made.folder / clinic.CASES).exists()


def test_made_anew_it_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    make(tmp_path, *PHOTOS)
    read: list[str] = []

    def once(photo: Photo) -> bytes:
        read.append(photo.id)
        return photo.data

    folder = clinic.prepare(tmp_path, [PHOTOS[0], Photo("d", "L", drawn(4))], once)
    assert intake_process.work(folder) == 0
    (made,) = data_sets(tmp_path)
    assert set(made.table()["image"]) == {"a", "d"}
    assert read == ["d"]  # the other was there already
    assert [one.name for one in tmp_path.iterdir()] == ["clinic"]


def test_photos_that_cannot_be_used_are_left_out_and_said(tmp_path: Path) -> None:
    made = make(tmp_path, *PHOTOS, Photo("x", "N", b"no photo"), Photo("y", "N", b""))
    report = Inspection.read(made.folder)
    assert made.photos == 3
    assert report and report.notes == (
        "Left out, for they are missing or damaged in the records: 1 photo.",
        "Left out, for they cannot be used: 1 photo.",
    )


def test_the_same_file_under_two_diagnoses_is_refused(tmp_path: Path) -> None:
    twice = replace(PHOTOS[0], id="z", lesion_id="Z", code="MEL")
    folder = clinic.prepare(tmp_path, [PHOTOS[0], twice], lambda one: one.data)
    assert intake_process.work(folder) == 1
    (found,) = intake.intakes(tmp_path)
    assert "under two diagnoses" in found.state.problems[0]


def test_without_confirmed_lesions_there_is_nothing_to_make(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="No lesion with photos has a confirmed diagnosis"):
        clinic.prepare(tmp_path, [], lambda one: one)
    assert list(tmp_path.iterdir()) == []


def test_counts_follow_an_erasure(tmp_path: Path) -> None:
    made = make(tmp_path, *PHOTOS)
    path = made.folder / "manifest.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert data_sets(tmp_path)[0].photos == 2


def lesions(malignant_visits: int, benign_visits: int, *, each: int = 40) -> pd.DataFrame:
    """Lesions of two kinds that differ in nothing but how often they were seen."""
    chance = np.random.default_rng(0)
    rows = []
    for number in range(2 * each):
        code = "MEL" if number < each else "NV"
        visits = malignant_visits if number < each else benign_visits
        for day in np.cumsum(chance.integers(30, 400, chance.integers(1, visits + 1))):
            rows.append({"lesion": str(number), "diagnosis": code, "day": str(day)})
    return pd.DataFrame(rows).reindex(columns=list(COLUMNS), fill_value="")


def test_short_series_of_melanomas_are_noticed() -> None:
    found = measure(lesions(2, 9))
    assert found and found.predicts and found.auroc > 0.7
    assert "alone tell malignant lesions from others" in found.sentence


def test_series_of_one_kind_give_nothing_away() -> None:
    found = measure(lesions(5, 5))
    assert found and not found.predicts and found.low < 0.5
    assert "do not tell" in found.sentence


def test_too_few_lesions_or_no_series_say_nothing() -> None:
    assert measure(lesions(3, 3, each=5)) is None
    assert measure(lesions(1, 1)) is None
    assert measure(lesions(3, 3).assign(day="")) is None

"""Data sets on disk, and several of them as one table without leaks."""

import datetime
from pathlib import Path

import pandas as pd
import pytest

from training.data.datasets import (
    FINGERPRINTS,
    DataSet,
    bring_back,
    combined,
    data_sets,
    delete,
    deleted,
    purge,
    write_data_set,
)
from training.data.manifest import COLUMNS, InvalidData

TODAY = datetime.date(2025, 3, 12)


def rows(*photos: dict[str, str]) -> pd.DataFrame:
    """A manifest of photos; what is not given is blank, the lesion named as the photo."""
    blank = dict.fromkeys(COLUMNS, "") | {"path": "photos/a.jpg", "diagnosis": "NV"}
    return pd.DataFrame(
        [{**blank, "lesion": one["image"] + "-L", **one} for one in photos], columns=list(COLUMNS)
    )


def make(root: Path, name: str, *photos: dict[str, str], prints: str = "") -> DataSet:
    folder = root / name.lower()
    folder.mkdir(parents=True)
    if prints:
        (folder / FINGERPRINTS).write_text(prints)
    return write_data_set(folder, rows(*photos), name=name, kind="folder", created_on=TODAY)


def refused(*sets: DataSet) -> str:
    with pytest.raises(InvalidData) as caught:
        combined(sets)
    return str(caught.value)


def test_a_data_set_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = make(tmp_path, "One", {"image": "007", "day": "3"}, {"image": "NA", "diagnosis": "MEL"})
    assert data_sets(tmp_path) == (made,)
    assert (made.id, made.name, made.photos, made.lesions) == ("one", "One", 2, 2)
    assert made.diagnoses == {"NV": 1, "MEL": 1}
    table = made.table()
    assert list(table["image"]) == ["007", "NA"]
    assert list(table["path"]) == [str(tmp_path / "one/photos/a.jpg")] * 2


def test_absolute_paths_stay(tmp_path: Path) -> None:
    made = make(tmp_path, "One", {"image": "1", "path": "/elsewhere/1.jpg"})
    assert made.table()["path"].item() == "/elsewhere/1.jpg"


def test_unfinished_and_deleted_sets_are_none_and_damaged_ones_say_so(tmp_path: Path) -> None:
    make(tmp_path, ".unfinished", {"image": "1"})
    damaged = make(tmp_path, "Damaged", {"image": "1"})
    (damaged.folder / "dataset.json").write_text("{")
    (found,) = data_sets(tmp_path)
    assert found.fault == "dataset.json in damaged cannot be read."
    assert refused(found) == found.fault
    assert data_sets(tmp_path / "nothing") == ()


def test_sets_become_one_table(tmp_path: Path) -> None:
    one = make(tmp_path, "One", {"image": "1", "patient": "P"})
    two = make(tmp_path, "Two", {"image": "2", "patient": "P"}, {"image": "3"})
    table = combined([one, two]).table
    assert list(table.columns) == list(COLUMNS)
    assert list(table["image"]) == ["1", "2", "3"]
    assert table.index.is_unique


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        ({"image": "1", "lesion": "A"}, {"image": "1", "lesion": "B"}, "Photo ids in two data"),
        ({"image": "1", "lesion": "A"}, {"image": "2", "lesion": "A"}, "Lesion ids in two data"),
    ],
)
def test_what_is_in_two_sets_is_refused(tmp_path: Path, first, second, sentence: str) -> None:
    text = refused(make(tmp_path, "One", first), make(tmp_path, "Two", second))
    assert sentence in text
    assert "One and Two" in text


def test_the_same_file_in_two_sets_is_refused_whatever_its_name(tmp_path: Path) -> None:
    head = "image,sha256\n"
    one = make(tmp_path, "One", {"image": "1"}, prints=head + "1,aa\n")
    two = make(tmp_path, "Two", {"image": "2"}, {"image": "3"}, prints=head + "2,aa\n3,bb\n")
    text = refused(one, two)
    assert "The same files in two data sets, One and Two: 2." in text


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"diagnosis": "MEL"}, "two diagnoses: L"),
        ({"patient": "P"}, "of two patients"),
    ],
)
def test_a_lesion_that_would_leak_is_refused(tmp_path: Path, other, sentence: str) -> None:
    one = {"image": "1", "lesion": "L"}
    assert sentence in refused(make(tmp_path, "One", one, {**one, "image": "2", **other}))


def test_nothing_to_train_on_is_refused(tmp_path: Path) -> None:
    assert refused() == "Choose at least one data set."
    assert "no photos" in refused(make(tmp_path, "Empty"))


def test_deleted_sets_can_be_brought_back_for_a_day(tmp_path: Path) -> None:
    made = make(tmp_path, "One", {"image": "1"})
    delete(made)
    assert data_sets(tmp_path) == ()
    (gone,) = deleted(tmp_path)
    purge(tmp_path)
    bring_back(gone)
    assert data_sets(tmp_path) == (made,)
    delete(made)
    purge(tmp_path, after=0)
    assert list(tmp_path.iterdir()) == []

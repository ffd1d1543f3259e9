"""Reading ISIC 2019's layout: what is refused, and that ids survive as text."""

import pandas as pd
import pytest

from tests.training.conftest import Layout
from training.manifest import InvalidData, read_isic


def problems(isic: Layout) -> str:
    with pytest.raises(InvalidData) as caught:
        read_isic(isic.folder)
    return str(caught.value)


def test_a_sound_folder_is_read(isic: Layout) -> None:
    manifest = read_isic(isic.folder)
    row = manifest.table[manifest.table["image"] == "LESION_BCC_1_0"]
    assert manifest.notes == ()
    assert len(manifest.table) == len(list(isic.photos.iterdir()))
    assert manifest.table["diagnosis"].nunique() == 8
    assert row.empty or row["diagnosis"].item() == "BCC"


def test_missing_photos_are_listed(isic: Layout) -> None:
    gone = sorted(isic.photos.iterdir())[:2]
    for path in gone:
        path.unlink()
    text = problems(isic)
    assert text.startswith("2 of ")
    assert all(path.stem in text for path in gone)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda t: t.assign(MEL="1"), "more than one diagnosis"),
        (lambda t: t.assign(**dict.fromkeys(t.columns[1:], "0")), "no diagnosis"),
        (lambda t: t.assign(NV="0.5"), "values other than 0 and 1"),
        (lambda t: t.assign(NV=""), "values other than 0 and 1"),
        (lambda t: pd.concat([t, t[:1]]), "lists photos twice"),
        (lambda t: t.rename(columns={"NV": "NEV"}), "lacks columns: NV"),
        (lambda t: t.rename(columns={"UNK": "OTHER"}), "has unknown columns: OTHER"),
        (lambda t: t.assign(image="../" + t["image"]), "lead out of"),
        (lambda t: t.assign(image="/etc/" + t["image"]), "lead out of"),
    ],
)
def test_a_wrong_ground_truth_is_refused(isic: Layout, edit, sentence: str) -> None:
    isic.change(isic.truth, edit)
    assert sentence in problems(isic)


def test_every_problem_is_listed_at_once(isic: Layout) -> None:
    isic.change(isic.truth, lambda t: pd.concat([t.assign(MEL="1"), t[:1]]))
    isic.change(isic.metadata, lambda t: pd.concat([t, t[:1]]))
    text = problems(isic)
    assert text.count("lists photos twice") == 2
    assert "more than one diagnosis" in text


def test_a_link_out_of_the_folder_is_refused(isic: Layout, tmp_path) -> None:
    photo = sorted(isic.photos.iterdir())[0]
    photo.rename(tmp_path / "elsewhere.jpg")
    photo.symlink_to(tmp_path / "elsewhere.jpg")
    assert "lead out of" in problems(isic)


def test_blank_metadata_is_valid(isic: Layout) -> None:
    isic.change(isic.metadata, lambda t: t.assign(age_approx="", anatom_site_general="", sex=""))
    assert read_isic(isic.folder).table["sex"].eq("").all()


def test_a_blank_lesion_id_is_a_lesion_of_its_own(isic: Layout) -> None:
    isic.change(isic.metadata, lambda t: t.assign(lesion_id=""))
    manifest = read_isic(isic.folder)
    assert manifest.table["lesion"].is_unique
    assert manifest.notes == (
        f"{len(manifest.table)} photos have no lesion id; each is counted as a lesion of its own.",
    )


def test_metadata_may_be_absent(isic: Layout) -> None:
    isic.metadata.unlink()
    assert read_isic(isic.folder).table["lesion"].is_unique


def test_a_lesion_with_two_diagnoses_is_refused(isic: Layout) -> None:
    isic.change(isic.metadata, lambda t: t.assign(lesion_id="one"))
    assert "two diagnoses" in problems(isic)


@pytest.mark.parametrize("odd", ["NA", "1e5", "007", "None"])
def test_ids_that_look_like_something_else_stay_text(isic: Layout, odd: str) -> None:
    first = sorted(isic.photos.iterdir())[0]
    first.rename(isic.photos / f"{odd}.jpg")
    for table in (isic.truth, isic.metadata):
        isic.change(table, lambda t: t.replace(first.stem, odd))
    assert odd in set(read_isic(isic.folder).table["image"])


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_other_encodings_are_refused(isic: Layout, encoding: str) -> None:
    text = isic.truth.read_text().replace("LESION", "LÄSION", 1)
    isic.truth.write_bytes(text.encode(encoding))
    assert "cannot be read as UTF-8 CSV" in problems(isic)


def test_a_byte_order_mark_is_accepted(isic: Layout) -> None:
    isic.truth.write_text(isic.truth.read_text(), encoding="utf-8-sig")
    assert len(read_isic(isic.folder).table)


def test_days_must_be_whole_numbers(isic: Layout) -> None:
    isic.change(isic.metadata, lambda t: t.assign(day="next week"))
    assert "whole numbers" in problems(isic)

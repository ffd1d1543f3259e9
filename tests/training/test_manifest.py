"""Reading ISIC 2019's layout: what is refused, and that ids survive as text."""

import pandas as pd
import pytest

from tests.training.conftest import Layout
from training.data.manifest import InvalidData, read_isic


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
        (lambda t: pd.concat([t, t[:1].assign(SCC="1")]), "lists photos twice, and differently"),
        (lambda t: t.rename(columns={"NV": "NEV"}), "lacks columns: NV"),
        (lambda t: t.rename(columns={"UNK": "OTHER"}), "has unknown columns: OTHER"),
        (lambda t: t.assign(image="../" + t["image"]), "lead out of"),
        (lambda t: t.assign(image="/etc/" + t["image"]), "lead out of"),
        (lambda t: t.assign(image="\\\\host\\share\\" + t["image"]), "are missing in"),
        (lambda t: t.assign(image="..%2f" + t["image"]), "are missing in"),
        (lambda t: t.assign(image=t["image"] + "a" * 300), "lead out of"),
        (lambda t: t[:0], "lists no photos"),
    ],
)
def test_a_wrong_ground_truth_is_refused(isic: Layout, edit, sentence: str) -> None:
    isic.change(isic.truth, edit)
    assert sentence in problems(isic)


def test_every_problem_is_listed_at_once(isic: Layout) -> None:
    isic.change(isic.truth, lambda t: pd.concat([t.assign(SCC="1"), t[:1]]))
    isic.change(isic.metadata, lambda t: pd.concat([t, t[:1].assign(sex="male")]))
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


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda text: text.replace("LESION", "LÄSION", 1).encode("latin-1"), "line 2, has letters"),
        (lambda text: text.encode("utf-16"), "is saved as UTF-16"),
        (lambda text: text.replace(",", ";").encode(), "separates its cells by semicolons"),
        (lambda text: text.replace(",", "\t").encode(), "separates its cells by tabs"),
        (lambda text: text.replace("1,0", "1,0,0", 1).encode(), "line 2, has 11 cells"),
        (lambda text: text.replace(",0", ',"0" ', 1).encode(), "line 2, cannot be read as CSV"),
        (lambda text: b"", "is empty"),
        (lambda text: b"\0" * 100, "holds zero bytes"),
        (lambda text: b"a," * 100_000, "has 100,001 columns. Expected are image, MEL"),
        (lambda text: b"x" * (65 << 20), "has 65 MB; the most is 64 MB"),
    ],
)
def test_a_file_that_is_no_table_is_refused(isic: Layout, damage, sentence: str) -> None:
    isic.truth.write_bytes(damage(isic.truth.read_text()))
    text = problems(isic)
    assert f"{isic.truth.name}" in text
    assert sentence in text


def test_found_and_expected_columns_are_named(isic: Layout) -> None:
    isic.change(isic.truth, lambda t: t.rename(columns={"NV": "NEV"}))
    text = problems(isic)
    assert "has the columns image, MEL, NEV, BCC" in text
    assert "Expected are image, MEL, NV, BCC, AK, BKL, DF, VASC, SCC; UNK may be there" in text


def test_the_first_bad_line_is_named(isic: Layout) -> None:
    def spoil(t: pd.DataFrame) -> pd.DataFrame:
        t.loc[4, "MEL"] = "0.5"
        return t

    isic.change(isic.truth, spoil)
    assert "(first in line 6)" in problems(isic)


def test_rows_that_spoil_it_can_be_left_out(isic: Layout) -> None:
    truth = pd.read_csv(isic.truth, dtype=str)
    empty, gone = truth["image"][0], truth["image"][1]
    (isic.photos / f"{gone}.jpg").unlink()
    columns = list(truth.columns[1:])
    truth.loc[0, columns] = "0"
    truth.to_csv(isic.truth, index=False)
    with pytest.raises(InvalidData) as caught:
        read_isic(isic.folder)
    assert caught.value.rows == (empty, gone)
    manifest = read_isic(isic.folder, left_out=caught.value.rows)
    assert len(manifest.table) == len(truth) - 2
    assert manifest.notes == ("Left out on request: 2 photos.",)


def test_rows_are_not_offered_where_leaving_them_out_would_not_help(isic: Layout) -> None:
    isic.change(isic.truth, lambda t: pd.concat([t.assign(NV=""), t[:1].assign(image="../x")]))
    with pytest.raises(InvalidData) as caught:
        read_isic(isic.folder)
    assert caught.value.rows == ()


def test_the_same_row_twice_is_used_once(isic: Layout) -> None:
    isic.change(isic.truth, lambda t: pd.concat([t, t[:2]]))
    manifest = read_isic(isic.folder)
    assert manifest.table["image"].is_unique
    assert manifest.notes == (f"{isic.truth.name} lists 2 photos twice; each is used once.",)


def test_a_byte_order_mark_is_accepted(isic: Layout) -> None:
    isic.truth.write_text(isic.truth.read_text(), encoding="utf-8-sig")
    assert len(read_isic(isic.folder).table)


def test_days_must_be_whole_numbers(isic: Layout) -> None:
    isic.change(isic.metadata, lambda t: t.assign(day="next week"))
    assert "whole numbers" in problems(isic)


@pytest.mark.parametrize("named", [1, 2])
def test_a_lesion_whose_photos_would_be_on_two_sides_is_refused(isic: Layout, named: int) -> None:
    """Sides follow the patient where known: a lesion of two, or of half of one, would be torn."""

    def name(t: pd.DataFrame) -> pd.DataFrame:
        lesion = t["lesion_id"].value_counts().idxmax()
        rows = t.index[t["lesion_id"] == lesion][:named]
        t["patient_id"] = ""
        t.loc[rows, "patient_id"] = [f"P{n}" for n in range(named)]
        return t

    isic.change(isic.metadata, name)
    assert "of two patients, or of one that only some of their photos name" in problems(isic)

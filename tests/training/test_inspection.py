"""The report of a data set: counts, photos that look the same, and leaks between the sides."""

import base64
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from skinmodel.drawn import draw_series
from tests.training.test_datasets import TODAY, rows
from training.data.datasets import FINGERPRINTS, write_data_set
from training.data.inspection import REPORT, Inspection, cautions, inspect, take_prints
from training.data.likeness import SIZE, alike, look_of
from training.data.manifest import InvalidData, read_isic
from training.data.splits import split_of


def lesion_on(side: str, prefix: str = "L") -> str:
    """An id that falls on a side of the split."""
    return next(f"{prefix}{n}" for n in range(500) if split_of(f"{prefix}{n}") == side)


def noise(seed: int) -> Image.Image:
    grey = np.random.default_rng(seed).integers(0, 255, (SIZE[1], SIZE[0])).astype(np.uint8)
    return Image.fromarray(grey).resize((480, 360), Image.Resampling.BICUBIC).convert("RGB")


def reencoded(picture: Image.Image) -> Image.Image:
    """The same photo smaller, darker, and of poor quality."""
    file = io.BytesIO()
    small = picture.resize((picture.width // 2, picture.height // 2))
    ImageEnhance.Brightness(small).enhance(0.8).save(file, "JPEG", quality=50)
    return Image.open(io.BytesIO(file.getvalue()))


def prints(*looks: str) -> pd.DataFrame:
    table = [(str(n), f"{n:064}", look) for n, look in enumerate(looks)]
    return pd.DataFrame(table, columns=["image", "sha256", "look"])


def report(*photos: dict[str, str], looks: list[str]) -> Inspection:
    table = rows(*({"image": str(n), **one} for n, one in enumerate(photos)))
    return inspect(table, prints(*looks))


def test_copies_are_found_and_others_are_not() -> None:
    pictures = [noise(seed) for seed in range(40)]
    looks = [look_of(one) for one in pictures]
    copies = [look_of(reencoded(one)) for one in pictures]
    assert alike(looks) == []
    assert alike(looks, copies) == [(n, n) for n in range(40)]
    assert alike([*looks, copies[3]]) == [(3, 40)]


def test_plain_pictures_look_like_no_other() -> None:
    blank = base64.b64encode(bytes(SIZE[0] * SIZE[1])).decode()
    assert alike([blank, blank]) == []


def test_visits_of_one_growing_lesion_are_not_copies() -> None:
    looks = [look_of(picture) for picture, _ in draw_series(1)]
    assert (0, 2) not in alike(looks)


def test_real_copies_are_found_among_real_photos(real_data: Path) -> None:
    table = read_isic(real_data / "isic2019").table.iloc[::45]
    pictures = [Image.open(path).convert("RGB") for path in table["path"]]
    looks = [look_of(one) for one in pictures]
    copies = [look_of(reencoded(one)) for one in pictures]
    found = set(alike(looks, copies))
    assert len(found & {(n, n) for n in range(len(looks))}) >= 0.98 * len(looks)
    lesions = list(table["lesion"])
    assert all(lesions[i] == lesions[j] for i, j in found)


@pytest.mark.parametrize(
    ("other", "sentence", "rows_offered"),
    [
        ({"lesion": "A"}, "", 0),
        ({"lesion": "B"}, "Copies of another lesion's file: 1 photo, 1.", 1),
        ({"lesion": "B", "diagnosis": "MEL"}, "2 photos are the same file under two diagnoses", 0),
    ],
)
def test_the_same_file_twice(tmp_path: Path, other, sentence: str, rows_offered: int) -> None:
    for name in ("0", "1"):
        (tmp_path / name).write_bytes(b"the same")
    table = rows({"image": "0", "lesion": "A"}, {"image": "1", **other})
    table["path"] = [str(tmp_path / name) for name in table["image"]]

    def take() -> pd.DataFrame:
        return take_prints(table, lambda data, name: noise(0), lambda *_: None)

    if not sentence:
        assert len(take()) == 2
        return
    with pytest.raises(InvalidData) as caught:
        take()
    assert sentence in str(caught.value)
    assert len(caught.value.rows) == rows_offered


def test_a_dark_rim_alone_makes_no_copies() -> None:
    rim = Image.new("L", (480, 360))
    ImageDraw.Draw(rim).ellipse((40, 0, 440, 360), fill=255)
    pictures = []
    for seed in range(2):
        faint = Image.blend(Image.new("RGB", (480, 360), "tan"), noise(seed), 0.15)
        pictures.append(Image.composite(faint, Image.new("RGB", (480, 360)), rim))
    looks = [look_of(one) for one in pictures]
    assert alike(looks) == []
    assert alike(looks, [look_of(reencoded(one)) for one in pictures]) == [(0, 0), (1, 1)]


def test_counts() -> None:
    looks = [look_of(noise(seed)) for seed in range(4)]
    found = report(
        {"lesion": "HAM_1", "diagnosis": "MEL", "site": "head/neck", "age": "45"},
        {"lesion": "HAM_1", "diagnosis": "MEL", "day": "3"},
        {"lesion": "BCN_1"},
        {"lesion": "photo 3"},
        looks=looks,
    )
    assert (found.photos, found.dated) == (4, 1)
    assert (found.diagnoses["MEL"], found.lesions["MEL"], found.lesions["NV"]) == (2, 1, 2)
    assert found.series == {"1": 2, "2": 1}
    assert found.sites == {"unknown": 3, "head/neck": 1}
    assert found.sources == {"HAM": 2, "BCN": 1, "unknown": 1}
    assert sum(n for side in found.sides.values() for n in side.values()) == 4
    assert "No lesion is basal cell carcinoma or actinic keratosis or benign" in found.warnings[0]
    assert found.warnings[1] == "Fewer than 10 lesions: melanoma 1, melanocytic nevus 2."


def test_look_alikes_on_two_sides_are_leaks() -> None:
    look = look_of(noise(0))
    train, test = lesion_on("train"), lesion_on("test")
    found = report({"lesion": train}, {"lesion": test, "diagnosis": "MEL"}, looks=[look, look])
    assert (found.twin_count, found.leaks) == (1, 1)
    assert set(found.twins[0].sides) == {"train", "test"}
    text = "\n".join(found.warnings)
    assert "1 pair of photos with different diagnoses: the two look the same." in text
    assert "would be on two sides" in text


def test_look_alikes_of_one_lesion_do_no_harm() -> None:
    look = look_of(noise(0))
    found = report({"lesion": "A"}, {"lesion": "A"}, looks=[look, look])
    assert (found.twin_count, found.leaks, found.repeats) == (0, 0, 1)


@pytest.mark.parametrize("side", ["train", "test"])
def test_look_alikes_in_another_data_set(tmp_path: Path, side: str) -> None:
    look = look_of(noise(0))
    folder = tmp_path / "other"
    folder.mkdir()
    prints(look).to_csv(folder / FINGERPRINTS, index=False)
    other = write_data_set(
        folder,
        rows({"image": "0", "lesion": lesion_on("train", "other")}),
        name="Other",
        kind="folder",
        created_on=TODAY,
    )
    found = inspect(rows({"image": "0", "lesion": lesion_on(side)}), prints(look), others=[other])
    assert found.across == {"other": 1}
    assert found.across_leaks == ({"other": 1} if side == "test" else {})
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / REPORT).write_text(found.to_json())
    own = replace(other, folder=tmp_path / "own", id="own", name="Own")
    said = "1 photo of Own with a look-alike in Other on another side of the split"
    assert cautions([own]) == []
    assert any(said in text for text in cautions([other, own])) == (side == "test")


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    look = look_of(noise(0))
    found = report(
        {"lesion": lesion_on("train")}, {"lesion": lesion_on("test")}, looks=[look, look]
    )
    (tmp_path / REPORT).write_text(found.to_json())
    assert Inspection.read(tmp_path) == found

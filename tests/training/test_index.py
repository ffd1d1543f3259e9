"""`python -m training index`: a folder's lesions made ready to be found."""

import csv
from pathlib import Path

import pytest

from skinmodel import neighbours
from skinmodel.diagnoses import CODES
from skinmodel.drawn import draw_lesion
from tests.tiny import save_tiny_model
from training.__main__ import main


def isic(folder: Path) -> Path:
    """Six photos of four lesions in ISIC 2019's layout, one of them damaged."""
    photos = folder / "ISIC_2019_Training_Input"
    photos.mkdir(parents=True)
    lesions = {"a1": "A", "a2": "A", "b1": "B", "c1": "C", "d1": "D", "d2": "D"}
    for number, image in enumerate(lesions):
        draw_lesion(number, size=(160, 120)).save(photos / f"{image}.jpg")
    (photos / "c1.jpg").write_bytes(b"no photo")
    with (folder / "ISIC_2019_Training_GroundTruth.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image", *CODES))
        for image, lesion in lesions.items():
            right = {"A": "MEL", "B": "NV", "C": "NV", "D": "BCC"}[lesion]
            writer.writerow((image, *(float(code == right) for code in CODES)))
    with (folder / "ISIC_2019_Training_Metadata.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("image", "lesion_id"), *lesions.items()])
    return folder


def test_the_lesions_of_a_folder_become_an_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SKIN_MODELS_DIR", str(tmp_path / "models"))
    save_tiny_model(tmp_path / "models")
    data = isic(tmp_path / "isic")
    assert main(["index", "--data", str(data), "--name", "Drawn"]) == 0
    (path,) = (tmp_path / "data" / "neighbours").iterdir()
    made = neighbours.load(path)
    assert [(case.key, case.diagnosis) for case in made.cases] == [
        ("A", "MEL"), ("B", "NV"), ("D", "BCC"),
    ]  # fmt: skip
    assert made.cases[0].photo == str(data / "ISIC_2019_Training_Input" / "a1.jpg")
    assert made.vectors.shape == (3, 12)
    assert "3 lesions of Drawn, for model tiny-1" in capsys.readouterr().out


def test_data_that_cannot_be_used_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_tiny_model(tmp_path)
    assert main(["index", "--data", str(tmp_path / "none"), "--model", str(model)]) == 2
    assert "is not a folder" in capsys.readouterr().err

"""The command line, run in this process but for one case."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skinmodel import __main__ as cli
from skinmodel import predict
from skinmodel.alert import AlertLine, AlertTest
from skinmodel.analysis import analyse
from skinmodel.bundle import Model
from skinmodel.calibration import Calibration
from skinmodel.diagnoses import CODES, DIAGNOSES
from skinmodel.images import read_photo
from skinmodel.series import SeriesPhoto
from skinmodel.sets import SetRule, SetTest
from tests.tiny import save_tiny_model

ROOT = Path(__file__).resolve().parents[2]
HEADER = ["image", *CODES, "UNK"]


@pytest.fixture(autouse=True)
def tiny_is_active(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIN_MODELS_DIR", str(model_folder.parent))


@pytest.fixture
def folder(pictures: tuple[Image.Image, ...], tmp_path: Path) -> Path:
    """Four photos named as ISIC names them, and files that are no photos."""
    place = tmp_path / "photos"
    place.mkdir()
    for i, picture in enumerate(pictures[:4]):
        picture.save(place / f"ISIC_{i}.jpg", quality=95)
    (place / "LICENSE.txt").write_text("x")
    (place / ".hidden.jpg").write_text("x")
    (place / "folder.jpg").mkdir()
    return place


def run(*arguments: object) -> int:
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as leaving:  # argparse's own refusal
        assert isinstance(leaving.code, int)
        return leaving.code


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def directly(model: Model, *paths: Path, prior: str = "balanced") -> list[float]:
    photos = [read_photo(path.read_bytes()) for path in paths]
    series = [SeriesPhoto(p.picture, p.sha256, "x") for p in photos]
    result = analyse(model, series, prior=prior)  # type: ignore[arg-type]
    return list(map(float, result.probabilities[-1]))


# diagnose


def test_diagnose_prints_a_differential(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("diagnose", folder / "ISIC_0.jpg") == 0
    out = capsys.readouterr().out
    for diagnosis in DIAGNOSES:
        line = next(line for line in out.splitlines() if diagnosis.name in line)
        assert diagnosis.behaviour in line and line.endswith("%")
    assert "All malignant diagnoses" in out
    assert "A comparison needs photos of at least 2 dates." in out
    assert out.rstrip().endswith("Model tiny-1. Decision support, not a diagnosis.")


def test_diagnose_says_what_its_set_and_alert_are_worth(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = SetTest(photos=1, cases=100, contained=91, melanomas=10, melanomas_contained=9)
    counts = {"melanomas": 10, "melanomas_below": 2, "malignant": 20, "malignant_below": 3}
    alerts = AlertTest(photos=1, **counts, benign=80, benign_below=60)
    calibration = Calibration(
        sets=SetRule(coverage=0.9, thresholds=(0.0, 0.0, *[1.0] * 6), tested=(test,)),
        alert=AlertLine(sensitivity=0.95, threshold=1.0, tested=(alerts,)),
    )
    save_tiny_model(tmp_path / "models", calibration=calibration)
    assert run("diagnose", folder / "ISIC_0.jpg", "--model", tmp_path / "models" / "tiny-1") == 0
    out = capsys.readouterr().out
    assert "91 of 100 such sets contained the diagnosis; for melanoma 9 of 10." in out
    assert "2 of 10 melanomas also fell below it; this does not exclude malignancy." in out
    assert "Probabilities at the training mix, not your clinic's." in out


def test_diagnose_takes_photos_as_one_series(
    folder: Path, model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [folder / f"ISIC_{i}.jpg" for i in (2, 0, 1)]
    assert run("diagnose", *paths, "--json") == 0
    values = json.loads(capsys.readouterr().out)
    found = {entry["code"]: entry["probability"] for entry in values["differential"]}
    wanted = directly(model, *paths, prior="training")
    assert [found[code] for code in CODES] == pytest.approx(wanted, abs=1e-6)
    assert len(values["visits"]) == 3 and values["prior"] == "training"


def test_diagnose_sorts_by_date(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [folder / f"ISIC_{i}.jpg" for i in (2, 0, 1)]
    dates = ("2025-03-01", "2024-01-31", "2025-03-01")
    assert run("diagnose", *paths, "--on", *dates, "--json") == 0
    visits = json.loads(capsys.readouterr().out)["visits"]
    assert [visit["date"] for visit in visits] == ["2024-01-31", "2025-03-01"]
    assert [p["name"] for p in visits[1]["photos"]] == ["ISIC_2.jpg", "ISIC_1.jpg"]
    assert run("diagnose", *paths, "--on", *dates) == 0
    out = capsys.readouterr().out
    assert "31 Jan 2024" in out and "1 Mar 2025" in out


def test_diagnose_leaves_out_undated_beside_dated_photos_as_the_page_does(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2025:03:12 10:00:00"
    with Image.open(folder / "ISIC_0.jpg") as image:
        image.save(folder / "dated.jpg", exif=exif)
    assert run("diagnose", folder / "ISIC_1.jpg", folder / "dated.jpg", "--json") == 0
    values = json.loads(capsys.readouterr().out)
    assert [visit["date"] for visit in values["visits"]] == ["2025-03-12"]
    assert [photo["name"] for photo in values["left_out"]] == ["ISIC_1.jpg"]
    assert "1 photo has no date and is not part of the comparison." in values["warnings"]


def test_diagnose_writes_a_heat_map_per_photo(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(folder / "ISIC_1.jpg", other / "ISIC_0.jpg")  # one name in two folders
    target = tmp_path / "new" / "maps"
    paths = (folder / "ISIC_0.jpg", other / "ISIC_0.jpg")
    assert run("diagnose", *paths, "--overlay", target) == 0
    written = sorted(path.name for path in target.iterdir())
    assert [name[:11] for name in written] == ["001_ISIC_0_", "002_ISIC_0_"]
    for name in written:
        with Image.open(target / name) as image:
            image.load()
            assert image.format == "PNG" and image.width == 160


def test_diagnose_goes_on_without_a_bad_photo(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.jpg").write_bytes((folder / "ISIC_0.jpg").read_bytes()[:900])
    photos = (folder / "ISIC_0.jpg", folder / "bad.jpg", folder / "ISIC_1.jpg")
    assert run("diagnose", *photos, "--json") == 1
    captured = capsys.readouterr()
    values = json.loads(captured.out)
    assert values["warnings"] == ["This result is from 2 of 3 photos."]
    assert [entry["name"] for entry in values["refused"]] == ["bad.jpg"]
    assert captured.err.startswith("bad.jpg: ")
    assert run("diagnose", folder / "bad.jpg", folder / "missing.jpg") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "missing.jpg: This file cannot be opened." in captured.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--on", "2025-01-01", "2025-01-02"),
        ("--on", "12.3.2025"),
        ("--prior", "mine"),
        ("--model", "nowhere"),
    ],
)
def test_a_command_without_sense_is_2(
    folder: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("diagnose", folder / "ISIC_0.jpg", *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err


def test_no_model_is_a_sentence(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SKIN_MODELS_DIR", str(tmp_path / "none"))
    assert run("diagnose", folder / "ISIC_0.jpg") == 2
    assert capsys.readouterr().err.startswith("There is no model.")


# predict


def test_predict_writes_the_challenges_format(
    folder: Path, model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    assert run("predict", folder, "--out", out) == 0
    rows = rows_of(out)
    assert rows[0] == HEADER
    assert [row[0] for row in rows[1:]] == [f"ISIC_{i}" for i in range(4)]
    for row in rows[1:]:
        values = [float(value) for value in row[1:9]]
        assert abs(sum(values) - 1) < 1e-10
        assert float(row[9]) == 0
        assert values == pytest.approx(directly(model, folder / f"{row[0]}.jpg"), abs=1e-6)
    assert "4/4" in capsys.readouterr().err  # the progress bar
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "photos"]


def test_two_photos_with_one_name_are_both_scored(folder: Path, tmp_path: Path) -> None:
    with Image.open(folder / "ISIC_1.jpg") as picture:
        picture.save(folder / "ISIC_0.png")
    out = tmp_path / "out.csv"
    assert run("predict", folder, "--out", out) == 0
    assert [row[0] for row in rows_of(out)[1:3]] == ["ISIC_0", "ISIC_0.png"]


def test_predict_with_the_training_prior(folder: Path, model: Model, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert run("predict", folder, "--out", out, "--prior", "training") == 0
    wanted = directly(model, folder / "ISIC_3.jpg", prior="training")
    assert [float(v) for v in rows_of(out)[4][1:9]] == pytest.approx(wanted, abs=1e-6)


def test_predict_reports_bad_files_and_goes_on(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "ISIC_1.jpg").write_bytes(b"")
    (folder / "scan.tif").write_bytes(b"II*\0" + bytes(50))
    out = tmp_path / "out.csv"
    assert run("predict", folder, "--out", out) == 1
    assert [row[0] for row in rows_of(out)[1:]] == ["ISIC_0", "ISIC_2", "ISIC_3"]
    err = capsys.readouterr().err
    assert "ISIC_1.jpg: This is an empty file." in err
    assert "scan.tif: " in err
    assert err.rstrip().endswith("2 of 5 photos not scored.")


def metadata_of(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(("image,age_approx,anatom_site_general,lesion_id,sex", *rows)) + "\n")
    return path


def test_predict_by_lesion(folder: Path, model: Model, tmp_path: Path) -> None:
    metadata = metadata_of(
        tmp_path / "metadata.csv",
        "ISIC_2,,,HAM_1,",
        "ISIC_0,40,,HAM_1,male",
        "ISIC_3,,,,",
        "ISIC_1,,,,",
        "ISIC_9,,,HAM_7,",  # of another folder
    )
    out = tmp_path / "out.csv"
    assert run("predict", folder, "--out", out, "--metadata", metadata, "--by-lesion") == 0
    rows = rows_of(out)
    assert rows[0] == ["lesion", *HEADER[1:]]
    assert [row[0] for row in rows[1:]] == ["HAM_1", "ISIC_3", "ISIC_1"]
    wanted = directly(model, folder / "ISIC_2.jpg", folder / "ISIC_0.jpg")
    assert [float(value) for value in rows[1][1:9]] == pytest.approx(wanted, abs=1e-6)
    wanted = directly(model, folder / "ISIC_3.jpg")
    assert [float(value) for value in rows[2][1:9]] == pytest.approx(wanted, abs=1e-6)


def test_a_photo_that_the_metadata_lacks_is_reported(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"ISIC_{i},,,HAM_{i},".replace("HAM_0", " HAM_1 ") for i in range(3)]
    metadata = metadata_of(tmp_path / "metadata.csv", *rows)
    out = tmp_path / "out.csv"
    assert run("predict", folder, "--out", out, "--metadata", metadata, "--by-lesion") == 1
    assert [row[0] for row in rows_of(out)[1:]] == ["HAM_1", "HAM_2"]
    assert "ISIC_3.jpg: This photo is not in the metadata." in capsys.readouterr().err


def test_predict_refuses_what_makes_no_sense(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, empty = tmp_path / "out.csv", tmp_path / "empty"
    empty.mkdir()
    conflict = metadata_of(tmp_path / "conflict.csv", "ISIC_1,,,A,", "ISIC_1,,,B,")
    other = tmp_path / "other.csv"
    other.write_text("image;lesion_id\nISIC_1;A\n")
    for arguments, reason in (
        ((empty,), "There are no photos in"),
        ((tmp_path / "missing",), "is not a folder"),
        ((folder, "--by-lesion"), "belong together"),
        ((folder, "--metadata", conflict), "belong together"),
        ((folder, "--by-lesion", "--metadata", conflict), "gives ISIC_1 two lesions"),
        ((folder, "--by-lesion", "--metadata", other), "has no column image"),
        ((folder, "--by-lesion", "--metadata", tmp_path / "none.csv"), "cannot be read"),
    ):
        assert run("predict", *arguments, "--out", out) == 2
        assert reason in capsys.readouterr().err
    assert run("predict", folder, "--out", tmp_path / "no" / "out.csv") == 2
    assert not out.exists()


def test_a_network_that_fails_is_no_default_class(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = predict.extract_features

    def second_is_nan(*arguments: object) -> object:
        features, early = whole(*arguments)  # type: ignore[arg-type]
        features[1] = float("nan")
        return features, early

    monkeypatch.setattr(predict, "extract_features", second_is_nan)
    out = tmp_path / "out.csv"
    assert run("predict", folder, "--out", out) == 1
    assert [row[0] for row in rows_of(out)[1:]] == ["ISIC_0", "ISIC_2", "ISIC_3"]


def test_an_unfinished_file_never_replaces_a_finished_one(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("finished")
    rows = {"a": (0.125,) * 8, "b": ("not a number",) * 8}
    with pytest.raises(ValueError):
        predict.write_csv(out, "image", rows)  # type: ignore[arg-type]
    assert out.read_text() == "finished"
    assert list(tmp_path.iterdir()) == [out]


def test_reading_ahead_is_bounded(folder: Path) -> None:
    taken = []

    class Waiting:
        def read(self, data: bytes, *, name: str = "") -> int:
            return len(data)

    def paths() -> object:
        for i in range(50):
            taken.append(i)
            yield folder / "ISIC_0.jpg"

    stream = predict.read_ahead(paths(), Waiting(), ahead=5)  # type: ignore[arg-type]
    for done in range(10):
        next(stream)
        assert len(taken) <= done + 5
    stream.close()  # type: ignore[attr-defined]


@pytest.mark.slow
def test_the_module_runs_and_knows_its_exit_code(folder: Path) -> None:
    (folder / "ISIC_1.jpg").write_text("junk")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "skinmodel",
            "diagnose",
            folder / "ISIC_0.jpg",
            folder / "ISIC_1.jpg",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "Decision support, not a diagnosis." in done.stdout
    assert "Traceback" not in done.stderr


def test_page_sized_uploads_agree_with_predict(
    real_data: Path, model: Model, tmp_path: Path
) -> None:
    folder = real_data / "uploads_600x450"
    out = tmp_path / "out.csv"
    assert run("predict", folder, "--out", out, "--prior", "training") == 0
    rows = rows_of(out)[1:]
    assert len(rows) == len(list(folder.glob("*.jpg")))
    for row in rows[:3]:
        wanted = directly(model, folder / f"{row[0]}.jpg", prior="training")
        np.testing.assert_allclose([float(v) for v in row[1:9]], wanted, atol=1e-6)

"""`python -m training fit`: from a folder to a model, and what it says when it cannot."""

import json
from pathlib import Path

import pytest
from safetensors.torch import save_file

from skinmodel.bundle import load_model
from skinmodel.network import CnnLstm
from tests.training.conftest import Layout
from training.__main__ import main


@pytest.fixture
def settings(tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path / "var"))
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({**tiny.to_dict(), "epochs": 1}))
    return path


def fit(isic: Layout, settings: Path, *more: str) -> int:
    out = settings.parent / "run"
    given = ["--data", str(isic.folder), "--out", str(out), "--config", str(settings)]
    return main(["fit", *given, *more])


def test_a_folder_becomes_a_model(isic: Layout, settings: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("training.measuring.evaluate.RESAMPLES", 20)
    about = settings.parent / "about.json"
    about.write_text('{"licence": "mine"}')
    assert fit(isic, settings, "--version", "2.0", "--about", str(about)) == 0
    model = load_model(settings.parent / "run" / "models" / "2.0")
    assert (model.version, model.card["licence"]) == ("2.0", "mine")
    # The card says how it was made, but not where on this machine.
    assert model.card["training"]["command"] == (
        "python -m training fit --data isic --out run --config settings.json --about about.json"
        " --version 2.0"
    )
    said = capsys.readouterr().out
    assert "test: " in said and "epoch 1/1 at 24 px" in said and "balanced accuracy" in said
    assert fit(isic, settings, "--version", "2.0") == 0
    assert "This run is finished" in capsys.readouterr().out

    # A setting of another version, and no checkpoint to go on from: the candidate is made anew.
    run = settings.parent / "run"
    (run / "last.safetensors").unlink()
    written = model.card["training"]["settings"] | {"mixup": 0.2}
    (run / "config.json").write_text(json.dumps(written))
    assert main(["fit", "--data", str(isic.folder), "--out", str(run), "--version", "2.1"]) == 0
    again = load_model(run / "models" / "2.1")
    assert (again.sha256, again.calibration) == (model.sha256, model.calibration)
    assert again.card["training"]["settings"]["mixup"] == 0.2
    (run / "history.jsonl").write_text("")  # not finished, so the setting would matter
    assert main(["fit", "--data", str(isic.folder), "--out", str(run)]) == 2
    assert "mixup" in capsys.readouterr().err


def test_bad_data_is_listed_and_nothing_is_made(isic: Layout, settings: Path, capsys) -> None:
    sorted(isic.photos.iterdir())[0].unlink()
    assert fit(isic, settings) == 2
    assert "photos are missing" in capsys.readouterr().err
    assert not (settings.parent / "run").exists()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"epochz": 3}',
        '{"epochs": 0}',
        '{"learns": "all of it"}',
        '{"views": 0}',
        '{"augmentation": 3}',
    ],
)
def test_bad_settings_are_named(isic: Layout, settings: Path, capsys, text: str) -> None:
    settings.write_text(text)
    assert fit(isic, settings) == 2
    said = capsys.readouterr().err
    assert "settings" in said and "Traceback" not in said


def test_a_diagnosis_without_lesions_to_learn_from_is_refused(
    isic: Layout, settings: Path, capsys
) -> None:
    for table in (isic.truth, isic.metadata):
        isic.change(table, lambda t: t[~t["image"].str.contains("VASC")])
    assert fit(isic, settings) == 2
    assert "vascular lesion" in capsys.readouterr().err


def test_a_head_is_trained_on_a_backbone_that_is_kept(
    isic: Layout, settings: Path, tiny, capsys, monkeypatch
) -> None:
    monkeypatch.setattr("training.measuring.evaluate.RESAMPLES", 20)
    assert fit(isic, settings, "--learns", "head") == 2
    assert "weights to start from" in capsys.readouterr().err
    init = settings.parent / "backbone.safetensors"
    save_file(CnnLstm(tiny.model).backbone.state_dict(), init)
    assert fit(isic, settings, "--learns", "head", "--init", str(init)) == 0
    said = capsys.readouterr().out
    assert "starting from backbone.safetensors: backbone\n" in said
    assert "features: " in said
    folder = settings.parent / "run" / "models" / "candidate"
    made = load_model(folder).card["training"]
    assert made["settings"]["learns"] == "head"
    assert made["command"].endswith(
        "--init backbone.safetensors --config settings.json --learns head --version candidate"
    )

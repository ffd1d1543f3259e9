"""The outline network: learns drawn lesions, is measured honestly, resumes, and comes back."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skinmodel.drawn import draw_lesion, lesion_mask
from skinmodel.outline import find_outline
from skinmodel.outline_bundle import load_outline_model
from skinmodel.weights import InvalidModel
from training.__main__ import main
from training.data.splits import SHARES, split_of
from training.outline.examples import changed
from training.outline.fit import OutlineConfig
from training.outline.measure import OutlineScores, fit_certainty, overlap
from training.outline.run import run_outline

SIZE = (200, 150)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve drawn lesions in ISIC 2019's layout, with their true outlines."""
    folder = tmp_path_factory.mktemp("drawn")
    photos, masks = folder / "X_Input", folder / "masks"
    photos.mkdir()
    masks.mkdir()
    wanted = {"train": 6} | {split: 2 for split, _ in SHARES[1:]}
    codes = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC")
    truth = ["image," + ",".join(codes)]
    lesions = ["image,lesion_id"]
    number = 0
    while any(wanted.values()):
        number += 1
        split = split_of(f"L{number}")
        if not wanted[split]:
            continue
        wanted[split] -= 1
        draw_lesion(number, size=SIZE).save(photos / f"P{number}.jpg", quality=95)
        Image.fromarray(lesion_mask(number, size=SIZE)).save(masks / f"P{number}.png")
        truth.append(f"P{number}," + ",".join("1" if c == "NV" else "0" for c in codes))
        lesions.append(f"P{number},L{number}")
    (folder / "X_GroundTruth.csv").write_text("\n".join(truth))
    (folder / "X_Metadata.csv").write_text("\n".join(lesions))
    return folder


@pytest.fixture(scope="module")
def trained(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over the drawn lesions, stopped by nobody."""
    run = tmp_path_factory.mktemp("runs") / "outline"
    settings = run.with_suffix(".json")
    settings.write_text(
        json.dumps({"epochs": 4, "batch": 6, "average": 0.5, "learning_rate": 5e-3})
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKIN_DATA_DIR", str(run.parent))
        command = f"fit-outline --data {drawn} --out {run} --config {settings} --version 0.1"
        assert main(command.split()) == 0
    return run


def test_a_run_learns_and_is_measured_on_lesions_kept_apart(trained: Path) -> None:
    lines = [json.loads(line) for line in (trained / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert lines[-1]["loss"] < lines[0]["loss"]
    model = load_outline_model(trained / "models" / "0.1")
    numbers = model.card["numbers"]
    assert numbers["photos"] == numbers["lesions"] == 2
    assert numbers["mean_dice"][1] <= numbers["mean_dice"][0] <= numbers["mean_dice"][2]
    found = find_outline(model, draw_lesion(901, size=(600, 450)))
    assert found.mask.shape == (300, 400)
    assert find_outline(model, draw_lesion(902, size=(450, 600))).mask.shape == (400, 300)


def test_a_stopped_run_goes_on(drawn: Path, trained: Path, tmp_path: Path) -> None:
    """Stopped after two epochs and started again, it ends with the same weights."""
    calls = 0

    def stop() -> bool:
        nonlocal calls
        calls += 1
        return calls > 2

    whole = json.loads((trained / "config.json").read_text())

    def run(stop: Callable[[], bool]) -> Path | None:
        return run_outline(
            data=drawn,
            out=tmp_path / "run",
            cache=trained.parent / "cache",
            config=OutlineConfig(**whole),
            init=None,
            version="0.1",
            about={},
            progress=lambda *_: None,
            log=lambda _: None,
            stop=stop,
        )

    assert run(stop) is None
    assert len((tmp_path / "run" / "history.jsonl").read_text().splitlines()) == 2
    finished = run(lambda: False)
    assert finished is not None
    name = "weights.safetensors"
    assert (finished / name).read_bytes() == (trained / "models" / "0.1" / name).read_bytes()


def test_changed_weights_are_refused(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "0.1"
    folder.mkdir()
    for file in (trained / "models" / "0.1").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights = bytearray((folder / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(weights)
    with pytest.raises(InvalidModel, match="SHA-256"):
        load_outline_model(folder)


def test_a_folder_without_outlines_is_refused(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for file in drawn.iterdir():
        if file.name != "masks":
            (bare / file.name).symlink_to(file)
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path))
    assert main(["fit-outline", "--data", str(bare), "--out", str(tmp_path / "run")]) == 2
    assert "no folder masks" in capsys.readouterr().err


def test_photo_and_outline_move_together() -> None:
    size = (320, 240)
    mask = np.where(lesion_mask(3, size=size), 255, 0).astype(np.uint8)
    marked = np.repeat(mask[..., None], 3, axis=2)  # the outline itself as the photo
    random = np.random.default_rng(0)
    for _ in range(20):
        photo, outline = changed(marked, mask, (96, 128), random)
        assert overlap(photo.mean(axis=2) > 110, outline > 127) > 0.9


def test_certainty_catches_most_poor_outlines() -> None:
    dice = np.array([0.95] * 20 + [0.5] * 5)
    certainty = np.concatenate([np.linspace(0.9, 0.99, 20), [0.4, 0.5, 0.6, 0.7, 0.95]])
    sure_from = fit_certainty(OutlineScores(dice, certainty))
    assert 0.7 < sure_from < 0.9

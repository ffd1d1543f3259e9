"""`python -m training refit-unknown`: another unknown score, and everything else as it was."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from skinmodel.bundle import MODEL_KEYS, load_model
from skinmodel.golden import check
from skinmodel.weights import WEIGHTS
from tests.training.conftest import Layout
from training.__main__ import main
from training.data.manifest import InvalidData
from training.learning.config import TrainConfig
from training.learning.run import Run, open_run, train
from training.measuring.candidate import make_candidate
from training.measuring.skin import cut_pieces, lesion_piece, plain_skin, toward_skin


@pytest.fixture(scope="module")
def outlined(drawn_isic: Layout, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set with an outline beside each photo but one."""
    folder = tmp_path_factory.mktemp("outlined") / "isic"
    shutil.copytree(drawn_isic.folder, folder)
    (folder / "masks").mkdir()
    outline = np.zeros((72, 96), dtype=np.uint8)
    outline[20:52, 34:66] = 255  # a little less than the patch, for a piece to fit beside it
    for photo in sorted(drawn_isic.photos.iterdir())[1:]:
        Image.fromarray(outline).save(folder / "masks" / f"{photo.stem}.png")
    return folder


@pytest.fixture(scope="module")
def opened(outlined: Path, tmp_path_factory: pytest.TempPathFactory, tiny: TrainConfig) -> Run:
    place = tmp_path_factory.mktemp("made")
    return open_run(
        data=outlined, folder=place / "run", config=replace(tiny, epochs=1),
        cache=place / "cache", progress=lambda *_: None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(opened: Run) -> Path:
    """A model whose run had no outlines."""
    train(opened, init=None, log=lambda _: None, stop=lambda: False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.measuring.evaluate.RESAMPLES", 20)
        patch.setattr("training.measuring.refusal.LEARNED", 0)
        patch.setattr("training.measuring.refusal.CHANGED", 3)
        return make_candidate(
            opened, opened.folder.parent / "model", version="1.0", about={"name": "n"}, command="c"
        )


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("training.measuring.evaluate.RESAMPLES", 20)
    monkeypatch.setattr("training.measuring.refusal.CHANGED", 3)
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path / "var"))


def refit(model: Path, data: Path, out: Path, *more: str) -> int:
    given = ["--model", str(model), "--data", str(data), "--out", str(out), "--version", "1.1"]
    return main(["refit-unknown", *given, *more])


def test_plain_skin_gets_a_part_in_the_score(
    made: Path, outlined: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    about, out = tmp_path / "about.json", tmp_path / "1.1"
    about.write_text(json.dumps({"limits": ["other limits"]}))
    assert refit(made, outlined, out, "--about", str(about)) == 0
    before, after = load_model(made), load_model(out)
    assert (out / WEIGHTS).read_bytes() == (made / WEIGHTS).read_bytes()
    assert after.version == "1.1" and check(out) == ""
    assert after.unknown and after.unknown.skin and before.unknown and not before.unknown.skin
    assert replace(after.calibration, alert=None) == replace(before.calibration, alert=None)
    assert after.calibration.alert and before.calibration.alert
    assert after.calibration.alert.threshold == before.calibration.alert.threshold
    moved = {"numbers", "measured", "limits", *MODEL_KEYS}
    kept = before.card.keys() - moved
    assert kept and all(after.card[name] == before.card[name] for name in kept)
    assert after.card["limits"] == ["other limits"]
    assert after.card["measured"]["unknown"]["refitted_from"] == "1.0"
    mine, old = after.card["numbers"], before.card["numbers"]
    assert all(mine[name] == old[name] for name in old.keys() - {"unknown", "alert"})
    found, then = mine["unknown"], old["unknown"]
    assert "What skin is was learned" in found["how"] and "has no part in it" in then["how"]
    assert found["plain_skin"]["pictures"] == found["lesion_pieces"]["pictures"] == 16
    # A patch of one colour is nothing like the mottled skin around it.
    assert found["plain_skin"]["refused"] >= then["plain_skin"]["refused"]
    assert found["plain_skin"]["auroc"] > 0.9
    as_is, *changed = found["made_otherwise"].values()
    assert as_is["photos"] == as_is["skin"] == 3 and len(changed) > 5
    assert f"{found['plain_skin']['refused']} of 16 pieces of plain skin" in capsys.readouterr().out


def test_without_outlines_it_goes_on_and_says_so(
    made: Path, drawn_isic: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refit(made, drawn_isic.folder, tmp_path / "1.1") == 0
    after, before = load_model(tmp_path / "1.1"), load_model(made)
    found = after.card["numbers"]["unknown"]
    assert found["plain_skin"] is None and "has no part in it" in found["how"]
    assert "plain skin" not in capsys.readouterr().out
    assert after.unknown and after.unknown.skin is None and before.unknown
    for name, tensor in before.unknown.to_tensors().items():
        torch.testing.assert_close(after.unknown.to_tensors()[name], tensor)


def test_what_is_there_stays_and_other_photos_are_refused(
    made: Path, isic: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refit(made, isic.folder, made) == 2
    assert "is there already" in capsys.readouterr().err
    isic.change(isic.truth, lambda table: table.iloc[20:])
    assert refit(made, isic.folder, tmp_path / "1.1") == 2
    assert not (tmp_path / "1.1").exists()


def test_pieces_are_as_large_and_of_one_lesion_each(opened: Run) -> None:
    found = cut_pieces(opened, "train", 10)
    again = cut_pieces(opened, "train", 10)
    assert len(found.skin) == len(found.lesion) == len(set(found.photos)) == 10
    assert found.photos == again.photos
    for skin, lesion, same in zip(found.skin, found.lesion, again.lesion, strict=True):
        assert skin.shape == lesion.shape
        np.testing.assert_array_equal(lesion, same)
    lesions = opened.table["lesion"].loc[list(found.photos)]
    assert lesions.is_unique
    # One lesion's first photo has no outline.
    assert len(cut_pieces(opened, "train", 10**6).skin) == 23


def test_an_outline_that_is_no_picture_is_named(
    outlined: Path, opened: Run, tmp_path: Path
) -> None:
    paths = opened.table["path"].str.replace(str(outlined), str(tmp_path))
    (tmp_path / "masks").mkdir()
    for image in opened.table["image"]:
        (tmp_path / "masks" / f"{image}.png").write_bytes(b"no picture")
    broken = replace(opened, table=opened.table.assign(path=paths))
    with pytest.raises(InvalidData, match=r"outline .*\.png cannot be read"):
        cut_pieces(broken, "train", 5)


def test_a_piece_shows_what_it_is_cut_from() -> None:
    pixels = np.zeros((150, 200, 3), dtype=np.uint8)
    lesion = np.zeros((150, 200), dtype=bool)
    lesion[30:120, 90:200] = True
    pixels[lesion] = 200
    for seed in range(5):
        random = np.random.default_rng(seed)
        piece = plain_skin(pixels, lesion, random)
        assert piece is not None and piece.max() == 0
        assert piece.shape[0] >= 45
        part = lesion_piece(pixels, lesion, (60, 80), random)
        assert part.shape == (60, 80, 3) and part.max() == 200
    lesion[:] = True
    assert plain_skin(pixels, lesion, np.random.default_rng(0)) is None


def test_the_direction_leads_to_skin_and_not_to_what_is_enlarged() -> None:
    """Feature 0 tells skin, feature 1 tells pieces from photos, feature 2 is noise."""
    random = torch.Generator().manual_seed(1)
    noise = 0.1 * torch.randn(3, 200, 3, generator=random)
    skin, parts, photos = noise + torch.tensor([[1, 1, 0], [0, 1, 0], [0, 0, 0]])[:, None]
    away = toward_skin(skin, [parts, photos])
    assert away[0] > 3 * away[1:].abs().max()
    small = toward_skin(skin, [photos])
    assert small[1] > 0.7 * small[0]

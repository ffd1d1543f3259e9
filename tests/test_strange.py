"""The benchmark of strange pictures: what it counts, and what it says when it cannot."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import answers, robustness, strange
from skinmodel.bundle import load_model, rewrite_card
from skinmodel.images import read_photo
from skinmodel.unknown import THRESHOLD, fit_unknown
from skinmodel.weights import InvalidModel
from tests.tiny import save_tiny_model
from tests.training.conftest import write_isic
from training.data.manifest import read_isic
from training.measuring.decoys import KINDS

SMALL = {"filters": (6, 8), "lstm_units": 8}
CROPS = 3
RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of drawn lesions, and two of other things in other formats."""
    folder = tmp_path_factory.mktemp("data")
    write_isic(folder / "isic2019")
    (folder / "not_skin").mkdir()
    for name in ("tall.png", "wide.jpg"):
        size = (210, 160, 3) if name == "tall.png" else (160, 480, 3)
        noise = RANDOM.integers(0, 256, size, dtype=np.uint8)
        Image.fromarray(noise).save(folder / "not_skin" / name)
    return folder


@pytest.fixture(scope="module")
def models(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model in use, whose unknown score knows the drawn lesions."""
    folder = tmp_path_factory.mktemp("models")
    bare = load_model(save_tiny_model(folder / "bare", **SMALL))
    pictures = [
        read_photo(Path(p).read_bytes()).picture for p in read_isic(data / "isic2019").table["path"]
    ]
    with torch.no_grad():
        photos = torch.stack([bare.preparation.to_tensor(one) for one in pictures])
        maps, early = bare.network.forward_intermediates(photos)
    seen = maps.mean(dim=(-2, -1)), early
    labels = np.zeros(len(pictures))
    unknown = fit_unknown(*seen, labels, held_out=seen, lesions=np.arange(len(pictures)))
    save_tiny_model(folder / "in use", "1.0", unknown=unknown, **SMALL)
    return folder


def use(monkeypatch: pytest.MonkeyPatch, models: Path, data: Path) -> None:
    monkeypatch.setenv("SKIN_MODELS_DIR", str(models))
    monkeypatch.setenv("SKIN_DATA_DIR", str(models / "own"))
    monkeypatch.setenv("SKIN_TEST_DATA", str(data))


def test_every_picture_and_its_pieces_are_counted(
    models: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, models / "in use", data)
    found = strange.measure(data, most=5, crops=CROPS)
    assert found["lesions"] == 5
    others, shots, drawn, every = found["kinds"].values()
    assert others["pictures"] == 2 * (1 + CROPS)
    assert shots["pictures"] == len(list(strange.SCREENSHOTS.glob("*.webp"))) * (1 + CROPS)
    assert drawn["pictures"] == len(KINDS) * CROPS
    for name in ("pictures", "refused"):
        assert every[name] == others[name] + shots[name] + drawn[name]
    assert all(0 <= one["auroc"] <= 1 for one in found["kinds"].values())
    assert found == strange.measure(data, most=5, crops=CROPS)  # the same pieces each time


def test_refused_is_what_the_clinic_would_refuse(
    models: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, models / "in use", data)
    model = load_model(models / "in use" / "1.0")
    assert model.unknown
    found = strange.measure(data, most=5, crops=1, seed=4)["kinds"]["photos of other things"]
    whole = [Image.open(path).convert("RGB") for path in sorted((data / "not_skin").iterdir())]
    pictures = strange._with_crops(whole, 1, np.random.default_rng(4))
    maps, early = model.network.forward_intermediates(
        torch.stack([model.preparation.to_tensor(one) for one in pictures])
    )
    scores = model.unknown.scores(maps.mean(dim=(-2, -1)), early)
    assert found["refused"] == (scores > THRESHOLD).sum()


@pytest.mark.parametrize("size", [(40, 300), (300, 40), (7, 5)])
def test_pieces_lie_inside_their_picture(size: tuple[int, int]) -> None:
    inside = Image.new("RGB", size, (200, 100, 50))
    found = strange._with_crops([inside], 20, np.random.default_rng(1))
    assert found[0] is inside and len(found) == 21
    for piece in found[1:]:
        assert piece.width * piece.height > 0
        # Beyond a picture's edges a crop would be black.
        assert np.asarray(piece).min(axis=(0, 1)).tolist() == [200, 100, 50]


def test_a_card_keeps_what_was_found(
    models: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of that model, not of the one in use."""
    use(monkeypatch, models / "bare", data)
    model = Path(shutil.copytree(models / "in use" / "1.0", tmp_path / "1.0"))
    rewrite_card(model, {"numbers": {"series": 1, "unknown": {"test": 2}}})
    strange.keep(model, data, most=5, crops=1)
    numbers = load_model(model).card["numbers"]
    found = numbers["unknown"].pop("other_pictures")
    assert numbers == {"series": 1, "unknown": {"test": 2}}
    use(monkeypatch, models / "in use", data)
    assert found == {"how": strange.HOW} | strange.measure(data, most=5, crops=1)


def test_what_cannot_be_measured_is_said(
    models: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    use(monkeypatch, models / "bare", data)
    with pytest.raises(InvalidModel, match="has no unknown score"):
        strange.measure(data)

    use(monkeypatch, models / "in use", tmp_path)
    assert list(answers.strange()) == [] and "no isic2019" in capsys.readouterr().err
    (tmp_path / "isic2019").symlink_to(data / "isic2019")
    (tmp_path / "not_skin").mkdir()
    with pytest.raises(SystemExit, match="There are no photos in"):
        list(answers.strange())
    (tmp_path / "not_skin" / "half.jpg").write_bytes(b"\xff\xd8 and no more")
    with pytest.raises(SystemExit, match=r"half\.jpg: "):
        list(answers.strange())


def test_the_report_says_what_was_found(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.setattr(robustness, "data_folder", lambda: data)
    told = {"pictures": 8, "refused": 7}
    kinds = {"cats": told | {"auroc": 0.99}, "dogs": told | {"auroc": 0.97}}
    result = {"lesions": 200, "lesions_refused": 3, "kinds": kinds}
    monkeypatch.setattr(strange, "measure", lambda folder: result)
    cats, dogs = answers.strange()
    assert cats.met and not dogs.met
    assert cats.figures == "7 of 8 pictures refused; 3 of 200 photos of lesions"

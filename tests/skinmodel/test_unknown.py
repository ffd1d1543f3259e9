"""The unknown score: what is beside the training photos scores high, on disk and in a result."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from skinmodel import __main__ as cli
from skinmodel import export
from skinmodel.analysis import analyse, extract_features
from skinmodel.bundle import InvalidModel, Model, load_model, save_model
from skinmodel.casemix import CaseMix
from skinmodel.diagnoses import CODES
from skinmodel.network import CnnLstm
from skinmodel.series import SeriesPhoto
from skinmodel.unknown import THRESHOLD, Early, Unknown, fit_unknown

WIDTH, EARLY_WIDTH = 60, 10


@pytest.fixture(scope="module")
def plane() -> torch.Tensor:
    """Features (400, 60) that lie near a few directions, as a network's do."""
    random = torch.Generator().manual_seed(3)
    directions = torch.rand(6, WIDTH, generator=random)
    along = torch.rand(400, 6, generator=random)
    return along @ directions + 0.05 * torch.rand(400, WIDTH, generator=random)


@pytest.fixture(scope="module")
def early() -> torch.Tensor:
    """Early features (400, 10) that vary together, the last never."""
    random = torch.Generator().manual_seed(5)
    mixed = torch.rand(400, EARLY_WIDTH, generator=random) @ torch.rand(
        EARLY_WIDTH, EARLY_WIDTH, generator=random
    )
    mixed[:, -1] = 0.5
    return mixed


def fit(plane: torch.Tensor, early: torch.Tensor, keep: float = 0.98) -> Unknown:
    return fit_unknown(
        plane[:200], early[:200], np.arange(200) % 3,
        held_out=(plane[200:300], early[200:300]), lesions=np.arange(100) // 2, keep=keep,
    )  # fmt: skip


@pytest.fixture(scope="module")
def unknown(plane: torch.Tensor, early: torch.Tensor) -> Unknown:
    return fit(plane, early)


@pytest.mark.parametrize("keep", [0.98, 0.8])
def test_so_many_lesions_are_kept(plane: torch.Tensor, early: torch.Tensor, keep: float) -> None:
    """Of fifty, or one more where both distances have the last that is kept at the same place."""
    unknown = fit(plane, early, keep)
    scores = unknown.scores(plane[200:300], early[200:300])
    kept = (scores.reshape(50, 2) <= THRESHOLD).all(axis=1)
    assert 50 * keep <= kept.sum() <= 50 * keep + 1
    assert scores.min() >= 0 and scores.max() <= 1
    assert np.median(unknown.scores(plane[300:], early[300:])) < 0.1


def test_what_lies_elsewhere_is_refused(
    unknown: Unknown, plane: torch.Tensor, early: torch.Tensor
) -> None:
    """In either features: the other then has no say."""
    elsewhere = torch.rand(20, WIDTH, generator=torch.Generator().manual_seed(4))
    assert (unknown.scores(elsewhere, early[:20]) > 0.9).all()
    assert (unknown.scores(plane[:20], early[:20] + 2) > 0.9).all()
    assert (unknown.scores(plane[:20], early[:20]) < THRESHOLD).all()
    nothing = torch.zeros(1, WIDTH), torch.zeros(1, EARLY_WIDTH)
    assert np.isfinite(unknown.scores(*nothing)).all()


def test_a_model_without_early_features_scores_as_before(
    unknown: Unknown, plane: torch.Tensor, early: torch.Tensor
) -> None:
    """Models 1.1 and 1.2 were made before they counted: the logistic of one distance."""
    tensors = unknown.to_tensors()
    assert len(tensors) == 8
    old = Unknown.from_tensors({n: t for n, t in tensors.items() if not n.startswith("early_")})
    assert old.early is None and len(old.to_tensors()) == 4
    expected = 1 / (1 + np.exp((float(old.middle) - old.beside(plane)) / float(old.width)))
    np.testing.assert_allclose(old.scores(plane, early + 9), expected)
    again = Unknown.from_tensors(tensors)
    np.testing.assert_array_equal(again.scores(plane, early), unknown.scores(plane, early))


def test_plain_skin_has_a_say_where_it_was_learned(
    plane: torch.Tensor, early: torch.Tensor
) -> None:
    """Along one direction, far less than the other distances would mind."""
    toward = torch.zeros(EARLY_WIDTH)
    toward[-1] = 1.0  # in which lesions never differ, but for what is added here
    spread = early.clone()
    spread[:, -1] += 0.3 * torch.rand(400, generator=torch.Generator().manual_seed(7))
    held_out, lesions = (plane[200:300], spread[200:300]), np.arange(100) // 2
    found = fit_unknown(
        plane[:200], spread[:200], np.arange(200) % 3, held_out=held_out, lesions=lesions,
        to_skin=toward,
    )  # fmt: skip
    kept = (found.scores(*held_out).reshape(50, 2) <= THRESHOLD).all(axis=1)
    assert 49 <= kept.sum() <= 50
    skin = spread[:20].clone()
    skin[:, -1] = 0.95
    assert (found.scores(plane[:20], skin) > THRESHOLD).all()
    without = replace(found, skin=None)
    assert (without.scores(plane[:20], skin) < THRESHOLD).any()
    np.testing.assert_array_equal(
        without.scores(plane, spread) > found.scores(plane, spread), np.zeros(400)
    )
    tensors = found.to_tensors()
    assert len(tensors) == 11
    again = Unknown.from_tensors(tensors)
    np.testing.assert_array_equal(
        again.scores(plane, skin.repeat(20, 1)[:400]), found.scores(plane, skin.repeat(20, 1)[:400])
    )
    with pytest.raises(ValueError, match="lacks skin_width"):
        Unknown.from_tensors({n: one for n, one in tensors.items() if n != "skin_width"})
    with pytest.raises(ValueError, match="do not fit"):
        Unknown.from_tensors(tensors | {"skin_direction": torch.tensor(1.0)})


def with_unknown(model: Model, photos: tuple[SeriesPhoto, ...], middle: float) -> Model:
    """The model with a score whose threshold lies at a share of these photos' distances."""
    maps, early = extract_features(model, [photo.picture for photo in photos])
    seen = maps.mean((2, 3)), early
    fitted = fit_unknown(*seen, np.zeros(len(photos)), held_out=seen, lesions=np.arange(6))
    assert fitted.early
    # In widths, and so one line for both distances.
    line = torch.tensor(np.quantile(fitted.distances(*seen), middle), dtype=torch.float32)
    late = fitted.middle + line * fitted.width
    moved = replace(fitted.early, middle=fitted.early.middle + line * fitted.early.width)
    return replace(model, unknown=replace(fitted, middle=late, early=moved))


def test_one_strange_photo_withholds_the_result(
    model: Model, photos: tuple[SeriesPhoto, ...]
) -> None:
    strict = with_unknown(model, photos, 0.9)
    result = analyse(strict, photos, explain=False)
    assert not result.assessed
    assert result.unknown == result.unknown_by_photo.max() > THRESHOLD
    assert (result.unknown_by_photo > THRESHOLD).sum() == 1
    kept = [p for p, far in zip(result.photos, result.unknown_by_photo, strict=True) if far < 0.5]
    assert analyse(strict, kept, explain=False).assessed
    assert analyse(model, photos, explain=False).unknown is None


def test_the_score_does_not_move_with_the_mix(
    model: Model, photos: tuple[SeriesPhoto, ...]
) -> None:
    measured = with_unknown(model, photos, 0.5)
    mix = CaseMix.from_dict(dict(zip(CODES, (0.65, *(0.05,) * 7), strict=True)))
    results = [analyse(measured, photos, prior=p, explain=False) for p in ("balanced", mix)]
    np.testing.assert_array_equal(results[0].unknown_by_photo, results[1].unknown_by_photo)


def test_numbers_are_withheld_until_asked_for(
    model: Model, photos: tuple[SeriesPhoto, ...]
) -> None:
    result = analyse(with_unknown(model, photos, 0.9), photos, explain=False)
    strange = int(result.unknown_by_photo.argmax()) + 1
    said = export.refusal(result)
    assert said and f"photo {strange} does not look like a dermoscopic photo" in said
    assert "This says nothing about whether the lesion is harmless." in said
    values = export.to_dict(result)
    assert values["not_assessed_because"] == said and not values["assessed"]
    assert values["differential"] == [] and values["malignancy"] is None
    assert values["visits"][0]["this_visit_alone"] is None
    row = next(csv.DictReader(io.StringIO(export.to_csv(result))))
    assert row["MEL"] == row["malignancy"] == "" and said in row["warnings"]
    assert len(export.to_dict(result, anyway=True)["differential"]) == 8
    row = next(csv.DictReader(io.StringIO(export.to_csv(result, anyway=True))))
    assert float(row["MEL"]) == result.probabilities[0, 0] and said in row["warnings"]


def test_the_command_line_withholds_and_fills_unk(
    model: Model,
    photos: tuple[SeriesPhoto, ...],
    make_network: Callable[..., CnnLstm],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    strict = with_unknown(model, photos, 0.0)
    folder = saved(strict, make_network(), tmp_path)
    (tmp_path / "photos").mkdir()
    photo = tmp_path / "photos" / "one.png"
    photos[0].picture.save(photo)
    assert cli.main(["diagnose", str(photo), "--model", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "Not assessed: this does not look like a dermoscopic photo of" in said
    assert "%" not in said
    assert cli.main(["diagnose", str(photo), "--model", str(folder), "--anyway"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Not assessed") and "Melanoma (MEL)" in said
    out = tmp_path / "out.csv"
    assert cli.main(["predict", str(photo.parent), "--out", str(out), "--model", str(folder)]) == 0
    row = next(csv.DictReader(io.StringIO(out.read_text())))
    assert float(row["UNK"]) > THRESHOLD
    assert sum(float(row[code]) for code in CODES) == pytest.approx(1)


def saved(model: Model, network: CnnLstm, folder: Path) -> Path:
    return save_model(
        folder / "m-1",
        network,
        version="m-1",
        preparation=model.preparation,
        calibration=model.calibration,
        unknown=model.unknown,
    )


def test_it_comes_back_from_disk(
    model: Model,
    photos: tuple[SeriesPhoto, ...],
    make_network: Callable[..., CnnLstm],
    tmp_path: Path,
) -> None:
    measured = with_unknown(model, photos, 0.5)
    seen = torch.rand(9, 12), torch.rand(9, 8)
    again = load_model(saved(measured, make_network(), tmp_path))
    assert measured.unknown and again.unknown
    np.testing.assert_array_equal(again.unknown.scores(*seen), measured.unknown.scores(*seen))


def test_another_or_a_changed_score_is_refused(
    model: Model,
    photos: tuple[SeriesPhoto, ...],
    make_network: Callable[..., CnnLstm],
    tmp_path: Path,
) -> None:
    measured = with_unknown(model, photos, 0.5)
    for filters in ((6, 8, 10), (6, 10, 12)):  # other features at the end, and other early ones
        folder = saved(measured, make_network(filters=filters), tmp_path / str(filters))
        with pytest.raises(InvalidModel, match="of another network"):
            load_model(folder)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"unknown_sha256": "0" * 64}))
    with pytest.raises(InvalidModel, match=r"unknown\.safetensors is incomplete or was changed"):
        load_model(folder)
    with pytest.raises(ValueError, match="lacks basis"):
        Unknown.from_tensors({"mean": torch.zeros(3)})
    assert measured.unknown
    tensors = measured.unknown.to_tensors()
    del tensors["early_mean"]
    with pytest.raises(ValueError, match="lacks early_mean"):
        Unknown.from_tensors(tensors)
    with pytest.raises(ValueError, match="not finite"):
        Early(
            mean=torch.full((2,), float("nan")), whitening=torch.eye(2),
            middle=torch.tensor(0.0), width=torch.tensor(1.0),
        )  # fmt: skip

"""`python -m training remeasure`: only the card's numbers change, and only on the right photos."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

from skinmodel.bundle import CARD, load_model, rewrite_card
from skinmodel.network import CnnLstm
from tests.training.conftest import Layout
from training.__main__ import main
from training.data.manifest import read_isic
from training.data.seen import SEEN, fingerprints
from training.data.splits import assign
from training.learning.config import TrainConfig
from training.learning.loop import fit
from training.learning.run import open_run, train
from training.measuring.candidate import make_candidate


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("training.measuring.evaluate.RESAMPLES", 20)
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path / "var"))


@pytest.fixture(scope="module")
def once(drawn_isic: Layout, tmp_path_factory: pytest.TempPathFactory, tiny: TrainConfig) -> Path:
    """A model made from the data set; nobody changes it."""
    place = tmp_path_factory.mktemp("made")
    run = open_run(
        data=drawn_isic.folder, folder=place / "run", config=replace(tiny, epochs=1),
        cache=place / "cache", progress=lambda *_: None,
    )  # fmt: skip
    train(run, init=None, log=lambda _: None, stop=lambda: False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.measuring.evaluate.RESAMPLES", 20)
        return make_candidate(run, place / "model", version="t", about={}, command="c")


@pytest.fixture
def made(once: Path, tmp_path: Path) -> Path:
    """A copy of the model, free to be written to."""
    return Path(shutil.copytree(once, tmp_path / "model"))


def remeasure(model: Path, data: Path, *more: str) -> int:
    return main(["remeasure", "--model", str(model), "--data", str(data), *more])


def test_a_card_is_measured_anew_and_answers_as_before(made: Path, isic: Layout) -> None:
    before = load_model(made)
    expected = dict(before.card["numbers"])
    elsewhere = {"other_pictures": {"how": "measured elsewhere"}}
    rewrite_card(made, {"numbers": {"unknown": elsewhere, "sets": None}})
    assert remeasure(made, isic.folder, "--photos", "5") == 0
    after = load_model(made)
    numbers = after.card["numbers"]
    assert (after.sha256, after.calibration) == (before.sha256, before.calibration)
    assert numbers["unknown"].pop("other_pictures") == elsewhere["other_pictures"]
    robust, old = numbers.pop("robustness"), expected.pop("robustness")
    expected["unknown"].pop("left_out")
    assert numbers == expected
    assert robust["photos"] == 5 and set(robust["changes"]) > set(old["changes"])
    assert set(after.card["measured"]) == {"numbers", "robustness"}
    untouched = before.card.keys() - {"numbers"}
    assert all(after.card[name] == before.card[name] for name in untouched)


def test_other_photos_are_refused(
    made: Path, isic: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    card = (made / CARD).read_bytes()
    gone = assign(read_isic(isic.folder).table).query("split == 'test'")["image"].iloc[0]
    isic.change(isic.truth, lambda t: t[t["image"] != gone])
    assert remeasure(made, isic.folder, "--only", "robustness") == 2
    assert "other photos than the model was made from" in capsys.readouterr().err
    assert (made / CARD).read_bytes() == card


@pytest.mark.parametrize(
    ("sides", "said"), [(None, "does not say which"), ("train", "has met 16 of")]
)
def test_test_lesions_that_may_have_been_met_are_refused(
    made: Path, isic: Layout, capsys: pytest.CaptureFixture[str], sides: str | None, said: str
) -> None:
    table = read_isic(isic.folder).table.assign(split=sides)
    rewrite_card(made, {SEEN: fingerprints(table) if sides else None})
    assert remeasure(made, isic.folder, "--only", "robustness") == 2
    assert said in capsys.readouterr().err


def test_a_head_alone_is_measured_beside_the_whole_network(
    made: Path, isic: Layout, tiny: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("training.measuring.headalone.EPOCHS", 2)
    monkeypatch.setattr("training.measuring.headalone.FEW", 8)
    monkeypatch.setattr("training.measuring.headalone.MANY", 24)
    asked = ["--only", "head"]
    for folder in (made, made.parent):  # ImageNet's are a file
        assert remeasure(made, isic.folder, *asked, "--init", str(folder)) == 2
        assert "met none of the lesions" in capsys.readouterr().err
    init = tmp_path / "init.safetensors"
    save_file(CnnLstm(tiny.model).backbone.state_dict(), init)
    before, training = (load_model(made).card[name] for name in ("numbers", "training"))
    taught = training["settings"] | {"mixing": 0.5}  # with teachers, who are not asked any more
    rewrite_card(made, {"training": training | {"settings": taught}})
    mixing = []

    def watched(**given: Any) -> bool:
        mixing.append(given["config"].mixing)
        return fit(**given)

    monkeypatch.setattr("training.measuring.headalone.fit", watched)
    assert remeasure(made, isic.folder, *asked, "--init", str(init)) == 0
    assert mixing == [0.0, 0.0, 0.0]
    found = load_model(made).card["numbers"]
    head = found.pop("head_alone")
    assert found == before
    assert (head["epochs"], head["whole_epochs"], head["started_from"]) == (2, 1, init.name)
    # So small a network may take no time that can be measured; never a negative one.
    assert 0 <= head["seconds_features"] <= head["seconds"]
    assert head["whole_seconds"] >= 0 and head["share_of_time"] >= 0
    assert head["whole"]["balanced_accuracy"] == found["single_photos"]["balanced_accuracy"]
    value = head["head"]["log_loss"][0] - head["whole"]["log_loss"][0]
    assert head["minus_whole"]["log_loss"][0] == pytest.approx(value, abs=2e-4)

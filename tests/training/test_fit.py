"""A whole run on a tiny network: it learns, resumes as if nothing had happened, and is measured."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from skinmodel.analysis import SeriesPhoto, analyse
from skinmodel.bundle import load_model
from skinmodel.network import CnnLstm
from tests.training.conftest import Layout
from training.data.splits import split_of
from training.learning.batches import batches_per_epoch, epoch_batches
from training.learning.checkpoint import load_tensors, save_tensors
from training.learning.config import InvalidConfig, TrainConfig, TrainingFailed
from training.learning.layout import Layout as MemoryLayout
from training.learning.objective import batch_loss
from training.learning.run import Run, new_network, open_run, train
from training.measuring.candidate import make_candidate
from training.measuring.leaveout import LEFT_OUT
from training.runs.folder import BEST, HISTORY, LAST


def opened(isic: Layout, folder: Path, config: TrainConfig) -> Run:
    cache = folder.parent / "cache"
    return open_run(
        data=isic.folder, folder=folder, config=config, cache=cache, progress=lambda *_: None
    )


def run_once(isic: Layout, folder: Path, config: TrainConfig, stop=lambda: False) -> Run:
    run = opened(isic, folder, config)
    train(run, init=None, log=lambda _: None, stop=stop)
    return run


def lines(run: Run) -> list[dict]:
    return [json.loads(line) for line in (run.folder / HISTORY).read_text().splitlines()]


@pytest.fixture(autouse=True)
def one_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The measured choice would differ from run to run."""
    plain = MemoryLayout(bfloat16=False, channels_last=False)
    monkeypatch.setattr("training.learning.loop.fastest", lambda *_, **__: (plain, {}))


def test_it_learns_and_the_candidate_answers(isic: Layout, tmp_path: Path, tiny) -> None:
    isic.change(
        isic.metadata, lambda t: t.assign(sex=t["sex"].mask(t["image"].str.contains("MEL"), "male"))
    )
    run = run_once(isic, tmp_path / "run", dataclasses.replace(tiny, epochs=8))
    history = lines(run)
    assert [line["epoch"] for line in history] == list(range(1, 9))
    assert history[-1]["loss"] < 0.75 * history[0]["loss"]
    assert history[-1]["seconds_left"] == 0

    (run.folder / LEFT_OUT).write_text('{"how": "measured before"}')
    folder = make_candidate(run, tmp_path / "model", version="t", about={"data": "d"}, command="c")
    model = load_model(folder)
    numbers = model.card["numbers"]
    value, low, high = numbers["single_photos"]["balanced_accuracy"]
    assert low <= value <= high and value > 0.5
    confusion = torch.tensor(numbers["single_photos"]["confusion"])
    assert confusion.sum() == numbers["single_photos"]["cases"]
    assert model.card["splits"]["test"]["lesions"] == numbers["series"]["cases"] == 16
    assert model.card["data"] == "d"
    assert model.unknown and numbers["unknown"]["test"]["lesions"] == 16
    assert sum(one["lesions"] for one in numbers["unknown"]["per_diagnosis"].values()) == 16
    assert numbers["unknown"]["plain_skin"] is None  # there are no outlines beside the photos
    assert 0 <= numbers["unknown"]["all_drawn"]["auroc"] <= 1
    assert numbers["unknown"]["left_out"] == {"how": "measured before"}
    assert numbers["robustness"]["photos"] == 16
    groups = {group["group"]: group for group in numbers["subgroups"]["groups"]}
    # Metadata and scores are of the same photos, though the scores stand lesion by lesion.
    assert groups["male"]["lesions"] == groups["male"]["melanoma_lesions"] == 2
    assert groups["female"]["lesions"] == 14 and groups["female"]["melanoma_lesions"] == 0

    path = sorted(isic.photos.glob("LESION_VASC*"))[0]
    photo = SeriesPhoto(picture=Image.open(path), sha256="0", name="v", taken_on=None)
    result = analyse(model, [photo])
    assert result.probabilities.shape == (1, 8)
    counted, alerts = result.set_test, result.alert_test
    assert counted and (counted.photos, counted.cases, counted.melanomas) == (1, 16, 2)
    assert counted.contained / 16 == numbers["sets"]["one_photo"]["coverage"][0]
    assert alerts and (alerts.malignant, alerts.benign) == (6, 10)
    share = numbers["alert"]["one_photo"]["sensitivity_malignant"]["share"][0]
    assert 1 - alerts.malignant_below / 6 == pytest.approx(share, abs=1e-4)
    assert numbers["calibration"]["two_photos"]["lesions"] == sum(
        len(list(isic.photos.glob(f"{path.stem[:-1]}*"))) > 1
        for path in isic.photos.glob("*_1.jpg")
        if split_of(path.stem[:-2]) == "test"
    )


def test_a_stopped_run_ends_as_an_undisturbed_one(isic: Layout, tmp_path: Path, tiny) -> None:
    whole = run_once(isic, tmp_path / "whole", tiny)
    for batches in (3, 6, 4):  # wherever that is in an epoch
        asked = iter(range(batches))
        run_once(isic, tmp_path / "cut", tiny, stop=lambda a=asked: next(a, None) is None)
    cut = run_once(isic, tmp_path / "cut", tiny)
    expected, _ = load_tensors(whole.folder / LAST)
    found, _ = load_tensors(cut.folder / LAST)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    timing = {"seconds_left", "images_per_second", "waiting_for_photos"}
    for one, other in zip(lines(whole), lines(cut), strict=True):
        assert {k: v for k, v in one.items() if k not in timing} == {
            k: v for k, v in other.items() if k not in timing
        }


def test_a_line_without_its_checkpoint_is_dropped(isic: Layout, tmp_path: Path, tiny) -> None:
    run = run_once(isic, tmp_path / "run", tiny)
    with (run.folder / HISTORY).open("a") as history:
        history.write('{"epoch": 4}\n')
    run_once(isic, tmp_path / "run", tiny)
    assert len(lines(run)) == 3


def test_other_settings_need_another_folder(isic: Layout, tmp_path: Path, tiny) -> None:
    opened(isic, tmp_path / "run", tiny)
    with pytest.raises(InvalidConfig, match="other settings"):
        opened(isic, tmp_path / "run", dataclasses.replace(tiny, seed=1))


def test_a_loss_that_is_no_number_stops_the_run(isic: Layout, tmp_path: Path, tiny) -> None:
    run = opened(isic, tmp_path / "run", dataclasses.replace(tiny, learning_rate=1e30))
    with pytest.raises(TrainingFailed, match="lower learning rate"):
        train(run, init=None, log=lambda _: None, stop=lambda: False)


def test_a_gradient_that_is_no_number_is_never_saved(
    isic: Layout, tmp_path: Path, tiny, monkeypatch
) -> None:
    """The loss before it is a number still, and it is the last of its epoch."""
    run = opened(isic, tmp_path / "run", tiny)
    last = batches_per_epoch(run.lesions("train"), tiny)
    seen = iter(range(1, 100))

    def sum_gradients(_: object, backbone: torch.nn.Module, network: CnnLstm) -> None:
        if next(seen) == last:
            network.classifier.weight.grad.fill_(torch.inf)

    monkeypatch.setattr("training.learning.ranks.Ranks.sum_gradients", sum_gradients)
    with pytest.raises(TrainingFailed, match="lower learning rate"):
        train(run, init=None, log=lambda _: None, stop=lambda: False)
    assert not (run.folder / LAST).exists() and not (run.folder / HISTORY).exists()


def test_a_checkpoint_of_whole_epochs_alone_is_understood(
    isic: Layout, tmp_path: Path, tiny
) -> None:
    """As the first version wrote them."""
    run = run_once(isic, tmp_path / "run", dataclasses.replace(tiny, epochs=1))
    tensors, numbers = load_tensors(run.folder / LAST)
    kept = {key: numbers[key] for key in ("epoch", "best", "step", "layout")}
    save_tensors(run.folder / LAST, tensors, kept)
    before = (run.folder / LAST).read_bytes()
    run_once(isic, tmp_path / "run", dataclasses.replace(tiny, epochs=1))
    assert len(lines(run)) == 1 and (run.folder / LAST).read_bytes() == before


def test_binary_runs(isic: Layout, tmp_path: Path, tiny) -> None:
    binary = dataclasses.replace(tiny, model=dataclasses.replace(tiny.model, task="binary"))
    run = run_once(isic, tmp_path / "run", binary)
    folder = make_candidate(run, tmp_path / "model", version="b", about={}, command="c")
    model = load_model(folder)
    found = model.card["numbers"]["single_photos"]
    assert list(found["per_diagnosis"]) == ["BENIGN", "MALIGNANT"]
    assert model.card["numbers"]["sets"] is None and model.calibration.sets is None
    alerts = model.calibration.alert and model.calibration.alert.test(1)
    assert alerts and (alerts.melanomas, alerts.malignant, alerts.benign) == (2, 6, 10)


def test_days_reach_the_network_where_the_data_has_them(isic: Layout, tmp_path: Path, tiny) -> None:
    isic.change(isic.metadata, lambda t: t.assign(day=[str(30 * i) for i in range(len(t))]))
    run = opened(isic, tmp_path / "run", tiny)
    assert run.config.model.uses_days
    network = new_network(run.config, None, torch.device("cpu"))
    seen = []
    network.lstm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][..., -3:]))
    layout = MemoryLayout(bfloat16=False, channels_last=False)
    for batch in epoch_batches(run.lesions("train"), run.cache, run.config, 0):
        batch_loss(network, layout, run.config, batch, torch.zeros(8))
    known = [bool(inputs[..., 0].any()) for inputs in seen if inputs.shape[1] > 1]
    assert any(known)
    assert all(not inputs[:, 0].any() for inputs in seen)


def test_weights_of_another_network_are_refused(tmp_path: Path, tiny) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "w.safetensors"
    save_file({"features.0.weight": torch.zeros(3)}, path)
    with pytest.raises(InvalidConfig, match="not weights for"):
        new_network(tiny, path, torch.device("cpu"))
    path.write_bytes(b"\x80\x04nonsense")
    with pytest.raises(InvalidConfig, match="cannot be used"):
        new_network(tiny, path, torch.device("cpu"))


def test_best_weights_are_those_of_the_best_epoch(isic: Layout, tmp_path: Path, tiny) -> None:
    run = run_once(isic, tmp_path / "run", tiny)
    tensors, line = load_tensors(run.folder / BEST)
    scores = [entry["balanced_accuracy"] for entry in lines(run)]
    assert line["balanced_accuracy"] == max(scores)
    assert line["epoch"] == scores.index(max(scores)) + 1
    CnnLstm(run.config.model).load_state_dict(tensors)


def test_a_photo_that_cannot_be_read_is_named(isic: Layout, tmp_path: Path, tiny) -> None:
    path = sorted(isic.photos.iterdir())[5]
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=path.name):
        opened(isic, tmp_path / "run", tiny)
    shutil.rmtree(tmp_path / "run", ignore_errors=True)


def test_frozen_blocks_stay_as_they_are(isic: Layout, tmp_path: Path, tiny) -> None:
    config = dataclasses.replace(tiny, frozen=4, epochs=1)
    before = new_network(config, None, torch.device("cpu")).backbone.state_dict()
    run = run_once(isic, tmp_path / "run", config)
    after, _ = load_tensors(run.folder / LAST)
    for name, tensor in before.items():
        same = torch.equal(tensor, after[f"network.backbone.{name}"])
        assert same == (int(name.split(".")[0]) < 4), name


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_batch_with_short_series_has_a_loss(isic: Layout, tmp_path: Path, tiny, share) -> None:
    config = dataclasses.replace(tiny, repeat_share=share, longest_series=2)
    run = opened(isic, tmp_path / "run", config)
    network = new_network(config, None, torch.device("cpu"))
    layout = MemoryLayout(bfloat16=False, channels_last=False)
    for batch in epoch_batches(run.lesions("train"), run.cache, config, 0):
        assert batch_loss(network, layout, config, batch, torch.zeros(8)).isfinite()

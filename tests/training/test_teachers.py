"""A network that learns what others answer: it follows them, and its card says whom."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from skinmodel.bundle import load_model
from tests.tiny import save_tiny_model
from tests.training.conftest import Layout
from training.__main__ import main
from training.data.manifest import read_isic
from training.data.seen import SEEN, fingerprints, seen
from training.data.splits import assign
from training.learning.batches import NO_LABEL, epoch_batches
from training.learning.config import InvalidConfig, TrainConfig
from training.learning.layout import Layout as MemoryLayout
from training.learning.objective import batch_loss, following
from training.learning.origin import begin, met_before, settings_for
from training.learning.ranks import ALONE
from training.learning.run import new_network, open_run, train
from training.learning.source import card_of
from training.learning.step import Learner, new_optimizer, take
from training.learning.teachers import hired
from training.runs.folder import BEST, LAST, MANIFEST

PLAIN = MemoryLayout(bfloat16=False, channels_last=False)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.learning.loop.fastest", lambda *_, **__: (PLAIN, {}))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A finished model that answers at the same scale as the settings."""
    return save_tiny_model(tmp_path / "models")


@pytest.fixture
def config(tiny: TrainConfig, model: Path) -> TrainConfig:
    scale = load_model(model).preparation.scale
    return dataclasses.replace(
        tiny,
        preparation=dataclasses.replace(tiny.preparation, scale=scale),
        taught=1.0,
        mixing=0.5,
    )


def test_it_comes_to_answer_like_its_teacher(
    isic: Layout, tmp_path: Path, config: TrainConfig, model: Path
) -> None:
    run = open_run(
        data=isic.folder, folder=tmp_path / "run", config=config,
        cache=tmp_path / "cache", progress=lambda *_: None,
    )  # fmt: skip
    network = new_network(config, None, CPU)
    teachers = hired([model], config, CPU)
    learner = Learner(
        network, network, new_optimizer(network, config), PLAIN, torch.zeros(8), teachers=teachers
    )
    lesions, losses = run.lesions("train"), []
    for epoch in range(12):
        for batch in epoch_batches(lesions, run.cache, config, epoch):
            losses.append(float(take(learner, batch, config, step=epoch, rate=1e-2)))
    batch = next(epoch_batches(lesions, run.cache, config, 99))
    assert (batch.labels == NO_LABEL).any()  # mixed photos have an answer, too
    theirs = teachers.pooled(batch.photos, learner.ranks, len(batch.labels))
    one = torch.arange(len(batch.labels))[:, None]
    answers = teachers.logits(theirs, one, torch.zeros_like(one), None)[:, 0]
    ours = network.eval().forward_pooled(
        PLAIN.features(network, config.preparation.normalise(batch.photos))[:, None],
        torch.zeros_like(one),
    )[:, 0]
    least = following(answers, answers, config.softness)
    middle = following(answers.mean(dim=0).expand_as(answers), answers, config.softness)
    assert following(ours, answers, config.softness) - least < 0.5 * (middle - least)
    assert sum(losses[-5:]) < sum(losses[:5])


def test_several_teachers_answer_as_their_mean(
    tmp_path: Path, config: TrainConfig, model: Path
) -> None:
    other = save_tiny_model(tmp_path / "models", "other", filters=(4, 6, 8))
    photos = torch.randint(0, 256, (3, 3, 24, 24), dtype=torch.uint8)
    one, zero = torch.arange(3)[:, None], torch.zeros(3, 1, dtype=torch.int64)

    def answers(*places: Path) -> torch.Tensor:
        teachers = hired(places, config, CPU)
        return teachers.logits(teachers.pooled(photos, ALONE, 3), one, zero, None)

    mean = (answers(model) + answers(other)) / 2
    assert torch.allclose(answers(model, other), mean, atol=1e-5)


def test_what_is_taught_counts_by_its_share(
    isic: Layout, tmp_path: Path, config: TrainConfig, model: Path
) -> None:
    config = dataclasses.replace(config, mixing=0.0, repeat_share=0.0)
    run = open_run(
        data=isic.folder, folder=tmp_path / "run", config=config,
        cache=tmp_path / "cache", progress=lambda *_: None,
    )  # fmt: skip
    network = new_network(config, None, CPU).eval()
    batch = next(epoch_batches(run.lesions("train"), run.cache, config, 0))

    @torch.no_grad()
    def loss(taught: float, *places: Path) -> float:
        settings = dataclasses.replace(config, taught=taught)
        teachers = hired(places, settings, CPU)
        return float(batch_loss(network, PLAIN, settings, batch, torch.zeros(8), teachers=teachers))

    labels_alone = loss(0.9)
    assert loss(0.0, model) == pytest.approx(labels_alone)
    assert loss(0.3, model) == pytest.approx(0.7 * labels_alone + 0.3 * loss(1.0, model))


def test_a_teacher_that_cannot_teach_is_refused(
    tmp_path: Path, tiny: TrainConfig, config: TrainConfig, model: Path, capsys
) -> None:
    yes_or_no = save_tiny_model(tmp_path / "models", "binary", task="binary")
    head = dataclasses.replace(config, learns="head", mixing=0.0)
    (asked := tmp_path / "settings.json").write_text(json.dumps({"mixing": 0.5}))
    data = ["--data", str(tmp_path / "not looked at yet"), "--config", str(asked)]
    for command in ("fit", "tune", "cross-validate"):
        assert main([command, *data, "--out", str(tmp_path / "run")]) == 2
        assert "mixing needs a teacher" in capsys.readouterr().err
    for places, settings, why in (
        ([], config, "mixing needs a teacher"),
        ([model], head, "shown no photos"),
        ([yes_or_no], config, "another question"),
        ([model], tiny, "another scale"),
        ([tmp_path / "nowhere"], config, "nowhere cannot be used"),
    ):
        with pytest.raises(InvalidConfig, match=why):
            hired(places, settings, CPU)


def test_a_teacher_that_met_test_lesions_is_refused(isic: Layout, tmp_path: Path) -> None:
    table = assign(read_isic(isic.folder).table)
    met = save_tiny_model(tmp_path / "met", card={SEEN: fingerprints(table.assign(split="train"))})
    with pytest.raises(InvalidConfig, match="has met 16 of the 16 test lesions"):
        begin(table, tmp_path, None, [met])
    with pytest.raises(InvalidConfig, match="neither a finished model's folder nor a run's"):
        begin(table, tmp_path, None, [isic.truth])


def test_the_card_says_whom_it_learned_from(
    isic: Layout, tmp_path: Path, config: TrainConfig, capsys, monkeypatch
) -> None:
    """A first run teaches a second one, beside a finished model, and is where that starts."""
    table = read_isic(isic.folder).table
    elsewhere = assign(table.assign(lesion="elsewhere " + table["lesion"]))
    teacher = save_tiny_model(tmp_path / "taught", card={SEEN: fingerprints(elsewhere)})
    first, second = tmp_path / "first", tmp_path / "second"
    alone = dataclasses.replace(config, epochs=1, mixing=0.0)
    run = open_run(
        data=isic.folder, folder=first, config=alone,
        cache=tmp_path / "cache", progress=lambda *_: None,
    )  # fmt: skip
    assert train(run, init=None, log=lambda _: None, stop=lambda: False)
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps(dataclasses.replace(config, epochs=1).to_dict()))
    command = [
        "fit", "--data", str(isic.folder), "--out", str(second), "--init", str(first),
        "--teacher", str(first), "--teacher", str(teacher), "--config", str(settings),
        "--version", "2.0",
    ]  # fmt: skip
    made = []
    monkeypatch.setattr(
        "training.learning.commands.make_candidate", lambda *_, **rest: made.append(rest) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):  # what the card holds besides is measured for minutes
        main(command)
    assert "--teacher first --teacher tiny-1" in made[0]["command"]
    before, notes = met_before(second, None)
    assert notes == (
        "It started from model of the run first, which has met none of the test lesions.",
        "It learned from model of the run first, which has met none of the test lesions.",
        "It learned from model tiny-1, which has met none of the test lesions.",
    )
    found = seen(elsewhere, {SEEN: fingerprints(assign(table), *before)})
    assert found is not None and found.equals(elsewhere["split"] != "test")

    capsys.readouterr()
    assert main(command[:9] + command[-4:]) == 2  # one of the two
    assert "other teachers" in capsys.readouterr().err
    with pytest.raises(ZeroDivisionError):  # it is finished, so nobody has to be there any more
        main(command[:5] + command[-2:])
    found = seen(elsewhere, card_of(second) or {})
    assert found is not None and found.equals(elsewhere["split"] != "test")


def test_a_run_keeps_the_models_that_it_took_its_first_step_with(
    isic: Layout, tmp_path: Path, model: Path
) -> None:
    table, run = assign(read_isic(isic.folder).table), tmp_path / "run"
    run.mkdir()
    other = save_tiny_model(tmp_path / "models", "other", filters=(4, 6, 8))
    begin(table, run, model, [model])  # stopped before the first step, or refused
    begin(table, run, other, [other])
    assert [card["version"] for card in met_before(run, None)[0]] == ["other", "other"]
    begin(table, run, None)
    assert met_before(run, None) == ((), ())
    (run / LAST).touch()  # written within the first epoch, too
    with pytest.raises(InvalidConfig, match="other teachers, or one has changed"):
        begin(table, run, None, [model])


def test_a_damaged_run_is_a_sentence(isic: Layout, tmp_path: Path, config: TrainConfig) -> None:
    table, run = assign(read_isic(isic.folder).table), tmp_path / "damaged"
    open_run(
        data=isic.folder, folder=run, config=config,
        cache=tmp_path / "cache", progress=lambda *_: None,
    )  # fmt: skip
    (run / BEST).write_bytes(b"half of")
    for use in (
        lambda: hired([run], config, CPU),
        lambda: settings_for({}, run),
        lambda: new_network(config, run, CPU),
    ):
        with pytest.raises(InvalidConfig, match=r"damaged cannot be used: best\.safetensors"):
            use()
    (run / MANIFEST).unlink()
    with pytest.raises(InvalidConfig, match=r"damaged cannot be used: .*manifest\.csv"):
        begin(table, tmp_path, None, [run])
    card = save_tiny_model(tmp_path / "models", "broken") / "card.json"
    card.write_text("{")
    with pytest.raises(InvalidConfig, match=r"card\.json cannot be read"):
        begin(table, tmp_path, None, [card.parent])


def test_lesions_are_mixed_alike_on_any_number_of_threads(
    isic: Layout, tmp_path: Path, config
) -> None:
    run = open_run(
        data=isic.folder, folder=tmp_path / "run", config=config,
        cache=tmp_path / "cache", progress=lambda *_: None,
    )  # fmt: skip
    lesions = run.lesions("train")
    one, three = (list(epoch_batches(lesions, run.cache, config, 0, threads=n)) for n in (1, 3))
    assert all(torch.equal(a.photos, b.photos) for a, b in zip(one, three, strict=True))
    labels = torch.cat([batch.labels for batch in one])
    assert 0 < (labels == NO_LABEL).sum() < len(labels)
    for batch in one:  # all photos of a lesion, or none
        for row in batch.series:
            assert batch.labels[row[row >= 0]].unique().numel() == 1
    plain = dataclasses.replace(config, mixing=0.0)
    for batch in epoch_batches(lesions, run.cache, plain, 0):
        assert (batch.labels != NO_LABEL).all()

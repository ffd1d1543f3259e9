"""The search: seeded, cut off where hopeless, taken up again, ending in settings `fit` takes."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import save_file

from skinmodel.network import CnnLstm
from tests.training.conftest import Layout
from training.__main__ import main
from training.learning.config import SCALED, InvalidConfig, TrainConfig
from training.learning.layout import Layout as MemoryLayout
from training.learning.origin import settings_for
from training.learning.run import Run, open_run
from training.learning.space import Space, space_for
from training.learning.tune import BEST_CONFIG, RESULT, STUDY, tune
from training.runs.folder import BEST, CONFIG


@pytest.fixture(autouse=True)
def one_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The measured choice would differ from run to run."""
    plain = MemoryLayout(bfloat16=False, channels_last=False)
    monkeypatch.setattr("training.learning.loop.fastest", lambda *_, **__: (plain, {}))


@pytest.fixture
def head(tiny: TrainConfig) -> TrainConfig:
    return dataclasses.replace(tiny, learns="head", views=1)


@pytest.fixture
def start(tiny: TrainConfig, tmp_path: Path) -> Path:
    path = tmp_path / "conv.safetensors"
    save_file(CnnLstm(tiny.model).backbone.state_dict(), path)
    return path


def opened(isic: Layout, folder: Path, config: TrainConfig) -> Run:
    cache = folder.parent / "cache"
    return open_run(
        data=isic.folder, folder=folder, config=config, cache=cache, progress=lambda *_: None
    )


def settings_of(result: dict) -> list[dict]:
    return [
        {k: v for k, v in trial.items() if k not in ("seconds", "folder")}
        for trial in result["trials"]
    ]


def test_a_search_stopped_in_a_trial_ends_as_an_undisturbed_one(
    isic: Layout, tmp_path: Path, head, start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.learning.tune.FIRST_WHOLE", 1)
    head = dataclasses.replace(head, epochs=2)
    space = space_for(head, start)

    def search(name: str, trials: int, stop_after: int | None = None) -> dict | None:
        said: list[str] = []

        def log(line: dict) -> None:
            said.append(line["stage"])

        def stop() -> bool:
            return stop_after is not None and said.count("epoch") >= stop_after

        run = opened(isic, tmp_path / name, head)
        return tune(run, trials=trials, space=space, log=log, stop=stop)

    whole = search("whole", 3)
    assert len(whole["trials"]) == 3
    assert whole["trials"][0]["settings"] == space.given()  # what was given is tried first
    assert whole["best"]["balanced_accuracy"] == max(
        trial["balanced_accuracy"] for trial in whole["trials"] if trial["whole"]
    )
    assert search("cut", 3, stop_after=head.epochs + 1) is None  # in the second trial
    assert len(search("cut", 2)["trials"]) == 2
    cut = search("cut", 3)
    assert settings_of(cut) == settings_of(whole)
    folder = tmp_path / "cut"
    assert json.loads((folder / RESULT).read_text())["best"] == cut["best"]
    best = TrainConfig.read(folder / BEST_CONFIG)
    assert best == space.settings(cut["best"]["settings"])
    assert best.learns == "head"
    assert not list(folder.glob("trial-*/*.safetensors"))  # the settings are kept, not the weights


def test_a_hopeless_trial_is_cut_off_and_a_failed_one_is_counted(
    isic: Layout, tmp_path: Path, head, start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a good first trial one that learns nothing, and one whose loss is no number."""
    monkeypatch.setattr("training.learning.tune.FIRST_WHOLE", 1)
    config = dataclasses.replace(head, epochs=6)
    rates = iter((config.learning_rate, 1e-12, 1e30))
    real = Space.settings

    def settings(self: Space, found: dict) -> TrainConfig:
        return dataclasses.replace(real(self, self.given()), learning_rate=next(rates))

    monkeypatch.setattr(Space, "settings", settings)
    monkeypatch.setattr("training.learning.tune._best_settings", lambda study, space: config)
    run = opened(isic, tmp_path / "run", config)
    result = tune(
        run, trials=3, space=space_for(config, start), log=lambda _: None, stop=lambda: False
    )
    good, hopeless, failed = result["trials"]
    assert good["whole"] and good["epochs"] == 6
    assert not hopeless["whole"] and hopeless["epochs"] < 6
    assert "lower learning rate" in failed["failed"] and not failed["whole"]


def test_the_space_covers_what_can_be_searched(tiny, tmp_path: Path, start: Path) -> None:
    head = {"lstm_units", "lstm_layers", "learning_rate", "batch", "dropout"}
    own = dataclasses.replace(tiny, learns="head")
    assert set(space_for(own, start).distributions()) == head
    assert space_for(own, start).held() == {
        "backbone": "conv", "filters": [8, 16], "augmentation": 1.0,
    }  # fmt: skip
    conv = space_for(tiny, None)
    assert set(conv.distributions()) == head | {"augmentation", "filters"}
    found = {**conv.given(), "filters": "8 16 32", "augmentation": 0.5, "lstm_layers": 2}
    config = conv.settings(found)
    assert (config.model.filters, config.augmentation, config.model.lstm_layers) == (
        (8, 16, 32), 0.5, 2,
    )  # fmt: skip
    assert conv.settings(conv.given()) == tiny
    assert set(space_for(TrainConfig(), None).distributions()) == head | {
        "augmentation", "backbone",
    }  # fmt: skip

    folder = tmp_path / "weights"
    folder.mkdir()
    with pytest.raises(InvalidConfig, match="neither a model nor a run nor weights"):
        space_for(tiny, folder)
    for name in ("resnet18_imagenet", "mobilenet_v2"):
        shutil.copy(start, folder / f"{name}.safetensors")
    several = space_for(tiny, folder)
    assert several.distributions()["backbone"].choices == ("mobilenet_v2", "resnet18")
    chosen = several.settings({"backbone": "resnet18"})
    assert several.init(chosen) == folder / "resnet18_imagenet.safetensors"
    assert settings_for({}, folder) == TrainConfig()  # a folder of files asks for nothing
    shutil.copy(start, folder / "efficientnet_lite0.safetensors")
    for file in folder.glob("mobilenet*"):
        file.unlink()
    first = space_for(TrainConfig(), folder).settings({"backbone": "efficientnet_lite0"})
    assert first.preparation.std == SCALED["efficientnet_lite0"]["std"]

    another = tmp_path / "run"
    another.mkdir()
    for name in (CONFIG, BEST):
        (another / name).touch()
    assert space_for(tiny, another).weights == {"conv": another}


def test_the_command_ends_in_settings_for_fit(
    isic: Layout, tmp_path: Path, head, start: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path / "var"))
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({**head.to_dict(), "epochs": 1}))
    out = tmp_path / "search"
    given = ["--data", str(isic.folder), "--init", str(start), "--config", str(settings)]
    assert main(["tune", *given, "--out", str(out), "--trials", "2"]) == 0
    said = capsys.readouterr().out
    assert "trial 2/2: balanced accuracy" in said
    assert "Held: backbone conv, filters [8, 16], augmentation 1.0." in said
    assert (out / STUDY).exists()
    other = tmp_path / "other.safetensors"
    save_file(CnnLstm(head.model).backbone.state_dict(), other)
    again = ["tune", "--data", str(isic.folder), "--init", str(other), "--out", str(out)]
    assert main([*again, "--config", str(settings)]) == 2
    assert "another start" in capsys.readouterr().err
    assert main(["tune", *given, "--out", str(out), "--trials", "0"]) == 2
    monkeypatch.setattr("training.measuring.evaluate.RESAMPLES", 20)
    fit = ["fit", "--data", str(isic.folder), "--init", str(start), "--out", str(tmp_path / "run")]
    assert main([*fit, "--config", str(out / BEST_CONFIG)]) == 0

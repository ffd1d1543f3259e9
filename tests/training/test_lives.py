"""Killed anywhere, or shared by two processes, a run ends as an undisturbed one."""

import dataclasses
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
import torch

from skinmodel.bundle import CARD, WEIGHTS
from skinmodel.network import ModelConfig
from skinmodel.transforms import Preparation
from tests.conftest import ROOT
from tests.tiny import save_tiny_model
from tests.training.conftest import write_isic
from tests.training.lives import JOB_POINTS, POINTS
from training.data.datasets import write_data_set
from training.data.manifest import read_isic
from training.learning.checkpoint import load_tensors
from training.learning.config import TrainConfig
from training.runs.folder import BEST, HISTORY, LAST, Result, read_result, write_request
from training.runs.request import Places, Request

TIMES = {"seconds_left", "images_per_second", "waiting_for_photos"}


@dataclass(frozen=True)
class Lived:
    """What became of a run: its folder, how its processes ended, what they printed."""

    run: Path
    codes: list[int]
    said: str

    def history(self) -> list[dict]:
        lines = [json.loads(line) for line in (self.run / HISTORY).read_text().splitlines()]
        return [{k: v for k, v in line.items() if k not in TIMES} for line in lines]


@pytest.fixture(scope="module")
def lived(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Lived]:
    """All runs, made by one process, because importing the package takes longer than a run.

    The whole networks learn from a finished model, too, the heads from the diagnoses alone.
    """
    base = tmp_path_factory.mktemp("lives")
    photos = write_isic(base / "isic").folder
    config = TrainConfig(
        model=ModelConfig(backbone="conv", filters=(8, 16), lstm_units=8),
        preparation=Preparation(size=24, scale=40),
        epochs=2,
        batch=16,
        learning_rate=2e-3,
        average=0.8,
        sizes=((1.0, 24),),
        mixing=0.3,
    )
    teacher = save_tiny_model(base / "models", "1.0")
    settings = base / "settings.json"
    settings.write_text(json.dumps(dataclasses.asdict(config)))
    kinds = {"whole": "alone", "killed": "killed", "pair": "pair", "bereft": "pair"}
    tasks = {
        name: {
            "kind": kind,
            "point": ["before", "take", 3] if name == "bereft" else None,
            "port": str(free_port()),
            "log": str(base / f"{name}.txt"),
            "data_dir": str(base / name / "var"),
            "arguments": [
                "fit", "--data", str(photos), "--config", str(settings),
                "--out", str(base / name / "run"), "--teacher", str(teacher),
            ],
        }
        for name, kind in kinds.items()
    }  # fmt: skip
    for name, kind in (("job", "job"), ("job-killed", "job-killed")):
        tasks[name] = {
            "kind": kind,
            "log": str(base / f"{name}.txt"),
            "data_dir": str(base / name / "var"),
            "arguments": job(base, name),
        }
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.lives", json.dumps(list(tasks.values()))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    codes = dict(zip(tasks, json.loads(done.stdout), strict=True))
    return lambda name: Lived(
        base / name / "run", codes[name], (base / f"{name}.txt").read_text(errors="replace")
    )


def job(base: Path, name: str) -> list[str]:
    """A run folder as the worker makes it, of a head on a tiny model; the trainer's arguments."""
    places = Places(base / name, base / "models")
    toys = places.data_sets / "toys"
    toys.mkdir(parents=True)
    write_data_set(
        toys,
        read_isic(base / "isic").table,
        name="Toys",
        kind="folder",
        created_on=date(2025, 3, 12),
    )
    settings = {"learns": "head", "views": 2, "epochs": 2, "batch": 16, "learning_rate": 5e-3}
    request = Request("fit", ("toys",), version="1.0", settings=settings)
    write_request(base / name / "run", request.to_dict())
    return [
        str(base / name / "run"), "--data-dir", str(places.data_dir),
        "--bundled", str(places.bundled),
    ]  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_run_that_was_killed_everywhere_ends_as_an_undisturbed_one(lived) -> None:
    whole, killed = lived("whole"), lived("killed")
    assert len(POINTS) >= 20
    assert "Traceback" not in killed.said
    assert killed.codes == [-signal.SIGKILL] * len(POINTS) + [0], killed.said
    for name in (LAST, BEST):
        expected, found = (load_tensors(run / name)[0] for run in (whole.run, killed.run))
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[key], found[key]) for key in expected)
    assert whole.history() == killed.history()
    for name in ("config.json", "manifest.csv"):
        assert (whole.run / name).read_text() == (killed.run / name).read_text()
    models = [one.run / "models" / "candidate" for one in (whole, killed)]
    assert len({(model / WEIGHTS).read_bytes() for model in models}) == 1
    cards = [json.loads((model / CARD).read_text()) for model in models]
    assert cards[0]["numbers"] == cards[1]["numbers"]


def test_a_job_that_was_killed_everywhere_ends_as_an_undisturbed_one(lived) -> None:
    whole, killed = lived("job"), lived("job-killed")
    assert len(JOB_POINTS) >= 20
    assert "Traceback" not in killed.said
    assert killed.codes == [-signal.SIGKILL] * len(JOB_POINTS) + [0], killed.said
    assert whole.history() == killed.history()
    results = [read_result(one.run, 1) for one in (whole, killed)]
    assert results == [Result(1, "done", version="1.0.1")] * 2
    for one in (whole, killed):
        registry = Places(one.run.parent, one.run.parents[1] / "models").registry
        assert registry.versions() == ("1.0", "1.0.1")
        assert registry.active().name == "1.0"  # nothing promotes itself
    models = [one.run.parent / "models" / "1.0.1" for one in (whole, killed)]
    assert len({(model / WEIGHTS).read_bytes() for model in models}) == 1
    cards = [json.loads((model / CARD).read_text()) for model in models]
    assert cards[0]["numbers"] == cards[1]["numbers"]


def test_two_processes_learn_what_one_does(lived) -> None:
    whole, pair = lived("whole"), lived("pair")
    assert pair.codes == [0, 0], pair.said
    for one, two in zip(whole.history(), pair.history(), strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-4)
        assert two["log_loss"] == pytest.approx(one["log_loss"], rel=1e-3)
    expected, found = (load_tensors(run / LAST)[0] for run in (whole.run, pair.run))
    assert expected.keys() == found.keys()
    for name in expected:
        if name.startswith(("network.", "average.")):
            torch.testing.assert_close(found[name], expected[name], rtol=1e-2, atol=1e-3)
    assert pair.said.count("epoch 2/2") == 1  # the second process is quiet
    assert (pair.run / "models" / "candidate" / CARD).exists()


def test_a_process_left_alone_stops_with_a_sentence(lived) -> None:
    bereft = lived("bereft")
    assert bereft.codes == [1, -signal.SIGKILL], bereft.said
    assert "Another process of this run ended" in bereft.said
    assert "Traceback" not in bereft.said

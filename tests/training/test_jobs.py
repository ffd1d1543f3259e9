"""The trainer's process: what it makes of a request, and what it says when it cannot go on."""

import datetime
import errno
import hashlib
import io
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from tests.tiny import save_tiny_model
from tests.training.conftest import Layout
from tests.training.test_download import Handler, Server
from tests.training.test_download import server as server
from tests.training.test_versus import save
from training import jobs
from training.data import imagenet
from training.data.datasets import data_sets, write_data_set
from training.data.manifest import read_isic
from training.data.splits import split_of
from training.disk import disk_full_named
from training.measuring import compared
from training.runs import process
from training.runs.beside import Beside
from training.runs.estimate import Estimate, estimate
from training.runs.folder import (
    LOCK,
    Reporter,
    Result,
    begin_anew,
    read_history,
    read_progress,
    read_result,
    whereabouts,
    write_request,
)
from training.runs.request import Places, Request

HEAD = {"learns": "head", "views": 1, "epochs": 2, "batch": 16, "learning_rate": 5e-3}
WHOLE = {
    "learns": "all", "epochs": 2, "batch": 16, "sizes": [[1.0, 24]], "learning_rate": 1e-2,
    "preparation": {"size": 24, "scale": 48},
    "model": {"backbone": "conv", "filters": [4, 8], "lstm_units": 8},
}  # fmt: skip


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.measuring.evaluate.RESAMPLES", 5)


@pytest.fixture
def places(tmp_path: Path, isic: Layout) -> Places:
    """A clinic with one data set and one tiny model."""
    save_tiny_model(tmp_path / "models", "1.0")
    found = Places(tmp_path / "data", tmp_path / "models")
    bring(found, read_isic(isic.folder).table)
    return found


def bring(places: Places, table: pd.DataFrame, name: str = "toys") -> None:
    folder = places.data_sets / name
    folder.mkdir(parents=True, exist_ok=True)
    write_data_set(folder, table, name="Toys", kind="folder", created_on=datetime.date(2025, 3, 12))


def carry_out(places: Places, settings: dict[str, Any], **more: Any) -> tuple[Path, Result]:
    start = "nothing" if settings["learns"] == "all" else "model"
    asked = {"kind": "fit", "start": start, "version": "1.0" if start == "model" else "", **more}
    request = Request(data=("toys",), settings=settings, **asked)
    folder = places.run("a-run")
    write_request(folder, request.to_dict())
    return folder, jobs.attempt(folder, places, 1)


def test_a_whole_network_becomes_a_candidate_that_nobody_uses(places: Places) -> None:
    folder, result = carry_out(places, WHOLE)
    assert result == Result(1, "done", version="1.0.1")
    assert places.registry.versions() == ("1.0", "1.0.1") and places.registry.active().name == "1.0"
    card = places.registry.folder("1.0.1") / "card.json"
    assert "Toys: 130 photos" in card.read_text() and str(places.data_dir) not in card.read_text()
    assert (places.registry.folder("1.0.1") / "comparison.json").exists()
    assert jobs.attempt(folder, places, 2) == Result(2, "done", version="1.0.1")


def test_folds_and_trials_are_carried_out_and_make_no_candidate(places: Places) -> None:
    one_epoch = {**HEAD, "epochs": 1}
    folder, result = carry_out(places, one_epoch, kind="cross-validate", folds=2)
    assert result == Result(1, "done") and (folder / "cross-validation.json").exists()
    assert read_progress(folder).parts == 2 and len(read_history(folder)) == 1
    shutil.rmtree(folder)
    folder, result = carry_out(places, one_epoch, kind="tune", trials=2)
    assert result == Result(1, "done") and (folder / "best.json").exists()
    assert places.registry.versions() == ("1.0",)


def test_a_run_goes_on_with_the_photos_it_began_with(places: Places, isic: Layout) -> None:
    folder, _ = carry_out(places, {**HEAD, "epochs": 1})
    before = (folder / "manifest.csv").read_text()
    shutil.rmtree(places.data_sets)
    (folder / "history.jsonl").unlink()
    assert jobs.attempt(folder, places, 2).state == "done"
    assert (folder / "manifest.csv").read_text() == before


def test_asked_to_stop_a_run_ends_at_once_where_it_measures(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Photos are read, a candidate is measured and compared for minutes without a checkpoint."""
    folder = places.run("a-run")
    request = Request("fit", ("toys",), version="1.0", settings={**HEAD, "epochs": 1})
    write_request(folder, request.to_dict())
    for place in (
        "training.learning.run.read_photo",
        "training.measuring.candidate.score_cases",
        "training.measuring.versus.score",
    ):
        after: list[str] = []

        def asked(*_: object, after: list[str] = after, **__: object) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            after.append("went on")

        with monkeypatch.context() as patch:
            patch.setattr(place, asked)
            assert jobs.attempt(folder, places, 1) == Result(1, "stopped"), place
        assert not after
    assert len(read_history(folder)) == 1
    assert jobs.attempt(folder, places, 2) == Result(2, "done", version="1.0.1")


def test_two_models_are_compared_because_somebody_asks(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = places.registry.folder(places.registry.register(save(tmp_path / "far" / "1.1", 1)))
    active, folder = places.registry.active(), places.run("a-comparison")
    assert compared.find(candidate, active, places.comparisons) is None
    write_request(folder, Beside(("gone",), "1.1", "1.0").to_dict())
    assert jobs.attempt(folder, places, 1).reason == "There is no data set gone any more."
    write_request(folder, Beside(("toys",), "1.1", "1.0").to_dict())
    with monkeypatch.context() as patch:
        patch.setattr(Reporter, "at", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        assert jobs.attempt(folder, places, 2) == Result(2, "stopped")
    told: list[tuple[str, float, float]] = []
    monkeypatch.setattr(Reporter, "at", lambda _, *now: told.append((*now, 0, 0)[:3]))
    assert jobs.attempt(folder, places, 3) == Result(3, "done")
    stages = list(dict.fromkeys(stage for stage, *_ in told))
    assert stages == ["start", "compare", "intervals"]
    course = [(done, total) for stage, done, total in told if stage == "compare"]
    assert course == sorted(course) and course[-1][0] == course[-1][1]
    found = compared.find(candidate, active, places.comparisons)
    assert found and found.numbers["data"]["sets"] == ["Toys"]
    assert found.numbers["data"]["photos"] == course[-1][1] // 2
    monkeypatch.setattr("training.runs.beside.compare", None)  # killed before it could say so
    assert jobs.attempt(folder, places, 4) == Result(4, "done")


def test_a_run_without_its_data_or_its_start_says_so(places: Places) -> None:
    _, result = carry_out(places, HEAD, version="0.9")
    assert result == Result(1, "failed", "There is no model '0.9'.")
    shutil.rmtree(places.data_sets)
    _, result = carry_out(places, HEAD)
    assert result == Result(1, "failed", "There is no data set toys any more.")


def test_a_diagnosis_without_training_lesions_is_named(places: Places, isic: Layout) -> None:
    table = read_isic(isic.folder).table
    bring(places, table[table["diagnosis"] != "VASC"])
    _, result = carry_out(places, HEAD)
    assert result.state == "failed"
    assert "No lesion falls into the train split that is vascular lesion." in result.reason


def test_a_small_clinic_needs_not_every_diagnosis_on_every_side(
    places: Places, isic: Layout
) -> None:
    table = read_isic(isic.folder).table
    side = table["lesion"].map(split_of)
    rare = table["diagnosis"].isin(["AK", "DF", "VASC"]) & (side != "train")
    bring(places, table[~rare])
    folder, result = carry_out(places, HEAD)
    assert result == Result(1, "done", version="1.0.1"), result.reason
    assert (places.registry.folder("1.0.1") / "comparison.json").exists()
    bring(places, table[side != "calibration"])
    shutil.rmtree(folder)
    _, result = carry_out(places, HEAD)
    assert "No lesion falls into the calibration split" in result.reason


def test_a_loss_that_is_no_number_ends_the_run(places: Places) -> None:
    _, result = carry_out(places, {**WHOLE, "learning_rate": 1e30})
    assert result.state == "failed" and "A lower learning rate may help" in result.reason
    assert places.registry.versions() == ("1.0",)


def test_labels_that_mean_nothing_end_the_run(places: Places, isic: Layout) -> None:
    table = read_isic(isic.folder).table
    lesions = table.drop_duplicates("lesion").set_index("lesion")["diagnosis"]
    sides = lesions.groupby(lesions.index.map(split_of))
    drawn = sides.transform(lambda codes: codes.sample(frac=1, random_state=1).to_numpy())
    bring(places, table.assign(diagnosis=table["lesion"].map(drawn)))
    settings = {**WHOLE, "epochs": 8, "learning_rate": 1e-7}
    folder, result = carry_out(places, settings)
    assert result.state == "failed" and "no better than guessing" in result.reason
    assert len(read_history(folder)) < 8


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [(WHOLE, "with a batch of 16 photos. Run again with a smaller batch, for example 8"),
     (HEAD, "Free some on the server")],
)  # fmt: skip
@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
    ids=["Python", "CUDA", "PyTorch", "the system"],
)
def test_memory_that_runs_out_is_said_in_plain_words(
    places: Places, monkeypatch: pytest.MonkeyPatch, error: Exception, settings, sentence: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(jobs, "train", fail)
    _, result = carry_out(places, settings)
    assert result.state == "interrupted" and sentence in result.reason


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def append_to_a_full_disk(path: Path, line: str) -> None:
    """Half a line still fits."""
    with disk_full_named(path.parent, len(line)), path.open("a") as target:
        target.write(line[: len(line) // 2])
        target.flush()
        full()


@pytest.mark.parametrize("where", ["checkpoint", "history", "log", "card"])
def test_a_full_disk_interrupts_and_the_run_goes_on_later(
    places: Places, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    with monkeypatch.context() as patch:
        if where == "checkpoint":
            patch.setattr("training.learning.checkpoint.save_file", full)
        elif where == "history":
            patch.setattr("training.learning.loop.append_line", append_to_a_full_disk)
        elif where == "card":
            patch.setattr("skinmodel.weights._write", full)
        else:
            patch.setattr("builtins.print", full)
        folder, result = carry_out(places, HEAD)
    if where == "log":  # what people read is not worth a run
        assert result.state == "done"
        return
    assert result.state == "interrupted" and result.reason.startswith("Disk full")
    assert places.registry.versions() == ("1.0",)
    assert jobs.attempt(folder, places, 2) == Result(2, "done", version="1.0.1")
    assert read_history(folder)[-1]["epoch"] == 2


def test_the_last_words_of_a_run_find_room_on_a_full_disk(small_disk: Path, places: Places) -> None:
    folder = small_disk / "run"
    folder.mkdir()
    jobs._spare(folder)
    with (small_disk / "rest").open("wb", buffering=0) as rest, pytest.raises(OSError):
        while True:
            rest.write(b"\0" * 4096)
    said = Result(1, "interrupted", "Disk full: 0.2 GB free, need 1.5 GB.")
    assert jobs._leave(folder, said) == 0
    assert read_result(folder, 1) == said


def test_a_trainer_begins_when_told_to_and_only_once(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = places.run("a-run")
    write_request(folder, Request("fit", ("toys",), version="1.0", settings=HEAD).to_dict())
    monkeypatch.setattr(process, "step_back", lambda: None)
    command = [str(folder), "--data-dir", str(places.data_dir), "--bundled", str(places.bundled)]
    for said in ("", "go\n"):
        monkeypatch.setattr(sys, "stdin", io.StringIO(said))
        with process.alone(folder / LOCK):
            assert jobs.main([*command, "--wait"]) == 1
    assert capsys.readouterr().out == "Another process works on this run.\n"
    assert not (folder / "progress.json").exists()


def test_where_a_run_is_said_in_words(tmp_path: Path) -> None:
    said = {"features": "while computing features", "epoch": "at epoch 1", "?": "at epoch 1"}
    for stage, words in said.items():
        (tmp_path / "progress.json").write_text(f'{{"stage": "{stage}", "new": 1}}')
        assert whereabouts(tmp_path) == words
    (tmp_path / "history.jsonl").write_text('{"epoch": 1}\n{"epoch": 2}\n')
    begin_anew(tmp_path)
    assert whereabouts(tmp_path) == "at its start, with 2 epochs behind it"


def test_progress_does_not_go_back_once_the_photos_are_read(tmp_path: Path) -> None:
    report = Reporter(tmp_path)
    report.at("start")
    report.at("photos", 300, 300)
    report({"stage": "start", "from": "1.2", "parts": ["backbone"]})
    assert read_progress(tmp_path).stage == "photos"


def test_imagenets_weights_are_fetched_once_and_go_on_where_they_were(
    tmp_path: Path, server: Server
) -> None:
    stored = io.BytesIO()
    torch.save({"fc.weight": torch.ones(200)}, stored)
    content = stored.getvalue()
    folder, name = tmp_path / "weights", f"resnet18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    told: list[tuple[int, int]] = []

    def cut(handler: Handler, number: int) -> bool:
        handler.answer(content, send=len(content) // 2 if number == 1 else None)
        return True

    def stop_at_first(done: int, total: int) -> None:
        told.append((done, total))
        if done == len(content) // 2:
            raise jobs.Stopped

    server.behave = cut
    address = server.address.replace("photos.zip", name)
    with pytest.raises(jobs.Stopped):
        imagenet.weights_file("resnet18", folder, address=address, progress=stop_at_first)
    made = imagenet.weights_file("resnet18", folder, address=address)
    assert server.requests == ["", f"bytes={len(content) // 2}-"]
    assert told[-1] == (len(content) // 2, len(content))
    assert [path.name for path in folder.iterdir()] == ["resnet18_imagenet.safetensors"]
    assert torch.equal(load_file(made)["fc.weight"], torch.ones(200))
    assert imagenet.weights_file("resnet18", folder, address="http://127.0.0.1:1/a") == made


def test_imagenets_weights_that_are_others_or_not_to_be_had_are_refused(
    tmp_path: Path, server: Server
) -> None:
    address = server.address.replace("photos.zip", "resnet18-00000000.pth")
    with pytest.raises(jobs.InvalidConfig, match="not the file that was expected"):
        imagenet.weights_file("resnet18", tmp_path, address=address)
    assert list(tmp_path.iterdir()) == []

    def missing(handler: Handler, number: int) -> bool:
        handler.send_error(404)
        return True

    server.behave = missing
    with pytest.raises(jobs.InvalidConfig, match=r"put them into .* in the data folder as"):
        imagenet.weights_file("resnet18", tmp_path, address=address)
    with pytest.raises(jobs.InvalidConfig, match="no weights for the backbone conv"):
        imagenet.weights_file("conv", tmp_path, address=address)


def test_an_estimate_is_of_a_short_run_and_leaves_nothing(places: Places) -> None:
    before = sorted(places.data_dir.rglob("*"))
    for settings, start in ((HEAD, "model"), (WHOLE, "nothing")):
        version = "1.0" if start == "model" else ""
        request = Request("fit", ("toys",), start=start, version=version, settings=settings)
        short = estimate(request, places)
        assert 0 < short.seconds < 600 and short.memory > 50e6
        assert 130 * 48 * 48 * 3 < short.disk < 50e6
        assert "of disk" in short.sentence() and short.problems() == []
        longer = Request(
            "fit", ("toys",), start=start, version=version, settings={**settings, "epochs": 5000}
        )
        assert estimate(longer, places).seconds > 2 * short.seconds
    assert sorted(places.data_dir.rglob("*")) == before
    table = data_sets(places.data_sets)[0].table()
    common = table[table["diagnosis"] == "NV"].sample(400, replace=True, random_state=0)
    many = common.assign(image=range(400), lesion=[f"NV_{place}" for place in range(400)])
    bring(places, pd.concat([table, many.astype(str)]))
    assert estimate(Request("fit", ("toys",), version="1.0", settings=HEAD), places).seconds > 0
    crowded = Estimate(60, 8 * 10**9, 10**9, 1_500_000_000, 200_000_000)
    memory, disk = crowded.problems()
    assert "needs 8.0 GB. A smaller batch" in memory
    assert disk == "The disk has 0.2 GB free, and this run needs 1.5 GB."

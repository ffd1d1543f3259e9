"""The Training page: a run asked for, watched, and what can be done with it afterwards."""

import dataclasses
import datetime
import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.components.frame import serving
from pages.components.learning import ended, estimating, runs
from records.access.actors import ADMIN, CONSOLE
from records.models import jobs, leases
from records.models.jobs import Job
from tests.pages.conftest import SignIn
from tests.pages.test_examine import MAIN, labels, press, says
from tests.signing import somebody
from tests.tiny import save_tiny_model
from tests.training.conftest import write_isic
from training.data.datasets import write_data_set
from training.data.manifest import read_isic
from training.runs.beside import COMPARE, Beside
from training.runs.estimate import Estimate
from training.runs.folder import HISTORY, LOG, PROGRESS, Progress

PAGE = MAIN.parent / "admin" / "training.py"


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sign_in: SignIn) -> Iterator[None]:
    save_tiny_model(tmp_path / "models", "1.0")
    monkeypatch.setenv("SKIN_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path / "data"))
    st.cache_resource.clear()
    sign_in(somebody(ADMIN))
    yield
    serving.decoder().close()
    st.cache_resource.clear()


@pytest.fixture
def toys(tmp_path: Path) -> None:
    """A data set to train on."""
    folder = tmp_path / "data" / "datasets" / "toys"
    folder.mkdir(parents=True)
    table = read_isic(write_isic(tmp_path / "isic").folder).table
    day = datetime.date(2025, 3, 12)
    write_data_set(folder, table, name="Toys", kind="folder", created_on=day)


def opened() -> AppTest:
    page = AppTest.from_file(str(PAGE), default_timeout=30).run()
    assert not page.exception
    return page


@pytest.mark.usefixtures("toys")
def test_of_two_data_sets_of_one_name_the_one_that_was_asked_for_is_chosen(tmp_path: Path) -> None:
    shutil.copytree(runs.places().data_sets / "toys", runs.places().data_sets / "toys-again")
    page = AppTest.from_file(str(PAGE), default_timeout=30)
    page.session_state[ended.AGAIN] = {"data": ["toys"]}
    press(page.run(), "Start")
    (job,) = all_jobs()
    assert job.request["data"] == ["toys"]


def all_jobs() -> list[Job]:
    return jobs.everything(serving.database(), actor=CONSOLE)


def test_without_data_the_page_leads_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    led: list[str] = []
    monkeypatch.setattr(st, "switch_page", led.append)
    page = opened()
    assert "nothing to learn from yet" in page.info[0].value
    assert labels(page) == ["Go to the data"]
    press(page, "Go to the data")
    assert led == ["admin/data.py"]


@pytest.mark.usefixtures("toys")
def test_a_run_is_started_once_and_can_be_cancelled_and_resumed() -> None:
    page = opened()
    assert "130 photos of 64 lesions" in says(page)
    press(page, "Start")
    (job,) = all_jobs()
    assert job.request["data"] == ["toys"] and job.request["version"] == "1.0"
    assert job.request["settings"]["learns"] == "head"
    assert "Queue: 1 run" in [one.value for one in page.subheader]
    press(page, "Start")
    assert "This is run 1" in page.warning[0].value and len(all_jobs()) == 1
    press(page, "Cancel")
    assert all_jobs()[0].state == jobs.CANCELLED
    assert "cancelled" in page.expander[0].label and page.expander[0].proto.expanded
    press(page, "Resume")
    assert all_jobs()[0].state == jobs.WAITING
    press(page, "Cancel")
    press(page, "Delete")
    assert "is removed for good" in says(page) and "Delete this run" in labels(page)


def at_work() -> tuple[Job, leases.Lease, Path]:
    """A run that a worker has in hand, with a folder that tells of it."""
    request = {
        "kind": "fit", "data": ["toys"], "start": "model", "version": "1.0",
        "settings": {"learns": "head", "epochs": 20, "seed": 7}, "folds": 0, "trials": 0,
    }  # fmt: skip
    job = jobs.ask(serving.database(), actor=CONSOLE, kind="fit", request=request)
    lease = leases.claim(serving.database(), job_id=job.id, node="here")
    assert lease
    folder = runs.places().run(job.id)
    folder.mkdir(parents=True)
    line = {"epochs": 20, "loss": 1.2, "log_loss": 1.1, "balanced_accuracy": 0.5}
    history = [json.dumps({**line, "epoch": epoch}) for epoch in range(1, 13)]
    (folder / HISTORY).write_text("\n".join(history) + '\n{"half')
    now = Progress("epoch", 11.5, 20, seconds_left=480, images_per_second=61)
    (folder / PROGRESS).write_text(json.dumps(dataclasses.asdict(now)))
    (folder / LOG).write_text("14:02:11  epoch 12/20\n")
    return job, lease, folder


@pytest.mark.usefixtures("toys")
def test_a_run_at_work_is_shown_the_same_to_everybody_and_after_leaving() -> None:
    job, lease, _ = at_work()
    for page in (opened(), opened()):
        words = str(page.get("progress")[0].proto)
        assert "Epoch 12 of 20 · 8 min left, then measuring · 61 photos/s" in words
        assert "Toys" in says(page) and "**Learning**" in says(page)
        assert any("epoch 12/20" in code.value for code in page.code)
        assert "Cancel" in labels(page)
    press(page, "Cancel")
    assert "Stopping" in labels(page)
    assert leases.wanted(serving.database(), lease) == jobs.CANCEL
    leases.end(
        serving.database(), lease, state=jobs.FAILED, reason="Disk full: 0.2 GB free, need 1.5 GB."
    )
    page.run()
    assert "Disk full: 0.2 GB free" in says(page).replace("\\", "")
    assert f"Run {job.number}" in page.expander[0].label


@pytest.mark.usefixtures("toys")
def test_run_again_with_changes_begins_with_what_was_asked_for() -> None:
    _, lease, _ = at_work()
    leases.end(serving.database(), lease, state=jobs.DONE, version="1.1")
    page = opened()
    press(page, "Run again with changes")
    assert next(one.label for one in page.expander) == "New run"
    numbers = {one.label: one.value for one in page.number_input}
    assert (numbers["Epochs"], numbers["Seed"]) == (20, 7)
    press(page, "Start")
    assert [one.request["settings"]["seed"] for one in all_jobs()] == [7, 7]


@pytest.mark.usefixtures("toys")
def test_a_comparison_is_watched_like_a_run_and_leads_to_what_came_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tiny_model(tmp_path / "data" / "models", "1.0.1")
    request = Beside(("toys",), "1.0.1", "1.0")
    job = jobs.ask(
        serving.database(), actor=CONSOLE, kind=COMPARE, request=request.to_dict(),
        same=request.same(),
    )  # fmt: skip
    lease = leases.claim(serving.database(), job_id=job.id, node="here")
    assert lease
    folder = runs.places().run(job.id)
    folder.mkdir(parents=True)
    now = Progress("compare", 30, 120, seconds_left=150)
    (folder / PROGRESS).write_text(json.dumps(dataclasses.asdict(now)))
    page = opened()
    words = str(page.get("progress")[0].proto)
    assert "Comparing, 30 of 120 · 2 min left, then computing intervals" in words
    assert "compare model 1.0.1 with model 1.0" in says(page).replace("\\", "")
    leases.end(serving.database(), lease, state=jobs.DONE)
    page = page.run()
    assert "Run again with changes" not in labels(page)
    led: list[str] = []
    monkeypatch.setattr(st, "switch_page", led.append)
    press(page, "See the comparison")
    assert led == ["admin/models.py"]
    assert (page.session_state["model"], page.session_state["beside-1.0.1"]) == ("1.0.1", "1.0")


def answered(page: AppTest) -> AppTest:
    """The page once the estimate is there; the browser asks for it again and again."""
    until = time.monotonic() + 60
    while any(trial.at_work for trial in page.session_state["estimates"].values()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return page.run()


@pytest.mark.usefixtures("toys")
def test_the_page_can_be_used_while_a_run_is_estimated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program that estimates waits here until a file is there."""
    go = tmp_path / "go"
    found = Estimate(120.0, 10**9, 8 * 10**9, 10**8, 10**11)
    script = f"""
import json, pathlib, sys, time
asked = json.loads(sys.stdin.read())
print(json.dumps({{"at": [0.4, "Training for a moment on 48 photos"]}}), flush=True)
while not pathlib.Path({str(go)!r}).exists():
    time.sleep(0.01)
if asked["settings"]["epochs"] < 99:
    print(json.dumps({dataclasses.asdict(found)!r}))
"""
    monkeypatch.setattr(estimating, "command", lambda: [sys.executable, "-S", "-c", script])
    page = press(opened(), "Estimate time, memory and disk")
    (trial,) = page.session_state["estimates"].values()
    while trial.task.reported[1] == estimating.BEGUN:
        time.sleep(0.02)
    page = page.run()
    assert "Training for a moment on 48 photos" in str(page.get("progress")[0].proto)
    assert not next(b for b in page.button if b.label == "Start").disabled
    epochs = next(box for box in page.number_input if box.label == "Epochs")
    page = epochs.set_value(100).run()
    assert not page.get("progress")  # it is of other settings
    press(page, "Estimate time, memory and disk")
    assert trial.given_up
    press(page, "Stop the estimate")
    assert not page.get("progress")
    press(page, "Estimate time, memory and disk")
    go.touch()
    assert estimating.FAILED in says(answered(page)).replace("\\", "")
    next(box for box in page.number_input if box.label == "Epochs").set_value(20).run()
    press(page, "Estimate time, memory and disk")
    assert "About 2 minutes on this server" in says(answered(page))


@pytest.mark.usefixtures("toys")
def test_settings_that_cannot_be_used_are_said_before_the_start() -> None:
    page = opened()
    page.segmented_control[1].set_value("nothing").run()
    next(box for box in page.selectbox if box.label == "Backbone").set_value("conv").run()
    next(box for box in page.text_input if box.label == "Filters").set_value("").run()
    assert "needs filters" in says(page)
    assert next(b for b in page.button if b.label == "Start").disabled


@pytest.mark.usefixtures("toys")
def test_folds_do_not_start_from_a_model_that_may_have_met_them() -> None:
    page = opened()
    assert page.segmented_control[1].value == "model"
    page.segmented_control[0].set_value("cross-validate").run()
    assert page.segmented_control[1].value == "imagenet"
    assert next(box for box in page.number_input if box.label == "Folds").value == 5

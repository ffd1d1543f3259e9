"""The administrators' story: photos in, a run to its end, a model promoted by two, rolled back."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from records.access.actors import ADMIN
from records.schema import open_database
from skinmodel.diagnoses import CODES
from skinmodel.drawn import draw_lesion
from tests.browser.conftest import PATIENCE, READY
from tests.browser.server import ROOT, Server, serve
from tests.browser.test_examine import answered, give, photo
from tests.signing import admit
from tests.training.conftest import LESIONS, NAME
from tests.training.test_versus import save
from training.data.splits import split_of
from training.runs.folder import read_history, read_progress

pytestmark = pytest.mark.browser
MINUTE = 120_000  # milliseconds: a run, on a machine that is busy
DEEDS = (
    "data set asked for", "run asked for", "run interrupted", "run resumed", "run done",
    "model override asked", "model override approved", "model rolled back",
)  # fmt: skip
# The worker that the app starts, but its trainers have an ordinary priority, with which a busy
# machine runs them, and leave out most of the bootstrap's samples.
TRAINER = """
import sys
from training import jobs
from training.measuring import evaluate
from training.runs import process
evaluate.RESAMPLES = 5
process.step_back = lambda: None
sys.exit(jobs.main())
"""
WORKER = f"""
import sys, worker
real = worker.Worker.command
worker.Worker.command = lambda *given: [sys.executable, "-c", {TRAINER!r}, *real(*given)[3:]]
sys.argv = ["worker.py", "--until-closed"]
sys.exit(worker.main())
"""


def write_drawn(folder: Path) -> None:
    """Drawn lesions in ISIC 2019's layout, a photo each; every diagnosis has a tint of its own."""
    photos = folder / f"{NAME}_Input"
    photos.mkdir(parents=True)
    tints = np.random.default_rng(0).uniform(0.3, 1.0, (len(CODES), 3))
    truth, metadata = [], []
    for label, code in enumerate(CODES):
        wanted, number = dict(LESIONS), 0
        while any(wanted.values()):
            number += 1
            lesion = f"DRAWN_{code}_{number}"
            if not wanted[split_of(lesion)]:
                continue
            wanted[split_of(lesion)] -= 1
            pixels = np.asarray(draw_lesion(len(truth), size=(96, 72))) * tints[label]
            Image.fromarray(pixels.astype(np.uint8)).save(photos / f"{lesion}.jpg", quality=90)
            truth.append({"image": lesion, **{c: str(int(c == code)) for c in CODES}, "UNK": "0"})
            metadata.append({"image": lesion, "lesion_id": lesion})
    pd.DataFrame(truth).to_csv(folder / f"{NAME}_GroundTruth.csv", index=False)
    pd.DataFrame(metadata).to_csv(folder / f"{NAME}_Metadata.csv", index=False)


@pytest.fixture
def learning(chromium: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with a calibrated model 1.0 in use, photos in its inbox, and a worker beside it."""
    save(tmp_path / "models" / "1.0")
    write_drawn(tmp_path / "data" / "inbox" / "drawn")
    monkeypatch.setenv("SKIN_WORKER", "no")
    monkeypatch.setenv("SKIN_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path / "data"))
    with serve(tmp_path / "models", tmp_path) as server:
        worker = subprocess.Popen([sys.executable, "-c", WORKER], cwd=ROOT, stdin=subprocess.PIPE)
        try:
            yield server
        finally:
            worker.communicate()  # its input is closed, so it ends


def signed_in(browser: Browser, server: Server, token: str | None = None) -> Page:
    """A page of somebody who is signed in."""
    context = browser.new_context(color_scheme="dark", viewport={"width": 1440, "height": 900})
    cookies = server.cookies
    if token:
        cookies[0]["value"] = token
    context.add_cookies(cookies)
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    return context.new_page()


def idle(page: Page) -> None:
    page.wait_for_timeout(200)
    page.wait_for_selector(READY)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()
    idle(page)


def visit(page: Page, server: Server, place: str) -> None:
    page.goto(f"{server.address}/{place}")
    page.get_by_role("heading", level=1).wait_for()
    idle(page)


@pytest.mark.timeout(600)  # three processes one after another, each of which loads PyTorch
def test_a_run_becomes_a_model_that_two_put_to_use_and_one_takes_back(
    browser: Browser, learning: Server
) -> None:
    page = signed_in(browser, learning)
    visit(page, learning, "data")
    press(page, "Add data")
    press(page, "Add")
    expect(page.get_by_text("64 photos · 64 lesions")).to_be_visible(timeout=MINUTE)
    press(page, "Train on it")

    page.get_by_text("Settings", exact=True).first.click()
    page.get_by_label("Epochs").fill("200")  # long enough to be killed in
    page.keyboard.press("Enter")
    idle(page)
    press(page, "Start")
    kill_trainer(learning)
    expect(page.get_by_text(re.compile(r"Interrupted at epoch \d+\. What"))).to_be_visible()
    press(page, "Resume")
    see = page.get_by_role("button", name="See candidate 1.0.1")
    expect(see).to_be_visible(timeout=MINUTE)
    clinic = signed_in(browser, learning)
    visit(clinic, learning, "")
    assess(clinic, 1, "Model 1.0")

    see.click()
    expect(page.get_by_role("heading", name="Model 1.0.1 beside model 1.0")).to_be_visible()
    expect(page.get_by_text("On the same 16 test lesions (16 photos, 2 melanomas)")).to_be_visible()
    idle(page)
    click_a_cell(page)
    expect(page.get_by_text("Heat map: what raised the score for")).to_be_visible()
    press(page, "Ask for an override …")
    page.get_by_label("Why it should be used all the same").fill("Our own camera.")
    press(page, "Ask")
    expect(page.get_by_text("There is none yet: add one on the Accounts page.")).to_be_visible()
    expect(page.get_by_role("button", name="Approve and promote")).to_have_count(0)

    other = signed_in(browser, learning, another_admin(learning))
    visit(other, learning, "models")
    press(other, "Approve and promote")
    expect(other.get_by_text("Model 1.0.1 is in use.")).to_be_visible()
    start_anew(clinic)
    assess(clinic, 2, "Model 1.0.1")

    visit(page, learning, "models")
    press(page, "Roll back to 1.0")
    expect(page.get_by_text("Model 1.0 is in use.")).to_be_visible()
    start_anew(clinic)
    assess(clinic, 3, "Model 1.0")

    visit(page, learning, "audit")
    with page.expect_download() as export:
        page.get_by_role("button", name="Export as CSV").click()
    said = Path(export.value.path()).read_text(encoding="utf-8")
    places = [said.index(kind) for kind in DEEDS]
    assert places == sorted(places) or places == sorted(places, reverse=True), said
    visit(page, learning, "models")
    compare_the_other_way(page)
    for one in (page, clinic, other):
        one.context.close()


def compare_the_other_way(page: Page) -> None:
    """Two models of which no run has measured this one beside that one."""
    for label, version in (("Model", "1.0"), ("Beside", "1.0.1")):
        page.get_by_role("combobox", name=label, exact=True).click()
        page.get_by_role("option", name=version, exact=True).click()
        idle(page)
    expect(page.get_by_text("It was not measured beside model 1.0.1")).to_be_visible()
    press(page, "Compare them …")
    expect(page.get_by_text("16 lesions that neither has met, with")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Compare", exact=True).click()
    heading = page.get_by_role("heading", name="Model 1.0 beside model 1.0.1")
    expect(heading).to_be_visible(timeout=MINUTE)
    expect(page.get_by_text(re.compile(r"Measured on drawn, \d+ \w+ \d+"))).to_be_visible()


def click_a_cell(page: Page) -> None:
    """Clicks a number of the first confusion matrix, over which the chart lays its own surface."""
    number = page.get_by_test_id("stPlotlyChart").first.get_by_text(re.compile("^[12]$")).first
    number.evaluate("element => element.scrollIntoView({block: 'center'})")
    page.wait_for_timeout(300)
    box = number.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def start_anew(page: Page) -> None:
    """Leaves a result for the next lesion; the old page's uploader is gone when this returns."""
    page.get_by_role("button", name="Start with another lesion").click()
    page.get_by_role("heading", name="Examine a lesion").wait_for()


def assess(page: Page, seed: int, version: str) -> None:
    """Gives a photo on the open page; the result names the model."""
    give(page, photo("a.jpg", seed))
    answered(page)
    expect(page.locator(".viewer .facts")).to_contain_text(version)


def another_admin(server: Server) -> str:
    """The token of a second administrator's own session."""
    database = open_database(f"sqlite:///{server.data / 'records.sqlite'}")
    try:
        return admit(database, ADMIN, name="Bert Holm")
    finally:
        database.close()


def kill_trainer(server: Server) -> None:
    """Ends the process that trains, without a word, once it has learnt for an epoch."""
    until = time.monotonic() + MINUTE / 1000
    folders: list[Path] = []
    while not folders or read_progress(folders[0]).stage != "epoch" or not read_history(folders[0]):
        assert time.monotonic() < until
        time.sleep(0.02)
        folders = list((server.data / "runs").glob("*"))
    (folder,) = folders
    (trainer,) = (
        one
        for one in psutil.process_iter(["cmdline"])
        if str(folder) in (one.info["cmdline"] or [])
    )
    trainer.kill()

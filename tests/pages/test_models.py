"""The administrators' Models page: nothing gets past the gate, and every change is kept."""

import datetime
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.components.frame import guard, serving
from pages.components.learning import runs
from pages.components.model import studies
from records import audit
from records.access.actors import ADMIN, CONSOLE
from records.database import Database
from records.models import jobs, leases, promotions
from skinmodel.parcel import pack
from skinmodel.registry import Registry
from tests.pages.test_admin import press
from tests.signing import somebody
from tests.training.conftest import write_isic
from tests.training.test_versus import fake, save
from training.data.datasets import write_data_set
from training.data.inspection import REPORT, Inspection
from training.data.manifest import read_isic
from training.learning.crossvalidate import KINDS, METRICS
from training.measuring import compared
from training.measuring.compared import CASES, NUMBERS
from training.measuring.paired import Pairs
from training.measuring.versus import compare

PAGE = Path(__file__).parents[2] / "pages" / "admin" / "models.py"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """1.0 of the program in use, and the clinic's candidate 1.1, not yet compared."""
    monkeypatch.setenv("SKIN_MODELS_DIR", str(tmp_path / "bundled"))
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SKIN_DATABASE_URL", f"sqlite:///{tmp_path / 'records.sqlite'}")
    monkeypatch.setattr("training.measuring.evaluate.RESAMPLES", 20)
    save(tmp_path / "bundled" / "1.0")
    st.cache_resource.clear()
    st.cache_data.clear()
    registry = serving.registry()
    registry.register(save(tmp_path / "run" / "1.1", 1))
    yield registry
    serving.database().close()
    st.cache_resource.clear()


@pytest.fixture
def sign_in_as(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Signs an administrator in; Anna is, at first."""

    def put(name: str) -> None:
        someone = somebody(ADMIN, name=name)
        person = replace(someone, account=replace(someone.account, id=name.lower()))
        monkeypatch.setattr(guard, "signed_in", lambda: person)

    put("Anna")
    return put


def open_page() -> AppTest:
    page = AppTest.from_file(str(PAGE), default_timeout=100).run()
    assert not page.exception
    return page


def dialog(call: str) -> AppTest:
    """A dialog by itself; AppTest would close it at every click."""
    script = f"""
from pages.components.frame import serving
from pages.components.model import comparing, promoting, shipping
models = serving.registry()
{call}
"""
    return AppTest.from_string(script, default_timeout=100).run()


def promote() -> AppTest:
    return dialog("promoting.promote(models.folder('1.1'))")


def ask(reason: str) -> AppTest:
    page = dialog("promoting.ask(models.folder('1.1'))")
    page.text_area(key="override-reason").input(reason)
    return press(page, "Ask")


def says(page: AppTest) -> str:
    parts = (page.markdown, page.warning, page.error, page.info, page.caption)
    return "\n".join(one.value for kind in parts for one in kind).replace("\\", "")


def kinds(database: Database) -> list[str]:
    return [one.kind for one in audit.entries(database, actor=CONSOLE, limit=9)][::-1]


def test_a_candidate_that_passes_is_promoted_with_a_reason_and_rolled_back_by_a_click(
    models: Registry, sign_in_as: Callable[[str], None]
) -> None:
    fake(models.own / "1.1", models.folder("1.0"), Pairs(120, 2, 1))
    page = open_page()
    assert "Model 1.0 is in use." in says(page) and "nothing speaks against it" in says(page)
    assert any(button.label == "Promote 1.1 …" for button in page.button)
    page = press(promote(), "Promote")
    assert "Say why" in says(page) and models.active().name == "1.0"
    page.text_area(key="promote-reason").input("Fewer false alerts.")
    press(page, "Promote")
    assert not page.exception
    assert models.active() == models.own / "1.1" and serving.model().version == "1.1"
    (done,) = promotions.history(serving.database(), actor=CONSOLE)
    assert (done.reason, done.before.version, done.decided_by) == (
        "Fewer false alerts.", "1.0", "anna",
    )  # fmt: skip
    page = open_page()
    assert "Model 1.1 is in use." in says(page)
    press(page, "Roll back to 1.0")
    assert models.active().name == "1.0"
    assert kinds(serving.database()) == ["model promoted", "model rolled back"]


def test_a_doubtful_one_needs_two_administrators(
    models: Registry, sign_in_as: Callable[[str], None]
) -> None:
    page = open_page()
    assert "Model 1.1 was not compared with model 1.0." in says(page)
    assert not any(button.label == "Promote 1.1 …" for button in page.button)
    press(promote(), "Promote")  # a page that was open for long
    assert models.active().name == "1.0"
    ask("The other fails on our camera.")
    page = open_page()
    assert "Another administrator has to approve this" in says(page)
    assert not any(button.label == "Approve and promote" for button in page.button)
    assert models.active().name == "1.0"
    sign_in_as("Bert")
    page = open_page()
    press(page, "Approve and promote")
    assert models.active().name == "1.1"
    assert kinds(serving.database()) == ["model override asked", "model override approved"]


def test_a_broken_one_is_never_promoted_not_even_by_two(
    models: Registry, sign_in_as: Callable[[str], None]
) -> None:
    ask("Urgent.")
    (models.own / "1.1" / "golden.json").unlink()
    st.cache_data.clear()
    sign_in_as("Bert")
    page = open_page()
    assert "no golden set" in says(page)
    press(page, "Approve and promote")
    assert models.active().name == "1.0" and not page.exception
    press(page, "Decline")
    page = open_page()
    assert not any("override" in button.label for button in page.button)


def test_both_models_stand_beside_each_other(
    models: Registry, sign_in_as: Callable[[str], None], tmp_path: Path
) -> None:
    table = read_isic(write_isic(tmp_path / "isic").folder).table
    compare(models.own / "1.1", models.folder("1.0"), table)
    page = open_page()
    text = says(page)
    assert "On the same 16 test lesions" in text and "which neither has met" in text
    assert "Too few melanomas to judge (2); 100 are needed." in text
    heads = {head for table in page.table for head in table.value.columns}
    assert {"Difference", "McNemar's p", "Model 1.1", "Model 1.0", "Accuracy, Model 1.1"} <= heads
    assert (models.own / "1.1" / CASES).exists() and (models.own / "1.1" / NUMBERS).exists()


def test_any_two_models_are_compared_at_a_wish_and_two_wishes_are_one(
    models: Registry, sign_in_as: Callable[[str], None], tmp_path: Path
) -> None:
    folder = tmp_path / "datasets" / "toys"
    folder.mkdir(parents=True)
    table = read_isic(write_isic(tmp_path / "isic").folder).table
    write_data_set(folder, table, name="Toys", kind="folder", created_on=datetime.date(2025, 3, 12))
    page = open_page()
    assert "Compare them …" in [button.label for button in page.button]
    again = folder.with_name("again")
    shutil.copytree(folder, again)
    counts: list[dict[str, int]] = [{} for _ in range(6)]
    report = Inspection(130, *counts, {}, {}, 0, across={"toys": 7})
    (again / REPORT).write_text(report.to_json())
    wish = "comparing.ask(models.folder('1.1'), models.folder('1.0'), ['toys'], {'1.1': ['again']})"
    page = dialog(wish)
    assert "16 lesions** that neither has met, with" in says(page) and "2 melanomas." in says(page)
    assert "The card of model 1.1 does not say which lesions it met" in says(page)
    assert "7 photos in Toys and Toys look alike, and model 1.1 learned from" in says(page)
    press(page, "Compare")
    sign_in_as("Bert")
    page = press(dialog(wish), "Compare")
    assert "This is run 1, which anna asked for on" in says(page)
    (job,) = jobs.everything(serving.database(), actor=CONSOLE)
    assert (job.request["version"], job.request["other"]) == ("1.1", "1.0")
    (entry, *_) = audit.entries(serving.database(), actor=CONSOLE, kind="run asked for")
    assert entry.detail == {"run": 1, "kind": "compare", "model": "1.1", "beside": "1.0"}
    page = open_page()
    labels = [button.label for button in page.button]
    assert "Compare them …" not in labels and "Cancel" in labels
    assert "Waiting for the worker" in str(page.get("progress")[0].proto)
    lease = leases.claim(serving.database(), job_id=job.id, node="here")
    assert lease
    sentence = "There is no data set toys any more."
    leases.end(serving.database(), lease, state=jobs.FAILED, reason=sentence)
    page = page.run()
    assert sentence in says(page) and "Compare them …" in [b.label for b in page.button]
    made = compared.pair("1.1", "1.0")
    (tmp_path / "comparisons" / made / "later").mkdir(parents=True)
    fake(
        models.own / "1.1", models.folder("1.0"), Pairs(120, 2, 1),
        tmp_path / "comparisons" / made / "later",
    )  # fmt: skip
    page = page.run()
    assert "Measured on 12 Mar 2025" in says(page) and "nothing speaks against it" in says(page)
    assert "Compare again …" in [button.label for button in page.button]


def test_a_model_can_be_taken_in_and_deleted(
    models: Registry, sign_in_as: Callable[[str], None], tmp_path: Path
) -> None:
    page = open_page()
    uploader = page.file_uploader(key="model-file-0")
    uploader.upload("model.zip", pack(save(tmp_path / "far" / "1.1", 5)), "application/zip").run()
    press(page, "Import")
    assert "Model 1.0.1 was imported. It is not in use." in says(page)
    assert models.active().name == "1.0"
    page.file_uploader(key="model-file-1").upload("x.zip", b"PK\3\4", "application/zip").run()
    press(page, "Import")
    assert "This file is not a model." in says(page)
    press(dialog("shipping.delete(models.folder('1.0.1'))"), "Delete")
    assert models.versions() == ("1.0", "1.1")
    assert kinds(serving.database()) == ["model imported", "model deleted"]


def test_one_model_alone_stands_beside_nothing(
    models: Registry, sign_in_as: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    led: list[str] = []
    monkeypatch.setattr(st, "switch_page", led.append)
    models.delete("1.1")
    page = open_page()
    assert "Side by side" not in [one.value for one in page.header]
    assert "not measured beside" not in says(page) and not page.selectbox
    assert "There is no other model yet." in says(page)
    press(page, "Go to the training")
    assert led == ["admin/training.py"]


FOLD = dict.fromkeys(METRICS, 0.5) | {"balanced_accuracy": 0.6, "cases": 9}
FOLDS = {
    "how": "Grouped by lesion.",
    "folds": [
        {"fold": number, **{key: {**FOLD, "balanced_accuracy": value} for key in KINDS}}
        for number, value in ((1, 0.5), (2, 0.7))
    ],
    "mean_and_sd": dict.fromkeys(KINDS, {key: [0.6, 0.1] for key in METRICS} | {"macro_f1": None}),
    "classes": ["BENIGN", "MALIGNANT"],
    "confusion": {key: [[3, 1], [2, 4]] for key in KINDS},
}
SEARCH = {
    "how": "The best of many trials flatters itself.",
    "searched": ["lstm_units", "learning_rate", "dropout"],
    "trials": [
        {
            "trial": number, "whole": whole, "failed": None, "epochs": 4,
            "balanced_accuracy": value,
            "settings": {"lstm_units": 64 * number, "learning_rate": 10.0**-number, "dropout": 0.1},
        }
        for number, whole, value in ((1, True, 0.4), (2, False, None), (3, True, 0.7))
    ],
    "best": {
        "balanced_accuracy": 0.7,
        "settings": {"lstm_units": 192, "learning_rate": 0.001, "dropout": 0.1},
    },
}  # fmt: skip


def test_folds_and_searches_are_among_the_results(
    models: Registry, sign_in_as: Callable[[str], None]
) -> None:
    assert "Folds and searches" not in [tab.label for tab in open_page().tabs]
    for kind, name, found in (
        ("cross-validate", "cross-validation.json", FOLDS),
        ("tune", "tuning.json", SEARCH),
    ):
        request = {
            "data": ["toys"], "start": "imagenet", "folds": 2, "trials": 3,
            "settings": {"learns": "head"},
        }  # fmt: skip
        job = jobs.ask(serving.database(), actor=CONSOLE, kind=kind, request=request)
        folder = runs.places().run(job.id)
        folder.mkdir(parents=True)
        (folder / name).write_text(json.dumps(found))
    page = open_page()
    assert page.tabs[-1].label == "Folds and searches"
    tab = page.tabs[-1]
    assert tab.selectbox[0].options[0] == "Run 2 · search settings, head only, 3 trials · toys"
    assert {"Learning rate", "LSTM units"} <= {one.value for one in tab.caption}
    assert tab.table[0].value["Balanced accuracy"].tolist()[0].startswith("70")
    page = tab.selectbox[0].set_value(tab.selectbox[0].options[1]).run()
    assert not page.exception
    tab = page.tabs[-1]
    assert "Grouped by lesion." in [one.value for one in tab.caption]
    page.session_state[studies.CHOSEN] = job.id  # as the Training page leads here
    page = page.run()
    assert "What run 2 found" in [one.value for one in page.header]
    assert "Folds and searches" not in [one.label for one in page.tabs]
    page = press(page, "Close")
    assert page.tabs[-1].label == "Folds and searches" and not page.exception
    assert tab.table[0].value["Mean"].tolist()[0].replace("\\", "") == "0.600"


def test_a_choice_that_cannot_be_read_is_said(
    models: Registry, sign_in_as: Callable[[str], None]
) -> None:
    (models.own / "active.json").write_text("{")
    assert "Model 1.0 is used instead." in says(open_page())

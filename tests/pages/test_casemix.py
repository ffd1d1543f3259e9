"""The clinic's case mix: set by an administrator, and what it changes for everybody."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import settings
from pages.components.frame import serving
from records import audit
from records.access.actors import ADMIN, CONSOLE
from tests.pages.conftest import SignIn
from tests.pages.test_examine import MAIN, jpeg, labels, press, says, shown, upload
from tests.signing import somebody
from tests.tiny import save_tiny_model

FORM = MAIN.parent / "admin" / "casemix.py"


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    save_tiny_model(tmp_path / "models")
    monkeypatch.setenv("SKIN_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path / "data"))
    st.cache_resource.clear()
    yield
    serving.decoder().close()
    st.cache_resource.clear()


@pytest.fixture
def form(sign_in: SignIn) -> AppTest:
    sign_in(somebody(ADMIN))
    return AppTest.from_file(str(FORM), default_timeout=30).run()


def test_only_eight_shares_that_add_up_are_taken(form: AppTest) -> None:
    assert [box.value for box in form.number_input] == [12.5] * 8
    assert "No mix is set" in says(form)
    form.number_input[1].set_value(50.0).run()
    assert "37.5 % too much" in says(form)
    button = next(b for b in form.button if b.label == "Set this mix")
    assert button.disabled
    for place in (0, 2, 3):
        form.number_input[place].set_value(0.5)
    form.number_input[4].set_value(11.0).run()
    press(form, "Set this mix")
    mix = serving.case_mix()
    assert mix and mix.shares == (0.005, 0.5, 0.005, 0.005, 0.11, 0.125, 0.125, 0.125)


def test_results_are_at_the_clinics_mix_once_there_is_one(form: AppTest, sign_in: SignIn) -> None:
    sign_in(somebody())
    page = AppTest.from_file(str(MAIN), default_timeout=30).run()
    upload(page, ("a.jpg", jpeg(1)))
    before = shown(page)
    assert before and "training mix, not your clinic's" in before["facts"][1]
    sign_in(somebody(ADMIN))
    form.number_input[0].set_value(5.0)
    form.number_input[1].set_value(20.0).run()
    press(form, "Set this mix")
    assert "This mix is in use" in says(form)
    sign_in(somebody())
    assert "outdated" in says(page.run())
    press(page, "Analyse again")
    after = shown(page)
    assert after and "at this clinic's case mix" in after["facts"][1]
    assert after["visits"] != before["visits"]
    sign_in(somebody(ADMIN))
    press(form, "Go back to the training mix")
    assert serving.case_mix() is None
    kinds = [entry.kind for entry in audit.entries(serving.database(), actor=CONSOLE)]
    assert {"case mix set", "case mix forgotten"} <= set(kinds)


def test_a_mix_that_cannot_be_read_is_not_passed_over(form: AppTest, sign_in: SignIn) -> None:
    path = settings.load().data_dir / "case_mix.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"MEL": 1}))
    assert "nothing is analysed" in form.run().error[0].value
    sign_in(somebody())
    page = AppTest.from_file(str(MAIN), default_timeout=30).run()
    assert "An administrator can set it anew." in page.error[0].value
    sign_in(somebody(ADMIN))
    press(form, "Go back to the training mix")
    assert not form.error


def test_the_form_is_for_administrators(sign_in: SignIn) -> None:
    sign_in(somebody())
    form = AppTest.from_file(str(FORM), default_timeout=30).run()
    assert not form.number_input and not labels(form)
    assert "does not have the role" in form.error[0].value

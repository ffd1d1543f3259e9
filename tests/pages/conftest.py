"""Pages are tested as somebody who is signed in; a test can put in somebody else."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st

import training  # noqa: F401 - before a page runs by itself, whose neighbour training.py hides it
from pages.components.frame import guard, serving
from records.access.sessions import SignedIn
from tests import signing
from tests.signing import somebody
from tests.tiny import save_tiny_model

SignIn = Callable[[SignedIn], None]


@pytest.fixture
def sign_in(monkeypatch: pytest.MonkeyPatch) -> SignIn:
    """Puts a person in the place of whom the gate let in."""
    return lambda person: monkeypatch.setattr(guard, "signed_in", lambda: person)


@pytest.fixture(autouse=True)
def a_clinician(sign_in: SignIn) -> None:
    """Who is signed in unless the test says otherwise."""
    sign_in(somebody())


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a tiny model, which the pages use."""
    folder = tmp_path_factory.mktemp("models")
    save_tiny_model(folder)
    st.cache_resource.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKIN_MODELS_DIR", str(folder))
        yield folder
        serving.decoder().close()
    st.cache_resource.clear()


@pytest.fixture
def person(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sign_in: Callable[..., None]
) -> Iterator[SignedIn]:
    """A clinician signed in to records of this test's own."""
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path))
    person = SignedIn("a-session", signing.add(serving.database()))
    sign_in(person)
    yield person
    serving.database().close()

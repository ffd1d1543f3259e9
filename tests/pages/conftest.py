"""Pages are tested as somebody who is signed in; a test can put in somebody else."""

from collections.abc import Callable

import pytest

from pages.components import guard
from records.sessions import SignedIn
from tests.signing import somebody

SignIn = Callable[[SignedIn], None]


@pytest.fixture
def sign_in(monkeypatch: pytest.MonkeyPatch) -> SignIn:
    """Puts a person in the place of whom the gate let in."""
    return lambda person: monkeypatch.setattr(guard, "signed_in", lambda: person)


@pytest.fixture(autouse=True)
def a_clinician(sign_in: SignIn) -> None:
    """Who is signed in unless the test says otherwise."""
    sign_in(somebody())

"""Every page asks who is signed in before it shows anything: all roles, all pages."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.components.frame import guard, serving
from records import audit
from records.access import accounts, sessions
from records.access.actors import ADMIN, CLINICIAN, CONSOLE
from records.access.sessions import SignedIn
from records.database import Database
from records.errors import Busy
from tests.pages.conftest import SignIn
from tests.signing import add, somebody, start

PAGES = Path(__file__).parents[2] / "pages"
SCRIPTS = sorted(file for folder in PAGES.iterdir() for file in folder.glob("*.py")
                 if folder.name not in {"components", "__pycache__"}
                 and file.name != "__init__.py")  # fmt: skip
REFUSED = "Your account does not have the role for this page."


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    monkeypatch.setenv("SKIN_DATABASE_URL", url)
    monkeypatch.setenv("SKIN_MODELS_DIR", str(tmp_path))  # no model, so that pages are quick
    st.cache_resource.clear()
    yield serving.database()
    serving.database().close()
    st.cache_resource.clear()


def run(path: Path) -> AppTest:
    return AppTest.from_file(str(path), default_timeout=100).run()


def wanted(path: Path) -> set[str]:
    """The roles that a page names when it asks."""
    names = {"CLINICIAN": CLINICIAN, "ADMIN": ADMIN}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "guard.require":
            words = {ast.unparse(argument) for argument in node.args}
            return {CLINICIAN, ADMIN} if words == {"*ROLES"} else {names[word] for word in words}
    raise AssertionError(f"{path} asks nobody")


def shown(page: AppTest) -> list[str]:
    return [element.value for kind in (page.title, page.error, page.markdown) for element in kind]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
@pytest.mark.parametrize("role", [CLINICIAN, ADMIN])
def test_a_page_is_for_its_roles_alone(
    database: Database, sign_in: SignIn, path: Path, role: str
) -> None:
    person = sessions.find(database, start(database, add(database, role)))
    sign_in(person)
    page = run(path)
    assert not page.exception
    if role in wanted(path):
        assert REFUSED not in shown(page)
    else:
        assert shown(page) == [REFUSED]
        kinds = [entry.kind for entry in audit.entries(database, actor=CONSOLE)]
        assert kinds[0] == "page refused"


@pytest.mark.parametrize("path", [*SCRIPTS, PAGES / "main.py"], ids=lambda path: path.stem)
def test_who_is_signed_out_sees_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    def nobody() -> SignedIn:
        raise sessions.Idle

    monkeypatch.setattr(guard, "signed_in", nobody)
    page = run(path)
    (only,) = shown(page)
    assert only.startswith("You were signed out after 30 minutes without use.")
    assert not page.button and not page.dataframe and not page.exception


def test_the_menu_has_the_pages_of_the_role(
    database: Database, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    menus: list[list[str]] = []
    real: Callable[..., object] = st.navigation

    def noted(pages: dict[str, list[st.Page]], **options: object) -> object:
        menus.append([page.title for section in pages.values() for page in section])
        return real(pages, **options)

    monkeypatch.setattr(st, "navigation", noted)
    for roles in ((CLINICIAN,), (ADMIN,), (CLINICIAN, ADMIN)):
        sign_in(somebody(*roles))
        run(PAGES / "main.py")
    clinic, office, both = menus
    assert "Examine" in clinic and not {"Accounts", "Audit log"} & set(clinic)
    assert "Examine" not in office and {"Accounts", "Audit log"} <= set(office)
    assert set(both) == {*clinic, *office}


def test_a_tab_hands_nothing_over_to_another_account(database: Database, sign_in: SignIn) -> None:
    sign_in(somebody())
    page = run(PAGES / "main.py")
    page.session_state["photo"] = "of the first"
    other = add(database, CLINICIAN, name="Nora")
    sign_in(sessions.find(database, start(database, other)))
    page.run()
    assert "photo" not in page.session_state


def test_roles_that_changed_meanwhile_count_at_the_next_click(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(database, ADMIN)
    nora = add(database, ADMIN, name="Nora")
    session = sessions.find(database, start(database, nora))
    monkeypatch.setattr(guard, "signed_in", lambda: sessions.check(database, session.id))
    page = run(PAGES / "admin" / "accounts.py")
    assert page.title[0].value == "Accounts"
    accounts.set_roles(database, actor=CONSOLE, account_id=nora.id, roles=[CLINICIAN])
    page.run()
    assert shown(page) == [REFUSED]
    accounts.set_disabled(database, actor=CONSOLE, account_id=nora.id, disabled=True)
    page.run()
    assert "This account is disabled." in shown(page)[0]


def test_the_routers_answer_serves_a_page_once_and_no_longer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = sessions.find(database, start(database, add(database, CLINICIAN)))
    asked: list[str] = []

    def ask() -> SignedIn:
        asked.append(session.id)
        return sessions.check(database, session.id)

    def router() -> None:
        from pages.components.frame import guard

        with guard.opening(guard.someone()):
            guard.require("clinician")  # as each page begins
            guard.require("clinician")  # as it goes on, for what somebody does there
        guard.require("clinician")  # as a fragment does, without the router

    monkeypatch.setattr(guard, "signed_in", ask)
    page = AppTest.from_function(router, default_timeout=100).run()
    assert not page.exception and len(asked) == 3
    run(PAGES / "main.py")
    assert len(asked) == 4


def test_records_that_are_busy_are_said_in_a_sentence(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy() -> SignedIn:
        raise Busy

    monkeypatch.setattr(guard, "signed_in", busy)
    assert shown(run(PAGES / "main.py")) == [str(Busy())]

"""The administrators' pages and the own account, run by Streamlit itself."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from argon2 import PasswordHasher
from streamlit.testing.v1 import AppTest

from pages.components.frame import guard, serving
from records import audit, chain
from records.access import accounts, links, passwords, sessions
from records.access.actors import ADMIN, CLINICIAN, CONSOLE, ROLES
from records.access.sessions import SignedIn
from records.database import Database
from tests.signing import add, start

PAGES = Path(__file__).parents[2] / "pages"
PHRASE = "three small words"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("SKIN_DATABASE_URL", f"sqlite:///{tmp_path / 'records.sqlite'}")
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(1, 8, 1))
    st.cache_resource.clear()
    yield serving.database()
    serving.database().close()
    st.cache_resource.clear()


@pytest.fixture
def anna(database: Database, monkeypatch: pytest.MonkeyPatch) -> SignedIn:
    """The administrator who is signed in."""
    account = add(database, *ROLES)
    token = links.for_account(database, actor=CONSOLE, account_id=account.id)
    links.set_password(database, token=token, password=PHRASE)
    session = sessions.find(database, start(database, account))
    monkeypatch.setattr(guard, "signed_in", lambda: sessions.check(database, session.id))
    return session


def open_page(path: str) -> AppTest:
    return AppTest.from_file(str(PAGES / path), default_timeout=100).run()


def press(page: AppTest, label: str, place: int = 0) -> AppTest:
    return [button for button in page.button if button.label == label][place].click().run()


def everyone(database: Database) -> dict[str, accounts.Account]:
    return {one.name: one for one in accounts.everyone(database, actor=CONSOLE)}


def test_a_new_account_comes_with_a_link_that_works(database: Database, anna: SignedIn) -> None:
    page = open_page("admin/accounts.py")
    page.text_input[0].input("Nora Vik")
    press(page, "Add")
    nora = everyone(database)["Nora Vik"]
    assert nora.roles == {CLINICIAN} and not nora.has_password
    token = page.code[0].value.partition("/signin/password?token=")[2]
    assert links.whose(database, token) == nora
    press(page, "Add")
    assert "Give a name" in page.warning[0].value


def test_roles_lock_and_link_of_an_account(database: Database, anna: SignedIn) -> None:
    nora = add(database, name="Nora")
    page = open_page("admin/accounts.py")
    page.pills(key=f"roles-{nora.id}-clinician").set_value([ADMIN]).run()
    page.button(key=f"save-{nora.id}").click().run()
    assert everyone(database)["Nora"].roles == {ADMIN}
    page.button(key=f"link-{nora.id}").click().run()
    assert "/signin/password?token=" in page.code[0].value
    page.button(key=f"switch-{nora.id}").click().run()
    assert everyone(database)["Nora"].disabled
    page.button(key=f"switch-{nora.id}").click().run()
    assert not everyone(database)["Nora"].disabled
    assert not page.exception


def test_the_only_administrator_cannot_lock_themselves_out(
    database: Database, anna: SignedIn
) -> None:
    page = open_page("admin/accounts.py")
    page.button(key=f"switch-{anna.account.id}").click().run()
    assert "only administrator" in page.warning[0].value
    assert not everyone(database)["Anna Berg"].disabled


def test_the_clinics_own_sign_in_gives_its_roles_itself(database: Database, anna: SignedIn) -> None:
    accounts.vouched_for(database, issuer="i", subject="s", name="Nora", roles=[CLINICIAN])
    nora = everyone(database)["Nora"]
    page = open_page("admin/accounts.py")
    assert page.pills(key=f"roles-{nora.id}-clinician").disabled
    assert f"link-{nora.id}" not in {button.key for button in page.button}


def test_the_audit_log_is_filtered_and_checked(database: Database, anna: SignedIn) -> None:
    nora = add(database, name="Nora")
    start(database, nora)
    page = open_page("admin/audit.py")
    table = page.dataframe[0].value
    assert {"Signed in", "Account added", "Password set by link"} <= set(table["What"])
    page.selectbox[0].set_value(nora.id)
    page.selectbox[1].set_value("signed in").run()
    table = page.dataframe[0].value
    assert table[["Account", "What"]].values.tolist() == [["Nora", "Signed in"]]
    page.selectbox[1].set_value("one-time link made").run()
    assert page.info[0].value == "No entry matches."
    press(page, "Check the log")
    assert "The audit log is whole" in page.info[0].value
    head = page.code[0].value
    assert head == str(chain.head(database, actor=CONSOLE))
    for kept, said in (
        (f" {head} ", f"entry {head.partition(':')[0]} of the copied head is in it"),
        (f"9999:{'a' * 64}", "The audit log has lost entries"),
        (head[:30], "is written as NUMBER:HASH"),
    ):
        page.text_input(key="kept-head").input(kept).run()
        press(page, "Check the log")
        told = [*page.info, *page.error, *page.warning]
        assert said in " ".join(element.value for element in told)


def test_the_export_runs_no_formula_and_is_itself_recorded(
    database: Database, anna: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: list[bytes] = []

    def taken(label: str, data: Callable[[], bytes], *rest: object, **more: object) -> None:
        files.append(data())

    monkeypatch.setattr(st, "download_button", taken)
    add(database, name="=cmd|' /C calc'!A0")
    open_page("admin/audit.py")
    rows = list(csv.DictReader(io.StringIO(files[0].decode())))
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]
    kinds = [entry.kind for entry in audit.entries(database, actor=CONSOLE)]
    assert kinds[:2] == ["audit log exported", "audit log viewed"]


def test_signing_out_here_and_everywhere(database: Database, anna: SignedIn) -> None:
    there = sessions.find(database, start(database, anna.account))
    page = press(open_page("everyone/account.py"), "Sign out everywhere")
    assert page.markdown[0].value.startswith("You are signed out.")
    for session in (anna, there):
        with pytest.raises(sessions.SignedOut):
            sessions.check(database, session.id)


def test_the_own_password_is_changed(database: Database, anna: SignedIn) -> None:
    page = open_page("everyone/account.py")
    new = "quite another phrase"
    for old, first, second, said in (
        (PHRASE, new, "not the same", "differ"),
        ("a wrong phrase", new, new, "The present password is wrong."),
        (PHRASE, "short", "short", "at least 12 characters"),
        (PHRASE, new, new, "The password is changed."),
    ):
        for field, text in zip(page.text_input, (old, first, second), strict=True):
            field.input(text)
        press(page, "Change the password")
        assert said in [*page.warning, *page.success][0].value
    accounts.verify(database, name="Anna Berg", password=new)
    press(page, "Sign out")
    with pytest.raises(sessions.SignedOut):
        sessions.check(database, anna.id)

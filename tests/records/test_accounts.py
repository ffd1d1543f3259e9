"""Accounts, their passwords, one-time links and sessions."""

import io
import sys

import pytest
from argon2 import PasswordHasher
from sqlalchemy import event

from records import __main__ as command_line
from records import audit
from records.access import accounts, links, passwords, sessions
from records.access.actors import ADMIN, CLINICIAN, ROLES
from records.database import Database
from records.errors import InvalidRecord, NotAllowed, NotFound
from tests.records.clinic import CLINIC, OFFICE, Clock
from tests.signing import add, start

PHRASE = "three small words"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", hasher)
    passwords._nobody.cache_clear()


@pytest.fixture
def first(database: Database) -> accounts.Account:
    """The first administrator, made as the console's link does."""
    token = links.for_first_admin(database)
    assert token
    return links.make_first_admin(database, token=token, name="Anna Berg", password=PHRASE)


def kinds(database: Database) -> list[str]:
    return [entry.kind for entry in audit.entries(database, actor=OFFICE)]


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "at least 12"),
        ("x" * 201, "at most"),
        ("abababababab", "first that would be guessed"),
        ("Password1234", "first that would be guessed"),
        ("for Anna Berg only", "name of the account"),
    ],
)
def test_an_easy_password_is_refused(password: str, why: str) -> None:
    with pytest.raises(InvalidRecord, match=why):
        passwords.check_rule(password, name="anna berg")


def test_a_long_phrase_is_enough_and_no_signs_are_asked_for() -> None:
    passwords.check_rule("three small words", name="anna berg")


def test_a_password_typed_with_other_code_points_is_the_same() -> None:
    kept = passwords.hashed("caf\u00e9 au lait noir")
    assert passwords.matches("cafe\u0301 au lait noir", kept)
    assert not passwords.matches("cafe au lait noir", kept)


def test_the_kept_form_is_argon2id_and_not_the_password(
    database: Database, first: accounts.Account
) -> None:
    with database.read() as session:
        kept = accounts.load(session, first.id).password
    assert kept and kept.startswith("$argon2id$") and PHRASE not in kept


def test_the_first_link_makes_one_administrator_once(
    database: Database, first: accounts.Account
) -> None:
    assert first.roles == ROLES
    assert links.for_first_admin(database) is None
    assert kinds(database) == ["first administrator made"]


def test_only_the_newest_first_link_is_good(database: Database) -> None:
    older, newer = links.for_first_admin(database), links.for_first_admin(database)
    assert older and newer
    with pytest.raises(links.LinkUsed):
        links.make_first_admin(database, token=older, name="Eve", password=PHRASE)
    links.make_first_admin(database, token=newer, name="Anna Berg", password=PHRASE)
    with pytest.raises(links.LinkUsed):
        links.make_first_admin(database, token=newer, name="Eve", password=PHRASE)


def test_a_name_is_found_however_it_is_spelt(database: Database, first: accounts.Account) -> None:
    assert accounts.verify(database, name="  anna   BERG ", password=PHRASE).id == first.id
    with pytest.raises(accounts.NameTaken):
        accounts.add(database, actor=OFFICE, name="ANNA berg", roles=[CLINICIAN])


@pytest.mark.parametrize("name", ["Anna Berg", "Nobody Here", "", "x" * 5000])
def test_a_wrong_name_and_a_wrong_password_are_told_alike(
    database: Database, first: accounts.Account, name: str
) -> None:
    with pytest.raises(accounts.WrongPassword, match=r"^The name or the password is wrong\.$"):
        accounts.verify(database, name=name, password="another phrase")
    assert kinds(database)[0] == "sign-in refused"


def test_a_name_must_be_one_printable_line(database: Database) -> None:
    for name in ("", "   ", "a\x00b", "x" * 81, "right\u202eleft"):
        with pytest.raises(InvalidRecord):
            accounts.add(database, actor=OFFICE, name=name, roles=[CLINICIAN])
    with pytest.raises(InvalidRecord, match="role"):
        accounts.add(database, actor=OFFICE, name="Nora", roles=[])


def test_every_call_about_others_needs_an_administrator(database: Database) -> None:
    other = add(database, name="Nora")
    for call in (
        lambda: accounts.everyone(database, actor=CLINIC),
        lambda: accounts.add(database, actor=CLINIC, name="Eve", roles=[ADMIN]),
        lambda: accounts.set_roles(database, actor=CLINIC, account_id=other.id, roles=[ADMIN]),
        lambda: accounts.set_disabled(database, actor=CLINIC, account_id=other.id, disabled=True),
        lambda: links.for_account(database, actor=CLINIC, account_id=other.id),
        lambda: audit.entries(database, actor=CLINIC),
        lambda: audit.kinds(database, actor=CLINIC),
    ):
        with pytest.raises(NotAllowed):
            call()
    assert [one.name for one in accounts.everyone(database, actor=OFFICE)] == ["Nora"]


@pytest.mark.parametrize("guess", ["", "1", "0" * 32, "nora", "' OR 1=1 --", "x" * 4000])
def test_a_guessed_account_does_not_exist(database: Database, guess: str) -> None:
    with pytest.raises(NotFound):
        accounts.set_roles(database, actor=OFFICE, account_id=guess, roles=[ADMIN])
    with pytest.raises(NotFound):
        links.for_account(database, actor=OFFICE, account_id=guess)
    with pytest.raises(sessions.SignedOut):
        sessions.check(database, guess)
    with pytest.raises(sessions.SignedOut):
        sessions.find(database, guess)
    with pytest.raises(links.LinkUsed):
        links.whose(database, guess)


def test_somebody_can_always_manage_accounts(database: Database, first: accounts.Account) -> None:
    for call in (
        lambda: accounts.set_disabled(database, actor=OFFICE, account_id=first.id, disabled=True),
        lambda: accounts.set_roles(database, actor=OFFICE, account_id=first.id, roles=[CLINICIAN]),
    ):
        with pytest.raises(accounts.LastAdmin):
            call()
    add(database, ADMIN, name="Nora")
    accounts.set_disabled(database, actor=OFFICE, account_id=first.id, disabled=True)


def test_a_link_sets_a_password_once_and_ends_all_sessions(
    database: Database, first: accounts.Account, clock: Clock
) -> None:
    token = start(database, first)
    link = links.for_account(database, actor=OFFICE, account_id=first.id)
    with pytest.raises(InvalidRecord):
        links.set_password(database, token=link, password="short")
    links.set_password(database, token=link, password="quite another phrase")
    with pytest.raises(links.LinkUsed):
        links.set_password(database, token=link, password="a third phrase here")
    with pytest.raises(sessions.SignedOut):
        sessions.find(database, token)
    accounts.verify(database, name=first.name, password="quite another phrase")
    stale = links.for_account(database, actor=OFFICE, account_id=first.id)
    clock.pass_by(hours=49)
    with pytest.raises(links.LinkUsed):
        links.whose(database, stale)


def test_a_session_is_told_by_its_token_only(database: Database) -> None:
    token = start(database, add(database))
    found = sessions.find(database, token)
    assert sessions.check(database, found.id) == found
    with database.read() as session:
        row = session.get(sessions.SessionRow, found.id)
    assert row and token not in (row.token, row.id)
    with pytest.raises(sessions.SignedOut):
        sessions.find(database, row.token)


def test_a_look_at_a_session_is_one_query(database: Database) -> None:
    found = sessions.find(database, start(database, add(database)))
    asked: list[str] = []

    def note(_: object, __: object, statement: str, *rest: object) -> None:
        asked.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    sessions.check(database, found.id, active=True)
    event.remove(database.engine, "before_cursor_execute", note)
    assert len([one for one in asked if one != "BEGIN"]) == 1


def test_a_session_ends_after_half_an_hour_without_use(database: Database, clock: Clock) -> None:
    session = sessions.find(database, start(database, add(database)))
    for _ in range(3):
        clock.pass_by(minutes=29)
        sessions.check(database, session.id, active=True)
    clock.pass_by(minutes=29)
    sessions.check(database, session.id)  # looked at by the page itself: not a use
    clock.pass_by(minutes=2)
    with pytest.raises(sessions.Idle):
        sessions.check(database, session.id, active=True)
    with pytest.raises(sessions.Idle):
        sessions.check(database, session.id)


def test_a_session_ends_after_a_working_day(database: Database, clock: Clock) -> None:
    session = sessions.find(database, start(database, add(database)))
    for _ in range(36):
        clock.pass_by(minutes=20)
        sessions.check(database, session.id, active=True)
    clock.pass_by(minutes=1)
    with pytest.raises(sessions.TooLong):
        sessions.check(database, session.id)


def test_roles_and_locks_are_seen_at_the_next_look(database: Database) -> None:
    nora = add(database, name="Nora")
    session = sessions.find(database, start(database, nora))
    accounts.set_roles(database, actor=OFFICE, account_id=nora.id, roles=[ADMIN])
    assert sessions.check(database, session.id).actor.roles == {ADMIN}
    add(database, ADMIN, name="Anna")
    accounts.set_disabled(database, actor=OFFICE, account_id=nora.id, disabled=True)
    with pytest.raises(sessions.Disabled):
        sessions.check(database, session.id)
    with pytest.raises(sessions.Disabled):
        start(database, nora)
    accounts.set_disabled(database, actor=OFFICE, account_id=nora.id, disabled=False)
    sessions.check(database, session.id)


def test_signing_out_here_and_everywhere(database: Database) -> None:
    nora = add(database, name="Nora")
    here, there, other = (
        sessions.find(database, start(database, account))
        for account in (nora, nora, add(database, name="Anna"))
    )
    sessions.end(database, here)
    with pytest.raises(sessions.SignedOut):
        sessions.check(database, here.id)
    sessions.end_everywhere(database, sessions.check(database, there.id))
    with pytest.raises(sessions.SignedOut):
        sessions.check(database, there.id)
    sessions.check(database, other.id)
    assert kinds(database)[:2] == ["signed out everywhere", "signed out"]


def test_the_own_password_is_changed_with_the_present_one(
    database: Database, first: accounts.Account
) -> None:
    here, there = (sessions.find(database, start(database, first)) for _ in range(2))
    new = "quite another phrase"
    with pytest.raises(accounts.WrongPassword):
        sessions.change_password(database, here, old="not the phrase", new=new)
    with pytest.raises(InvalidRecord):
        sessions.change_password(database, here, old=PHRASE, new="short")
    sessions.check(database, there.id)
    sessions.change_password(database, here, old=PHRASE, new=new)
    sessions.check(database, here.id)
    with pytest.raises(sessions.SignedOut):
        sessions.check(database, there.id)
    accounts.verify(database, name=first.name, password=new)


def test_a_weaker_hash_is_renewed_at_sign_in(
    database: Database, first: accounts.Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(2, 16, 1))
    accounts.verify(database, name=first.name, password=PHRASE)
    with database.read() as session:
        kept = accounts.load(session, first.id).password
    assert kept and "m=16,t=2" in kept
    accounts.verify(database, name=first.name, password=PHRASE)


def test_old_sessions_leave_no_rows(database: Database, clock: Clock) -> None:
    nora = add(database, name="Nora")
    for _ in range(3):
        start(database, nora)
        clock.pass_by(days=3)
    start(database, nora)
    with database.read() as session:
        assert session.query(sessions.SessionRow).count() == 1


def test_the_clinics_own_sign_in_vouches_for_one_account(database: Database) -> None:
    add(database, name="Nora")
    who = {"issuer": "https://id.example", "subject": "7"}
    made = accounts.vouched_for(database, **who, name="Nora", roles=[CLINICIAN])
    assert made.name == "Nora 2" and made.vouched and not made.has_password
    again = accounts.vouched_for(database, **who, name="Nora Renamed", roles=[ADMIN])
    assert (again.id, again.name, again.roles) == (made.id, "Nora 2", {ADMIN})
    with pytest.raises(accounts.WrongPassword):
        accounts.verify(database, name="Nora 2", password="")


def test_the_command_line_makes_an_administrator(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SKIN_DATABASE_URL", sqlite_url)
    for typed, code in (("Anna Berg\nshort\n", 1), (f"Anna Berg\n{PHRASE}\n", 0)):
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        assert command_line.main(["create-admin"]) == code
    assert "Anna Berg can sign in" in capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PHRASE}\n"))
    assert command_line.main(["create-admin", "anna berg"]) == 1
    assert "account of this name" in capsys.readouterr().err

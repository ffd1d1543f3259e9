"""The sign-in pages as a browser and as an attacker use them, with real cookies."""

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from argon2 import PasswordHasher
from starlette.applications import Starlette
from starlette.testclient import TestClient
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from records import audit
from records.access import accounts, links, passwords, sessions
from records.access.accounts import Account
from records.access.actors import ADMIN, CONSOLE
from records.database import Database
from signin import cookies
from signin.delays import Tries
from signin.door import routes
from signin.onward import onward
from tests.signin.conftest import HERE, Clock, House
from tests.signing import add, admit

PHRASE = "three small words"


@pytest.fixture
def anna(database: Database) -> Account:
    account = add(database, ADMIN)
    token = links.for_account(database, actor=CONSOLE, account_id=account.id)
    return links.set_password(database, token=token, password=PHRASE)


def submit(client: TestClient, path: str, **fields: str) -> httpx2.Response:
    """Opens the form as a person would, fills it in and sends it."""
    shown = client.get(path)
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown.text))
    return client.post(path.partition("?")[0], data=hidden | fields)


def sign_in(client: TestClient, password: str = PHRASE, *, name: str = "anna berg") -> int:
    return submit(client, "/signin", name=name, password=password).status_code


def passes(client: TestClient) -> bool:
    return client.get("/accounts").status_code == 200


def test_signing_in_gives_a_cookie_that_opens_the_gate(house: House, anna: Account) -> None:
    client = house.client()
    answer = submit(client, "/signin?next=/lesion?lesion=7", name="Anna Berg", password=PHRASE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/lesion?lesion=7")
    cookie = next(c for c in answer.headers.get_list("set-cookie") if cookies.SESSION in c)
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie
    assert "Secure" not in cookie
    assert passes(client)


def test_over_https_the_cookie_is_secure_and_the_hosts_own(house: House, anna: Account) -> None:
    client = house.client(at="https://127.0.0.1")
    answer = submit(client, "/signin", name="anna berg", password=PHRASE)
    cookie = next(c for c in answer.headers.get_list("set-cookie") if cookies.SESSION in c)
    assert cookie.startswith("__Host-dermtrace_session=") and "Secure" in cookie
    assert passes(client)


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/lesion?lesion=7", "/lesion?lesion=7"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\\b", "/"),
        ("/\t/evil.example", "/"),
        ("/signin", "/"),
        ("/media/x", "/"),
        ("javascript:alert(1)", "/"),
        ("/" + "x" * 600, "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_to_pages_of_ours_only(wanted: str, target: str) -> None:
    assert onward(wanted) == target


def test_what_is_typed_is_shown_and_never_run(house: House, anna: Account) -> None:
    typed = '"><script>alert(1)</script>'
    answer = submit(house.client(), "/signin", name=typed, password="not the phrase")
    assert answer.status_code == 401
    assert "<script" not in answer.text and "&lt;script&gt;" in answer.text
    assert "not the phrase" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script" not in policy
    assert answer.headers["cache-control"] == "no-store"


def test_another_sites_form_is_refused(house: House, anna: Account) -> None:
    right = {"name": "anna berg", "password": PHRASE}
    stranger = house.client()
    assert stranger.post("/signin", data=right).status_code == 403
    assert stranger.post("/signin", data=right | {"form": ""}).status_code == 403
    stranger.get("/signin")
    assert stranger.post("/signin", data=right | {"form": "guessed"}).status_code == 403
    assert cookies.SESSION not in stranger.cookies
    for path in ("/signin/first", "/signin/password"):
        assert stranger.post(path, data=right).status_code == 403


def test_a_session_is_never_the_one_that_was_there_before(
    house: House, database: Database, anna: Account
) -> None:
    planted = house.client("planted-by-an-attacker")
    assert sign_in(planted) == 303
    tokens = [cookie.value for cookie in planted.cookies.jar if cookie.name == cookies.SESSION]
    assert tokens[-1] != "planted-by-an-attacker"
    with pytest.raises(sessions.SignedOut):
        sessions.find(database, "planted-by-an-attacker")
    # Somebody else's live session in the same browser ends with the new one.
    old = admit(database, name="Nora")
    client = house.client()
    shown = client.get("/signin")
    client.cookies.set(cookies.SESSION, old)
    form = re.search(r'name="form" value="([^"]*)"', shown.text)
    assert form
    fields = {"form": form[1], "name": "anna berg", "password": PHRASE}
    assert client.post("/signin", data=fields).status_code == 303
    with pytest.raises(sessions.SignedOut):
        sessions.find(database, old)


def test_wrong_tries_wait_and_the_right_password_does_not_help_meanwhile(
    house: House, database: Database, anna: Account, clock: Clock
) -> None:
    client = house.client()
    assert [sign_in(client, f"wrong try {n} of six") for n in range(6)] == [401] * 5 + [429]
    assert sign_in(client) == 429
    answer = submit(client, "/signin", name="anna berg", password=PHRASE)
    assert "Try again in" in answer.text and int(answer.headers["retry-after"]) >= 1
    clock.seconds += 2
    assert sign_in(client) == 303
    refused = [e for e in audit.entries(database, actor=CONSOLE) if e.kind == "sign-in refused"]
    assert {entry.object_id for entry in refused} == {anna.id} and len(refused) == 5


def test_a_name_written_otherwise_waits_as_the_same(house: House, anna: Account) -> None:
    client = house.client()
    spellings = ("anna berg", "Anna  Berg", "\uff41nna berg", "a\uff4ena berg", "ANNA\u00a0BERG")
    codes = [sign_in(client, "a wrong phrase", name=one) for one in 2 * spellings]
    assert codes[:3] == [401] * 3 and codes[-1] == 429


def test_many_names_from_one_address_wait_too(house: House, anna: Account) -> None:
    client = house.client()
    codes = [sign_in(client, name=f"guess {number}") for number in range(22)]
    assert codes == [401] * 20 + [429] * 2


def test_whoever_signed_in_before_is_kept_out_by_nobody_else(house: House, anna: Account) -> None:
    assert sign_in(house.client()) == 303
    for place in ("10.0.0.1", "10.0.0.2"):  # beside her and elsewhere
        stranger = house.client(place=place)
        codes = [sign_in(stranger, name=f"guess {number}") for number in range(22)]
        assert codes == [401] * 20 + [429] * 2
    guesses = [sign_in(house.client(place="10.0.0.3"), "a wrong phrase") for _ in range(6)]
    assert guesses == [401] * 5 + [429]
    assert sign_in(house.client()) == 303
    assert sign_in(house.client(place="10.0.0.4")) == 429  # she was never there


def test_where_somebody_signed_in_before_guesses_wait_all_the_same(
    house: House, anna: Account, clock: Clock
) -> None:
    assert sign_in(house.client()) == 303
    codes = [sign_in(house.client(), "a wrong phrase") for _ in range(7)]
    assert codes == [401] * 5 + [429] * 2
    assert sign_in(house.client()) == 429
    clock.seconds += 2
    assert sign_in(house.client()) == 303


def test_nobody_gets_more_tries_by_naming_other_addresses(house: House, anna: Account) -> None:
    client = house.client()
    codes = []
    for number in range(22):
        client.headers["X-Forwarded-For"] = f"10.0.0.{number}"
        codes.append(sign_in(client, name=f"guess {number}"))
    assert codes == [401] * 20 + [429] * 2


def test_behind_a_declared_proxy_each_visitor_has_an_address(house: House, anna: Account) -> None:
    door = replace(house.door, behind_proxy=lambda: True, tries=Tries(by_address=1))
    app = ProxyHeadersMiddleware(Starlette(routes=routes(door)), trusted_hosts="testclient")
    client = TestClient(app, base_url=HERE, follow_redirects=False)
    codes = []
    for place in ("10.0.0.1", "10.0.0.2", "10.0.0.1"):
        client.headers["X-Forwarded-For"] = place
        codes.append(sign_in(client, name=f"guess {place} {len(codes)}"))
    assert codes == [401, 401, 429]


def test_tries_at_the_same_moment_are_all_counted(house: House, anna: Account) -> None:
    async def attempt() -> int:
        transport = httpx2.ASGITransport(app=house.app)
        async with httpx2.AsyncClient(transport=transport, base_url=HERE) as client:
            shown = (await client.get("/signin")).text
            form = re.search(r'name="form" value="([^"]*)"', shown)
            assert form
            fields = {"form": form[1], "name": "anna berg", "password": "a wrong phrase"}
            return (await client.post("/signin", data=fields)).status_code

    async def all_at_once() -> list[int]:
        return list(await asyncio.gather(*(attempt() for _ in range(12))))

    with ThreadPoolExecutor(1) as pool:  # a browser's driver may keep an event loop in this thread
        codes = pool.submit(lambda: asyncio.run(all_at_once())).result()
    assert codes.count(401) <= 8 and codes.count(429) >= 4


def test_a_disabled_account_is_told_only_to_who_knows_the_password(
    house: House, database: Database, anna: Account
) -> None:
    add(database, ADMIN, name="Nora")
    accounts.set_disabled(database, actor=CONSOLE, account_id=anna.id, disabled=True)
    client = house.client()
    wrong = submit(client, "/signin", name="anna berg", password="not the phrase")
    assert wrong.status_code == 401 and "disabled" not in wrong.text
    right = submit(client, "/signin", name="anna berg", password=PHRASE)
    assert right.status_code == 403 and "This account is disabled." in right.text
    assert not passes(client)


def test_a_session_that_ended_is_explained_and_forgotten(
    house: House, database: Database, anna: Account, clock: Clock
) -> None:
    client = house.client()
    sign_in(client)
    assert client.get("/signin?next=/accounts").headers["location"] == "/accounts"
    clock.seconds += 31 * 60
    answer = client.get("/signin")
    assert "You were signed out after 30 minutes without use." in answer.text
    assert cookies.SESSION not in client.cookies


def test_the_first_link_makes_the_first_account_and_signs_in(
    house: House, database: Database
) -> None:
    client = house.client()
    assert "no accounts yet" in client.get("/signin").text
    assert client.get("/signin/first?token=guessed").status_code == 410
    token = links.for_first_admin(database)
    path = f"/signin/first?token={token}"
    unequal = submit(client, path, name="Anna", password=PHRASE, again="another phrase")
    assert unequal.status_code == 422 and "differ" in unequal.text
    assert not accounts.exist(database)
    answer = submit(client, path, name="Anna", password=PHRASE, again=PHRASE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert passes(client)
    again = house.client().get(path)
    assert (again.status_code, again.headers["location"]) == (303, "/signin")


def test_a_one_time_link_sets_the_password(house: House, database: Database, anna: Account) -> None:
    nora = add(database, name="Nora")
    link = links.for_account(database, actor=CONSOLE, account_id=nora.id)
    path = f"/signin/password?token={link}"
    client = house.client()
    assert "Choose a password for Nora" in client.get(path).text
    assert submit(client, path, password="short", again="short").status_code == 422
    assert submit(client, path, password=PHRASE, again=PHRASE).status_code == 303
    assert passes(client)
    used = house.client().get(path)
    assert used.status_code == 410 and "has been used or is too old" in used.text


def test_a_mistyped_address_leads_to_the_form(house: House) -> None:
    for path in ("/signin/x", "/signin/;/accounts", "/signin/first/x"):
        answer = house.client().get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/signin"), path


def test_a_form_is_no_way_to_fill_the_memory(house: House, anna: Account) -> None:
    client = house.client()
    client.get("/signin")
    answer = client.post("/signin", content=iter([b"x" * 10_000] * 3))
    assert answer.status_code == 413


def test_an_unknown_name_takes_as_long_as_a_known_one(
    database: Database, anna: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(3, 16384, 1))
    passwords._nobody.cache_clear()
    with pytest.raises(accounts.WrongPassword):  # makes what unknown names are compared with
        accounts.verify(database, name="nobody", password=PHRASE)
    begun = time.process_time()
    with pytest.raises(accounts.WrongPassword):
        accounts.verify(database, name="nobody", password=PHRASE)
    unknown = time.process_time() - begun
    begun = time.process_time()
    passwords.hashed(PHRASE)
    assert unknown > 0.5 * (time.process_time() - begun)


def test_records_that_cannot_be_read_are_said_in_a_sentence(
    house: House, database: Database, anna: Account, tmp_path: Path
) -> None:
    (tmp_path / "records.sqlite").unlink()
    answer = house.client().get("/signin")
    assert answer.status_code == 503 and "The database file is missing." in answer.text

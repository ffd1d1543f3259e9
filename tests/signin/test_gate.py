"""Nothing passes without a session: every path, every method, every way of asking."""

import itertools
from pathlib import Path

import pytest
from starlette.websockets import WebSocketDisconnect

from records.access import accounts, sessions
from records.access.actors import ADMIN, CLINICIAN, CONSOLE
from records.database import Database
from signin import cookies
from signin.gate import RERUN, is_open
from tests.signin.conftest import AUTOMATIC, HERE, METHODS, Clock, House
from tests.signing import add, admit, start

CLOSED = (
    "/",
    "/accounts",
    "/admin/accounts",
    "/media/0123abcd.png",
    "/_stcore/host-config",
    "/_stcore/metrics",
    "/_stcore/script-health-check",
    "/_stcore/agent/interact",
    "/_stcore/agent/openapi.json",
    "/_stcore/upload_file/a/b",
    "/_stcore/bidi-components/dermtrace.viewer/x.js",
    "/component/x/y",
    "/app/static/x",
    "/auth/login",
    "/oauth2callback",
    "//signin/x",
    "/Signin",
    "/signinx",
    "/staticx",
    "/healthz/",
    "/_stcore/health/x",
)
OPEN = ("/healthz", "/_stcore/health", "/static/js/index.js", "/favicon.png", "/manifest.json")


def test_without_a_session_nothing_is_handed_out(house: House) -> None:
    client = house.client()
    for path, method in itertools.product(CLOSED, METHODS):
        answer = client.request(method, HERE + path)
        assert answer.status_code == 401, (method, path)
        assert answer.text in ("Sign in first.", ""), (method, path)


def test_health_and_static_files_stay_open(house: House) -> None:
    assert {house.client().get(path).text for path in OPEN} == {"nobody"}


@pytest.mark.parametrize("role", [CLINICIAN, ADMIN])
def test_a_session_of_any_role_passes_and_the_pages_learn_whose(
    house: House, database: Database, role: str
) -> None:
    token = admit(database, role)
    answer = house.client(token).get("/accounts")
    assert answer.text == sessions.find(database, token).id


def test_the_header_cannot_be_brought_along(house: House, database: Database) -> None:
    token = admit(database)
    forged = {sessions.HEADER: sessions.find(database, token).id}
    assert house.client().get("/accounts", headers=forged).status_code == 401
    assert house.client().get("/healthz", headers=forged).text == "nobody"
    other = start(database, add(database, name="Nora"))
    seen = house.client(other).get("/accounts", headers=forged).text
    assert seen == sessions.find(database, other).id


@pytest.mark.parametrize("token", ["guessed", "x" * 4000, "' OR 1=1", "%00", "\u00e9"])
def test_a_guessed_cookie_is_worth_nothing(house: House, database: Database, token: str) -> None:
    admit(database)
    header = {"cookie": f"{cookies.SESSION}={token}".encode("latin-1")}
    assert house.client().get("/accounts", headers=header).status_code == 401


def test_over_https_only_the_hosts_own_cookie_counts(house: House, database: Database) -> None:
    token = admit(database)
    client = house.client(at="https://127.0.0.1")
    client.cookies.set(cookies.SESSION, token)
    assert client.get("/accounts").status_code == 401
    client.cookies.set(cookies.HOST_ONLY + cookies.SESSION, token)
    assert client.get("/accounts").status_code == 200


def test_a_page_leads_to_the_sign_in_page_and_back(house: House) -> None:
    wants = {"accept": "text/html"}
    answer = house.client().get("/lesion?lesion=7&x=a b", headers=wants)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/signin?next=%2Flesion%3Flesion%3D7%26x%3Da%2520b"
    linked = house.client().get(
        "/lesion?lesion=7", headers=wants | {"sec-fetch-site": "cross-site"}
    )
    assert linked.status_code == 200
    assert 'url=/signin?next=%2Flesion%3Flesion%3D7"' in linked.text


def test_a_websocket_needs_a_session(house: House, database: Database) -> None:
    for token in ("", "guessed"):
        with (
            pytest.raises(WebSocketDisconnect),
            house.client(token).websocket_connect("/_stcore/stream"),
        ):
            pass
    with house.client(admit(database)).websocket_connect("/_stcore/stream") as socket:
        socket.send_bytes(b"a click")
        assert socket.receive_bytes() == b"a click"


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8502", "https://evil.example", "null"])
def test_another_sites_page_opens_no_websocket(
    house: House, database: Database, origin: str
) -> None:
    client = house.client(admit(database))
    headers = {"Host": "127.0.0.1"}
    with client.websocket_connect(
        "/_stcore/stream", headers=headers | {"Origin": "http://127.0.0.1"}
    ):
        pass
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/_stcore/stream", headers=headers | {"Origin": origin}),
    ):
        pass


def test_after_the_end_every_click_only_runs_the_page_again(
    house: House, database: Database
) -> None:
    nora = add(database, name="Nora")
    with house.client(start(database, nora)).websocket_connect("/_stcore/stream") as socket:
        socket.send_bytes(b"a click")
        assert socket.receive_bytes() == b"a click"
        add(database, ADMIN)
        accounts.set_disabled(database, actor=CONSOLE, account_id=nora.id, disabled=True)
        for message in (b"a click", AUTOMATIC, b""):
            socket.send_bytes(message)
            assert socket.receive_bytes() == RERUN


def test_only_people_keep_a_session_alive(house: House, database: Database, clock: Clock) -> None:
    token = admit(database)
    with house.client(token).websocket_connect("/_stcore/stream") as socket:
        for message, still in ((b"a click", b"a click"), (AUTOMATIC, AUTOMATIC), (b"x", RERUN)):
            clock.seconds += 20 * 60
            socket.send_bytes(message)
            assert socket.receive_bytes() == still


def test_files_are_gone_after_signing_out(house: House, database: Database) -> None:
    token = admit(database)
    client = house.client(token)
    assert client.get("/media/photo.png").status_code == 200
    sessions.end(database, sessions.find(database, token))
    assert client.get("/media/photo.png").status_code == 401
    assert client.put("/_stcore/upload_file/a/b", content=b"x").status_code == 401


def test_records_that_cannot_be_read_let_nobody_in(
    house: House, database: Database, tmp_path: Path
) -> None:
    token = admit(database)
    with house.client(token).websocket_connect("/_stcore/stream") as socket:
        (tmp_path / "records.sqlite").unlink()
        socket.send_bytes(b"a click")
        assert socket.receive_bytes() == RERUN
    answer = house.client(token).get("/accounts")
    assert answer.status_code == 503
    assert answer.text.startswith("The database file is missing.")


def test_nobody_reaches_into_the_tab_of_another_session(house: House, database: Database) -> None:
    token = admit(database)
    house.holders["hers"] = sessions.find(database, token).id
    hers, stranger = house.client(token), house.client(start(database, add(database, name="Nora")))
    for method in ("PUT", "DELETE"):
        assert stranger.request(method, "/_stcore/upload_file/hers/1").status_code == 403
        assert hers.request(method, "/_stcore/upload_file/hers/1").status_code == 200
        assert stranger.request(method, "/_stcore/upload_file/theirs/1").status_code == 200
    asked = ["streamlit", "token", "hers"]
    with hers.websocket_connect("/protocols", subprotocols=asked) as socket:
        assert socket.receive_text() == "streamlit, token, hers"
    with stranger.websocket_connect("/protocols", subprotocols=asked) as socket:
        assert socket.receive_text() == "streamlit, token"


def test_one_session_holds_only_so_much(house: House, database: Database) -> None:
    token = admit(database)
    client = house.client(token)
    codes = [
        client.put(f"/_stcore/upload_file/tab/{n}", content=b"x" * 90).status_code
        for n in range(15)
    ]
    assert codes == [200] * 11 + [413] * 4
    assert sum(house.held.values()) == 990
    other_tab = client.put("/_stcore/upload_file/second/1", content=b"x" * 90)
    assert other_tab.status_code == 413
    other_person = house.client(start(database, add(database, name="Nora")))
    answer = other_person.put("/_stcore/upload_file/third/1", content=b"x" * 90)
    assert answer.status_code == 200
    house.held.clear()  # the page has taken its photos over
    assert client.put("/_stcore/upload_file/tab/1", content=b"x" * 90).status_code == 200


def test_an_upload_of_unknown_length_counts_as_the_largest(
    house: House, database: Database
) -> None:
    house.held["tab"] = 850
    client = house.client(admit(database))
    client.put("/_stcore/upload_file/tab/1", content=b"x" * 10)  # now the tab is known: 860
    assert client.put("/_stcore/upload_file/tab/2", content=iter([b"x" * 45])).status_code == 200
    assert client.put("/_stcore/upload_file/tab/3", content=iter([b"x"])).status_code == 413
    assert client.put("/_stcore/upload_file/tab/4", content=b"x").status_code == 200


def test_what_is_open_is_a_short_list() -> None:
    assert not any(map(is_open, CLOSED))
    assert not is_open("/static/../media/x") and not is_open("/signin/..%2fmedia/x/..")
    assert all(map(is_open, OPEN))

"""The clinic's own sign-in, against a small OpenID Connect server of the tests' own."""

import base64
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from records.access import accounts, sessions
from records.access.actors import ADMIN, CLINICIAN, CONSOLE
from records.database import Database
from settings import Oidc
from signin import cookies
from signin.oidc import Provider
from tests.signin.conftest import HERE, House

CLIENT, SECRET = "dermtrace", "between the two"


@dataclass
class Clinic:
    """An OpenID Connect server at which one person is always signed in already."""

    address: str
    claims: dict[str, Any] = field(default_factory=dict)
    lies: dict[str, Any] = field(default_factory=dict)  # put over what it should say
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))
    signs_with: RSAKey | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.metadata),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/keys", self.keys),
            ]
        )

    def metadata(self, request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.address,
                "authorization_endpoint": f"{self.address}/authorize",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    def keys(self, request: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["client_id"] == CLIENT and asked["code_challenge_method"] == "S256"
        self.codes["the-code"] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?code=the-code&state={asked['state']}")

    async def token(self, request: Request) -> Response:
        form = {name: value[0] for name, value in parse_qs((await request.body()).decode()).items()}
        asked = self.codes.pop(form["code"], None)
        challenge = hashlib.sha256(form["code_verifier"].encode()).digest()
        if (
            not asked
            or base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() != asked["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        now = int(time.time())
        claims = {
            "iss": self.address,
            "aud": CLIENT,
            "sub": "person-7",
            "iat": now,
            "exp": now + 60,
            "nonce": asked["nonce"],
            **self.claims,
            **self.lies,
        }
        token = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.signs_with or self.key)
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": token})


@pytest.fixture(scope="module")
def clinic() -> Iterator[Clinic]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    found = Clinic(f"http://127.0.0.1:{listener.getsockname()[1]}")
    config = uvicorn.Config(found.app(), log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield found
    server.should_exit = True
    thread.join(10)
    listener.close()


@pytest.fixture(autouse=True)
def an_honest_clinic(clinic: Clinic) -> None:
    clinic.claims = {"name": "Nora Vik", "groups": ["staff", "dermtrace-clinicians"]}
    clinic.lies, clinic.signs_with = {}, None
    clinic.codes.clear()


@pytest.fixture
def browser(house: House, clinic: Clinic, database: Database) -> Iterator[TestClient]:
    accounts.add(database, actor=CONSOLE, name="Anna Berg", roles=[ADMIN])
    house.provider.append(Provider(configured(clinic), public_url=""))
    with house.client() as client:
        yield client


def configured(clinic: Clinic, claim: str = "groups") -> Oidc:
    return Oidc(
        issuer=clinic.address,
        client_id=CLIENT,
        client_secret=SECRET,
        label="Sign in with the clinic's account",
        claim=claim,
        clinicians="dermtrace-clinicians",
        admins="dermtrace-admins",
    )


def there_and_back(browser: TestClient, *, change: str = "") -> httpx2.Response:
    """Follows the redirects to the clinic and back, as a browser does."""
    away = browser.get("/signin/own?next=/lesion?lesion=7")
    assert away.status_code == 302
    back = httpx2.get(away.headers["location"], follow_redirects=False)
    target = urlsplit(back.headers["location"])
    assert f"{target.scheme}://{target.netloc}" == HERE
    return browser.get(f"{target.path}?{target.query}{change}")


def test_the_page_offers_it_and_it_ends_in_an_ordinary_session(
    browser: TestClient, database: Database
) -> None:
    assert "Sign in with the clinic&#x27;s account" in browser.get("/signin").text
    answer = there_and_back(browser)
    assert answer.status_code == 200
    assert 'http-equiv="refresh" content="0; url=/lesion?lesion=7"' in answer.text
    cookie = next(c for c in answer.headers.get_list("set-cookie") if cookies.SESSION in c)
    assert "SameSite=strict" in cookie and "HttpOnly" in cookie
    session_id = browser.get("/accounts").text
    account = sessions.check(database, session_id).account
    assert (account.name, account.roles, account.vouched) == ("Nora Vik", {CLINICIAN}, True)


def test_the_roles_follow_the_claim_at_every_sign_in(
    browser: TestClient, clinic: Clinic, database: Database
) -> None:
    there_and_back(browser)
    clinic.claims["groups"] = "dermtrace-clinicians dermtrace-admins"
    there_and_back(browser)
    everyone = accounts.everyone(database, actor=CONSOLE)
    assert [(one.name, sorted(one.roles)) for one in everyone] == [
        ("Anna Berg", ["admin"]),
        ("Nora Vik", ["admin", "clinician"]),
    ]


def test_without_a_role_nobody_gets_in(browser: TestClient, clinic: Clinic) -> None:
    clinic.claims["groups"] = ["staff"]
    answer = there_and_back(browser)
    assert answer.status_code == 403 and "gives you no role" in answer.text
    assert browser.get("/accounts").status_code == 401


def test_a_disabled_account_stays_out(browser: TestClient, database: Database) -> None:
    there_and_back(browser)
    nora = next(one for one in accounts.everyone(database, actor=CONSOLE) if one.vouched)
    accounts.set_disabled(database, actor=CONSOLE, account_id=nora.id, disabled=True)
    answer = there_and_back(browser)
    assert answer.status_code == 403 and "This account is disabled." in answer.text


@pytest.mark.parametrize(
    "lies",
    [
        {"iss": "https://evil.example"},
        {"aud": "another-client"},
        {"nonce": "replayed"},
        {"exp": 1},
        {"sub": ""},
    ],
    ids=lambda lies: next(iter(lies)),
)
def test_a_token_for_somebody_else_is_refused(
    browser: TestClient, clinic: Clinic, lies: dict[str, Any]
) -> None:
    clinic.lies = lies
    assert there_and_back(browser).status_code == 403
    assert browser.get("/accounts").status_code == 401


def test_a_token_with_a_foreign_signature_is_refused(browser: TestClient, clinic: Clinic) -> None:
    clinic.signs_with = RSAKey.generate_key(2048, {"kid": "1"})
    assert there_and_back(browser).status_code == 403


def test_an_answer_nobody_asked_for_is_refused(browser: TestClient) -> None:
    assert browser.get("/signin/own/back?code=the-code&state=guessed").status_code == 403
    assert there_and_back(browser, change="x").status_code == 403  # another state
    assert browser.get("/signin/own/back?error=access_denied").status_code == 403


def test_a_clinic_that_does_not_answer_is_said(house: House, clinic: Clinic) -> None:
    away = Oidc(**{**vars(configured(clinic)), "issuer": "http://127.0.0.1:9"})
    house.provider.append(Provider(away, public_url=""))
    answer = house.client().get("/signin/own")
    assert answer.status_code == 502 and "does not answer" in answer.text


def test_a_claim_may_lie_deeper(clinic: Clinic) -> None:
    provider = Provider(configured(clinic, "realm_access.roles"), public_url="")
    assert provider.roles({"realm_access": {"roles": ["dermtrace-admins"]}}) == {ADMIN}
    for other in ({}, {"realm_access": "dermtrace-admins"}, {"realm_access": {"roles": 7}}):
        assert provider.roles(other) == frozenset()

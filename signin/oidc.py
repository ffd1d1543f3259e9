"""The clinic's own sign-in by OpenID Connect; it ends in the same session as a password does."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from httpx2 import HTTPError
from joserfc.errors import JoseError
from starlette.requests import Request
from starlette.responses import Response

from records.access.actors import ADMIN, CLINICIAN
from signin.onward import onward

log = logging.getLogger("dermtrace")

NEXT = "next"  # of the short-lived signed cookie that Streamlit keeps for routes


class Configuration(Protocol):
    """What the settings say of it; `claim` may be a path such as realm_access.roles."""

    issuer: str
    client_id: str
    client_secret: str
    label: str
    claim: str
    clinicians: str
    admins: str


class Refused(Exception):
    """Signing in did not work; the text says why, without anything the other side sent."""


@dataclass(frozen=True)
class Person:
    """Whom the clinic's own sign-in vouches for, and where they wanted to go."""

    issuer: str
    subject: str
    name: str
    roles: frozenset[str]
    next_page: str


class Provider:
    """One configured sign-in. Keeps what it published about itself."""

    def __init__(self, configuration: Configuration, *, public_url: str) -> None:
        self.configuration = configuration
        self.public_url = public_url
        issuer = configuration.issuer.rstrip("/")
        self._client = OAuth().register(
            "clinic",
            client_id=configuration.client_id,
            client_secret=configuration.client_secret,
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
        )

    @property
    def label(self) -> str:
        """What its button says."""
        return self.configuration.label

    async def begin(self, request: Request, *, next_page: str) -> Response:
        """Sends the person there."""
        request.session[NEXT] = onward(next_page)
        try:
            return await self._client.authorize_redirect(request, self._back(request))
        except (HTTPError, AuthlibBaseError, RuntimeError, ValueError) as error:
            log.error("The clinic's own sign-in cannot be used: %r", error)
            raise Refused("The clinic's own sign-in does not answer. Try again later.") from error

    async def finish(self, request: Request) -> Person:
        """Who came back, after signature, issuer, audience, time, state and nonce were checked."""
        next_page = onward(str(request.session.pop(NEXT, "/")))
        try:
            token = await self._client.authorize_access_token(request)
            metadata = await self._client.load_server_metadata()
        except (HTTPError, AuthlibBaseError, JoseError, RuntimeError, ValueError) as error:
            log.warning("The clinic's own sign-in was refused: %r", error)
            raise Refused("Signing in did not work, or took too long. Try again.") from error
        claims: Mapping[str, Any] = token.get("userinfo") or {}
        issuer = self.configuration.issuer
        if not claims.get("sub") or str(metadata.get("issuer")).rstrip("/") != issuer.rstrip("/"):
            raise Refused("Signing in did not work: the answer names another sign-in server.")
        roles = self.roles(claims)
        if not roles:
            raise Refused(
                "You are known to the clinic's own sign-in, but it gives you no role in DermTrace."
                " Ask whoever manages it."
            )
        name = claims.get("name") or claims.get("preferred_username") or claims.get("email") or ""
        return Person(issuer, str(claims["sub"]), str(name), roles, next_page)

    def roles(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """The roles that the claim gives: it is a list of words, or one string of them."""
        value: Any = claims
        for part in self.configuration.claim.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        words = value.split() if isinstance(value, str) else value
        held = {str(word) for word in words} if isinstance(words, list) else set()
        wanted = {CLINICIAN: self.configuration.clinicians, ADMIN: self.configuration.admins}
        return frozenset(role for role, word in wanted.items() if word and word in held)

    def _back(self, request: Request) -> str:
        path = request.app.url_path_for("come_back")
        return f"{(self.public_url or str(request.base_url)).rstrip('/')}{path}"

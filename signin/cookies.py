"""The two cookies: the session's, and the one that a form must match."""

import secrets

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Scope

SESSION = "dermtrace_session"
FORM = "dermtrace_form"
# A browser takes a cookie of this name only over HTTPS and from this very host.
HOST_ONLY = "__Host-"


def token(scope: Scope) -> str | None:
    """The session's token, as the browser sent it."""
    return HTTPConnection(scope).cookies.get(_name(SESSION, scope))


def keep(response: Response, scope: Scope, value: str) -> None:
    """Gives the browser the session's token; its script cannot read it, no other site send it."""
    _set(response, scope, SESSION, value)


def forget(response: Response, scope: Scope) -> None:
    """Takes the session's token from the browser."""
    response.delete_cookie(
        _name(SESSION, scope), secure=_secure(scope), httponly=True, samesite="strict"
    )


def form_secret(scope: Scope) -> str:
    """What a form of this browser must carry; new where the browser has none."""
    return HTTPConnection(scope).cookies.get(_name(FORM, scope)) or secrets.token_urlsafe(32)


def keep_form_secret(response: Response, scope: Scope, value: str) -> None:
    """Gives the browser what its forms must carry."""
    _set(response, scope, FORM, value)


def form_is_ours(scope: Scope, given: str) -> bool:
    """Whether a form was made for this browser: no other site can have sent it."""
    wanted = HTTPConnection(scope).cookies.get(_name(FORM, scope), "")
    return bool(wanted) and secrets.compare_digest(wanted.encode(), given.encode())


def _set(response: Response, scope: Scope, name: str, value: str) -> None:
    # Without an age, so that it goes when the browser is closed; the session ends by itself.
    response.set_cookie(
        _name(name, scope), value, secure=_secure(scope), httponly=True, samesite="strict"
    )


def _name(name: str, scope: Scope) -> str:
    return f"{HOST_ONLY}{name}" if _secure(scope) else name


def _secure(scope: Scope) -> bool:
    return scope["scheme"] in {"https", "wss"}

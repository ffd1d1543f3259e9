"""The gate: without a session no page, no websocket, no upload and no file is handed out."""

import logging
from collections.abc import Callable
from urllib.parse import quote, urlsplit

import anyio
from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from records.access import sessions
from records.database import Database
from records.errors import RecordError
from signin import cookies, tab
from signin.quota import Quota

# Everything else asks for a session; a path that is not listed here cannot be forgotten.
OPEN = {"/healthz", "/_stcore/health", "/favicon.png", "/manifest.json", "/signin"}
OPEN_BELOW = ("/signin/", "/static/")
# Streamlit's message for "run the page again" (BackMsg, field 11, empty).
RERUN = b"\x5a\x00"
# A link on another site arrives without the cookie, which is SameSite=Strict. A page from here
# that leads on has it.
ONWARD = '<!doctype html><title>DermTrace</title><meta http-equiv="refresh" content="0; url={}">'
OTHERS = "This tab belongs to another session."
AT_ONCE = 8  # sessions looked up at the same time

log = logging.getLogger("dermtrace")


class Gate:
    """Lets through what carries the cookie of a live session, and refuses everything else.

    `automatic` says whether a browser sent a message by itself: those do not keep a session alive.
    `holder` gives the session that a tab is connected with, "" where there is no such tab.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        database: Callable[[], Database],
        quota: Quota,
        holder: Callable[[str], str],
        automatic: Callable[[bytes], bool],
    ) -> None:
        self.app = app
        self.database = database
        self.quota = quota
        self.holder = holder
        self.automatic = automatic
        self.limiter = anyio.CapacityLimiter(AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        del MutableHeaders(scope=scope)[sessions.HEADER]
        if is_open(scope["path"]):
            await self.app(scope, receive, _ending(scope, send))
            return
        try:
            session = await self._find(cookies.token(scope))
        except RecordError as error:
            await _say(str(error), 503, scope, receive, send)
            return
        if session is None:
            await _send_to_sign_in(scope, receive, _ending(scope, send))
            return
        MutableHeaders(scope=scope)[sessions.HEADER] = session
        named = tab.named(scope)
        foreign = self.holder(named) not in {"", session} if named else False
        if scope["type"] == "websocket" and is_foreign(Headers(scope=scope)):
            await _say("This page belongs to another address.", 403, scope, receive, send)
        elif scope["type"] == "websocket":
            if foreign:
                tab.renew(scope)
            await self.app(scope, self._watched(session, receive), send)
        elif foreign:
            await _say(OTHERS, 403, scope, receive, send)
        elif named and scope["method"] == "PUT":
            await self.quota.pass_on(self.app, session, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _find(self, token: str | None) -> str | None:
        def find() -> str | None:
            try:
                return sessions.find(self.database(), token).id if token else None
            except sessions.SignedOut:
                return None

        return await to_thread.run_sync(find, limiter=self.limiter) if token else None

    def _watched(self, session: str, receive: Receive) -> Receive:
        """What the browser says, as long as the session lives.

        Once it has ended, whatever is clicked becomes a plain rerun of the page, which then says
        that the person is signed out: no callback and no fragment runs for somebody who is out.
        """

        def lives(active: bool) -> bool:
            try:
                sessions.check(self.database(), session, active=active)
            except RecordError:
                return False
            return True

        async def receive_while_signed_in() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                active = not self.automatic(message.get("bytes") or b"")
                if not await to_thread.run_sync(lives, active, limiter=self.limiter):
                    return {"type": "websocket.receive", "bytes": RERUN}
            return message

        return receive_while_signed_in


def is_open(path: str) -> bool:
    """Whether a path is handed out to anybody."""
    return path in OPEN or (path.startswith(OPEN_BELOW) and ".." not in path)


def is_foreign(headers: Headers) -> bool:
    """Whether a page of another address opens a websocket; browsers do not prevent that.

    Streamlit would refuse it as well, but not before it has asked a server elsewhere for its own
    public address.
    """
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


def _ending(scope: Scope, send: Send) -> Send:
    """Ends the connection with the answer where a body was announced.

    The server would else take in, without an end, whatever comes of a body that nobody reads.
    """
    if scope["type"] != "http" or not {"content-length", "transfer-encoding"} & {
        *Headers(scope=scope)
    }:
        return send

    async def send_and_end(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
        await send(message)

    return send_and_end


async def _send_to_sign_in(scope: Scope, receive: Receive, send: Send) -> None:
    headers = Headers(scope=scope)
    if (
        scope["type"] == "websocket"
        or scope["method"] != "GET"
        or "text/html" not in headers.get("accept", "")
    ):
        await _say("Sign in first.", 401, scope, receive, send)
        return
    query = scope["query_string"].decode("latin-1")
    wanted = quote(scope["path"] + (f"?{query}" if query else ""), safe="")
    response: Response
    if headers.get("sec-fetch-site") == "cross-site":
        response = HTMLResponse(ONWARD.format(f"/signin?next={wanted}"))
    else:
        response = RedirectResponse(f"/signin?next={wanted}", status_code=303)
    response.headers["Cache-Control"] = "no-store"
    await response(scope, receive, send)


async def _say(sentence: str, status: int, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": sentence})
        return
    # A body that may follow is not read: the connection ends with this answer.
    headers = {"Connection": "close", "Cache-Control": "no-store"}
    response = PlainTextResponse(sentence, status_code=status, headers=headers)
    await response(scope, receive, send)

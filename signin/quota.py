"""How much one session may have in the server's memory: uploads beyond it are refused."""

from collections import defaultdict
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from signin.tab import named


class Quota:
    """Counts what lies in memory and what is on its way, by session.

    `held` gives the bytes that Streamlit keeps for one of its tabs; `a_file` is the most that it
    takes for one upload whose length is not announced; `limit` is for all tabs of a session.
    """

    def __init__(self, *, held: Callable[[str], int], a_file: int, limit: int) -> None:
        self.held = held
        self.a_file = a_file
        self.limit = limit
        self._tabs: defaultdict[str, set[str]] = defaultdict(set)
        self._coming: defaultdict[str, int] = defaultdict(int)

    async def pass_on(
        self, app: ASGIApp, session: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Hands an upload on if it still fits; 413 otherwise, before anything of it is read."""
        tab = named(scope)
        length = Headers(scope=scope).get("content-length", "")
        size = min(int(length), self.a_file) if length.isdecimal() else self.a_file
        if self._in_memory(session) + self._coming[session] + size > self.limit:
            refusal = PlainTextResponse(
                "Too many files at once. Remove some, or load the page again.",
                status_code=413,
                headers={"Connection": "close"},
            )
            await refusal(scope, receive, send)
            return
        self._tabs[session].add(tab)
        self._coming[session] += size
        try:
            await app(scope, receive, send)
        finally:
            self._coming[session] -= size
            self._forget_empty(session)

    def _in_memory(self, session: str) -> int:
        return sum(self.held(tab) for tab in self._tabs.get(session, ()))

    def _forget_empty(self, session: str) -> None:
        if self._coming[session]:
            return
        del self._coming[session]
        self._tabs[session] = {tab for tab in self._tabs[session] if self.held(tab)}
        if not self._tabs[session]:
            del self._tabs[session]

"""Whom the server may be reached by: beyond this machine only encrypted."""

from collections.abc import Callable
from ipaddress import ip_address

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

REFUSAL = (
    "DermTrace does not listen beyond this machine without encryption: passwords and photos could"
    " be read on the way. Give it a certificate (server.sslCertFile and server.sslKeyFile), or put"
    " a reverse proxy with HTTPS before it and name its address in SKIN_PUBLIC_URL."
)


class Listening:
    """Refuses to start, or to answer, where a network could listen along.

    `address` is where the server listens, `encrypted` whether it has a certificate, `public_url`
    the address of a reverse proxy before it, or "". Asked when needed, so that nothing is read at
    import.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        address: Callable[[], str],
        encrypted: Callable[[], bool],
        public_url: Callable[[], str],
    ) -> None:
        self.app = app
        self.address = address
        self.encrypted = encrypted
        self.public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        protected = self.encrypted() or bool(self.public_url())
        if scope["type"] == "lifespan":
            if not protected and not is_this_machine(self.address()):
                await receive()
                await send({"type": "lifespan.startup.failed", "message": REFUSAL})
                return
        else:
            if self.public_url().startswith("https:"):
                # The proxy's visitors come by HTTPS, whether or not it passes that on.
                scope["scheme"] = "wss" if scope["type"] == "websocket" else "https"
            # Another server than Streamlit's own may listen elsewhere than the settings say.
            if not protected and not is_this_machine((scope.get("server") or ("",))[0]):
                await self._refuse(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "Not encrypted."})
        else:
            response = PlainTextResponse(REFUSAL, status_code=403, headers={"Connection": "close"})
            await response(scope, receive, send)


def is_this_machine(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""The door: serves the pages, loads the model before the first visitor, and guards the browser."""

import gc
import importlib
import logging
import pkgutil
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages import components
from pages.components import serving
from skinmodel.weights import InvalidModel

log = logging.getLogger("dermtrace")

# Streamlit's own page needs inline script and style, and components arrive as blobs. What remains
# shut: other origins, frames, plug-ins and forms that lead away.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "connect-src 'self' ws: wss:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class SecurityHeaders:
    """Adds the headers to every answer, and keeps photos out of the browser's cache."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if scope["path"].startswith("/media/"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, receive, send_with_headers)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[dict[str, Any]]:
    """Loads the model and the pages, then takes all of it out of the garbage collector's rounds.

    Streamlit collects garbage after every rerun; with torch imported that costs 270 ms each time,
    and a library that a page only imports later would be back in those rounds.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    log.setLevel(logging.INFO)
    try:
        log.info("Model %s is ready", serving.model().version)
    except InvalidModel as error:  # the page says so too; the server stays up to say it
        log.error("No usable model: %s", error)
    for module in pkgutil.iter_modules(components.__path__, f"{components.__name__}."):
        importlib.import_module(module.name)
    gc.collect()
    gc.freeze()
    try:
        yield {}
    finally:
        serving.decoder().close()


def health(_: Request) -> JSONResponse:
    """Whether the app can answer: 200 with the model's version, or 503."""
    try:
        return JSONResponse({"status": "ok", "model": serving.model().version})
    except InvalidModel as error:
        return JSONResponse({"status": "no model", "reason": str(error)}, status_code=503)


def show_failure(error: Exception) -> bool:
    """Tells the person that something failed, with a reference that finds it in the log."""
    reference = secrets.token_hex(2).upper()
    log.error("Reference %s", reference, exc_info=error)
    st.error(f"Something failed on our side. Nothing was lost. Reference {reference}")
    return True


app = st.App(
    Path(__file__).parent / "pages" / "main.py",
    lifespan=lifespan,
    routes=[Route("/healthz", health)],
    middleware=[Middleware(SecurityHeaders)],
    on_script_error=show_failure,
)

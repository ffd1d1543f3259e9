"""The door: serves the pages behind the gate, and loads the model before the first visitor."""

import base64
import hashlib
import importlib
import logging
import pkgutil
import re
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from anyio import to_thread
from google.protobuf.message import DecodeError
from PIL import Image
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config, file_util
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime import Runtime

import settings
from pages import components
from pages.components.frame import garbage, restarting, serving
from pages.components.frame.asking import Asking
from records.access import links, sessions
from records.errors import RecordError
from records.keeping import staging, upkeep
from signin.door import Door, routes
from signin.gate import Gate
from signin.listening import Listening
from signin.oidc import Provider
from signin.quota import Quota
from skinmodel.weights import InvalidModel
from training.runs import process

log = logging.getLogger("dermtrace")

FRONTEND = Path(file_util.get_static_dir())
# Of the scripts that stand in Streamlit's own page; any other inline script does not run.
INLINE = " ".join(
    f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
    for script in re.findall(
        "<script>(.*?)</script>", (FRONTEND / "index.html").read_text("utf-8"), re.DOTALL
    )
)
# Streamlit's own page needs inline style, and components arrive as blobs. What remains shut: other
# origins, foreign scripts, frames, plug-ins and forms that lead away.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        f"script-src 'self' {INLINE} 'wasm-unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
# Carries out training runs; it stops when this process ends, however that ends.
WORKER = (sys.executable, str(settings.ROOT / "worker.py"), "--until-closed")
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
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)  # the sign-in pages have a stricter policy
                if scope["path"].startswith("/media/"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, receive, send_with_headers)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[dict[str, Any]]:
    """Loads models, pages and records before the first visitor, and runs what works beside them."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    log.setLevel(logging.INFO)
    await to_thread.run_sync(bring_back)
    try:
        in_use = serving.in_use()
        log.info("Model %s is ready", in_use.model.version)
        if in_use.problem:
            log.error("%s", in_use.problem)
    except InvalidModel as error:  # the page says so too; the server stays up to say it
        log.error("No usable model: %s", error)
    try:
        log.info("Outline model %s is ready", serving.outline_model().version)
    except InvalidModel as error:
        log.error("No usable outline model: %s", error)
    for module in pkgutil.walk_packages(components.__path__, f"{components.__name__}."):
        importlib.import_module(module.name)
    Image.preinit()  # Pillow's readers, which the first picture would bring
    await to_thread.run_sync(welcome)
    garbage.settle()
    log.info("DermTrace is ready on %s", address())
    try:
        with (
            garbage.collected(),
            process.kept(WORKER, settings.ROOT) if limits.worker else nullcontext(),
            upkeep.kept(serving.upkeep()),
        ):
            yield {}
    finally:
        serving.decoder().close()
    restarting.finish()


def bring_back() -> None:
    """Restores the backup that an administrator asked for, before anything opens the records."""
    found = settings.load()
    try:
        done = staging.carry_out(
            found.database_url,
            found.data_dir,
            store=serving.store,
            source=found.backups_url,
            passphrase=found.backup_passphrase,
            progress=lambda share, what: log.info("Restoring: %s", what),
        )
    except Exception:  # on a full disk not even that can be written down; the next start tries
        log.exception("A restore could not be carried out")
        return
    if done:
        say = log.info if done.state == staging.DONE else log.error
        say("%s", done.sentence)


def welcome() -> None:
    """Shows on the console how to make the first account, for as long as there is none."""
    try:
        token = links.for_first_admin(serving.database())
    except RecordError as error:  # the sign-in page says so too; the server stays up to say it
        log.error("The records cannot be used: %s", error)
        return
    if token:
        print(
            "\nDermTrace has no accounts yet. Open this link to create the first one."
            " It works once:\n\n"
            f"  {address()}/signin/first?token={token}\n",
            file=sys.stderr,
            flush=True,
        )


def address() -> str:
    """Where this server is reached, as far as it knows."""
    if public := settings.load().public_url:
        return public
    host, port = config.get_option("server.address"), config.get_option("server.port")
    if host in {"0.0.0.0", "::"}:  # all addresses of this machine; its own browser needs one
        host = "localhost"
    return f"http{'s' if encrypted() else ''}://{host}:{port}"


def encrypted() -> bool:
    """Whether the server has a certificate of its own."""
    return bool(config.get_option("server.sslCertFile"))


def provider() -> Provider | None:
    """The clinic's own sign-in, where one is configured."""
    loaded = settings.load()
    return _provider(loaded.oidc, loaded.public_url) if loaded.oidc else None


@cache
def _provider(configuration: settings.Oidc, public_url: str) -> Provider:
    return Provider(configuration, public_url=public_url)


def held(tab: str) -> int:
    """Bytes of uploads that Streamlit keeps for a tab."""
    files = Runtime.instance().uploaded_file_mgr.file_storage.get(tab, {})
    return sum(len(file.data) for file in list(files.values()))


def holder(tab: str) -> str:
    """The session that a tab is connected with, "" where there is no such tab."""
    client = Runtime.instance().get_client(tab)
    context = client.client_context if client else None
    return dict(context.headers).get(sessions.HEADER, "") if context else ""


def automatic(message: bytes) -> bool:
    """Whether a tab sent this by itself, as a page that refreshes does, and no person."""
    parsed = BackMsg()
    try:
        parsed.ParseFromString(message)
    except DecodeError:
        return True
    return parsed.rerun_script.is_auto_rerun or parsed.WhichOneof("type") == "app_heartbeat"


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


LOGO = settings.ROOT / "assets" / "logo"
FONTS = FRONTEND / "static" / "media"
door = Door(
    database=serving.database,
    provider=provider,
    logos={file.name: str(file) for file in sorted(LOGO.glob("*.svg"))},
    behind_proxy=lambda: bool(settings.load().public_url),
    font=next((f"/static/media/{file.name}" for file in FONTS.glob("SourceSansVF-Up*")), ""),
)
try:
    limits = settings.load()
except settings.InvalidSettings as error:
    raise SystemExit(f"DermTrace cannot start. {error}") from error
quota = Quota(held=held, a_file=limits.max_dataset_bytes, limit=limits.max_session_bytes)
app = st.App(
    Path(__file__).parent / "pages" / "main.py",
    lifespan=lifespan,
    routes=[Route("/healthz", health), *routes(door)],
    middleware=[
        Middleware(SecurityHeaders),
        Middleware(
            Listening,
            address=lambda: config.get_option("server.address") or "",
            encrypted=encrypted,
            public_url=lambda: settings.load().public_url,
        ),
        Middleware(
            Gate, database=serving.database, quota=quota, holder=holder, automatic=automatic
        ),
        Middleware(Asking),
    ],
    on_script_error=show_failure,
)

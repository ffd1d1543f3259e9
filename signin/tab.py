"""The tab that a request names: Streamlit knows each by an id, whoever says it."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Scope

UPLOADS = "/_stcore/upload_file/"
# In Streamlit's websockets: a word, the token of its forms, and the tab to connect to again.
PROTOCOLS = "sec-websocket-protocol"


def named(scope: Scope) -> str:
    """The id of the tab that an upload goes to or a websocket connects to again, or ""."""
    if scope["type"] == "websocket":
        given = [word.strip() for word in Headers(scope=scope).get(PROTOCOLS, "").split(",")]
        return given[2] if len(given) > 2 else ""
    return str(scope["path"]).split("/")[3] if scope["path"].startswith(UPLOADS) else ""


def renew(scope: Scope) -> None:
    """Takes the id from a websocket, which thus gets a tab of its own."""
    headers = MutableHeaders(scope=scope)
    headers[PROTOCOLS] = ",".join(headers[PROTOCOLS].split(",")[:2])

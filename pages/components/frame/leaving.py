"""Lets nothing that a page still asks for reach the page after it.

A part of a page that asks again by itself may do so once more after the person has gone on.
Streamlit then runs it after the new page, under the old page's name: the browser takes that for a
change of page and shows nothing any more, and choices made meanwhile are forgotten (streamlit 1.67,
`clearAppState` in its App and `set_script_intent` in its ScriptRunner). Each tab's messages are
therefore looked at both ways.
"""

from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

LONGEST = 1 << 16  # bytes of a message that begins a run: some 5,000 are usual


class Leaving:
    """Drops what a tab asks for a part of a page that it has left, and what is answered to that."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        page = ""  # the page that is shown or on its way, by Streamlit's hash

        async def receive_of_this_page() -> Message:
            nonlocal page
            while True:
                message = await receive()
                asked = _asked(message.get("bytes"))
                if asked is None:
                    return message
                wanted, is_part = asked
                if not is_part:
                    page = wanted
                elif page and wanted != page:
                    continue
                return message

        async def send_of_this_page(message: Message) -> None:
            nonlocal page
            if (begun := _begun(message.get("bytes"))) is not None:
                shown, is_part = begun
                if not is_part:
                    page = shown
                elif page and shown != page:
                    return
            await send(message)

        await self.app(scope, receive_of_this_page, send_of_this_page)


def _asked(data: bytes | None) -> tuple[str, bool] | None:
    """The page that a browser wants run, and whether only a part of it; None if it wants no run."""
    message = BackMsg()
    try:
        message.ParseFromString(data or b"")
    except DecodeError:
        return None
    if message.WhichOneof("type") != "rerun_script":
        return None
    return message.rerun_script.page_script_hash, bool(message.rerun_script.fragment_id)


def _begun(data: bytes | None) -> tuple[str, bool] | None:
    """The page whose run begins, and whether only parts of it; None for any other message.

    A page that was opened by its address has its own name only once the router has found it.
    """
    if not data or len(data) > LONGEST:
        return None
    message = ForwardMsg()
    message.ParseFromString(data)
    kind = message.WhichOneof("type")
    if kind == "navigation":
        return message.navigation.page_script_hash, False
    if kind != "new_session":
        return None
    return message.new_session.page_script_hash, bool(message.metadata.run.fragment_ids)

"""Keeps what a page asks by itself out of the way of what a person does.

A part of a page that asks again by itself does so whenever its time comes, and Streamlit 1.67 does
not tell such a question from a person's:

- Asked once more after the person has gone on to another page, it runs after the new page, under
  the old page's name: the browser takes that for a change of page and shows nothing any more, and
  choices made meanwhile are forgotten (`clearAppState` in its App, `set_script_intent` in its
  ScriptRunner).
- It carries whatever was clicked and is about to be sent. The server then takes the click for
  done, or does it twice.
- Asked while the last words of a run are still on their way, it has them thrown away
  (`_handle_scriptrunner_event_on_event_loop` in its AppSession).

Each tab's messages are therefore looked at both ways.
"""

import time

from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

LONGEST = 1 << 16  # bytes of a message that begins or ends a run: some 5,000 are usual
PATIENCE = 5.0  # seconds after which a run that was asked for and not begun is no longer awaited
TRIGGERS = frozenset(
    {"trigger_value", "string_trigger_value", "json_trigger_value", "chat_input_value"}
)


class Asking:
    """Looks at what passes between each tab and the app; see `_Tab`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        tab = _Tab()

        async def receive_what_counts() -> Message:
            while True:
                message = await receive()
                if (data := message.get("bytes")) is None:
                    return message
                if (asked := tab.asks(data)) is not None:
                    return message if asked is data else {**message, "bytes": asked}

        async def send_what_counts(message: Message) -> None:
            if tab.hears(message.get("bytes")):
                await send(message)

        await self.app(scope, receive_what_counts, send_what_counts)


class _Tab:
    """The page that a tab shows or waits for, and whether a run is awaited or under way in it."""

    def __init__(self) -> None:
        self._page = ""  # by Streamlit's hash
        self._busy_since: float | None = None

    def asks(self, data: bytes) -> bytes | None:
        """What of the browser's message reaches the app; None where nothing should."""
        message = BackMsg()
        try:
            message.ParseFromString(data)
        except DecodeError:
            return data
        if message.WhichOneof("type") != "rerun_script":
            return data
        state = message.rerun_script
        if not state.fragment_id:
            self._page = state.page_script_hash
        elif self._page and state.page_script_hash != self._page:
            return None
        if not state.is_auto_rerun:
            self._busy_since = time.monotonic()
            return data
        if self._busy_since is not None and time.monotonic() - self._busy_since < PATIENCE:
            return None  # it asks again
        return message.SerializeToString() if _without_clicks(state) else data

    def hears(self, data: bytes | None) -> bool:
        """Whether the app's message reaches the browser.

        A page that was opened by its address has its own name only once the router has found it.
        """
        if not data or len(data) > LONGEST:
            return True
        message = ForwardMsg()
        message.ParseFromString(data)
        kind = message.WhichOneof("type")
        if kind == "navigation":
            self._page = message.navigation.page_script_hash
        elif kind == "new_session":
            shown, parts = message.new_session.page_script_hash, message.metadata.run.fragment_ids
            if not parts:
                self._page = shown
            elif self._page and shown != self._page:
                return False
            self._busy_since = time.monotonic()
        elif kind == "script_finished":
            goes_on = message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN
            self._busy_since = time.monotonic() if goes_on else None
        return True


def _without_clicks(state: ClientState) -> bool:
    """Takes clicks out of what a browser sends; whether there were any."""
    widgets = state.widget_states.widgets
    clicks = [place for place, one in enumerate(widgets) if one.WhichOneof("value") in TRIGGERS]
    for place in reversed(clicks):
        del widgets[place]
    return bool(clicks)

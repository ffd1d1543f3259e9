"""What a tab asks for a page that it has left reaches nobody, and all else passes."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import anyio
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from pages.components.frame.leaving import Leaving


def ask(page: str, part: str = "") -> bytes:
    message = BackMsg()
    message.rerun_script.page_script_hash = page
    message.rerun_script.fragment_id = part
    return message.SerializeToString()


def begin(page: str, *parts: str) -> bytes:
    message = ForwardMsg()
    message.new_session.page_script_hash = page
    message.metadata.run.fragment_ids.extend(parts)
    return message.SerializeToString()


def routed(page: str) -> bytes:
    message = ForwardMsg()
    message.navigation.page_script_hash = page
    return message.SerializeToString()


def passed(story: Sequence[tuple[str, bytes]]) -> list[bool]:
    """Which of a tab's ("up") and the server's ("down") messages reach the other."""
    done: list[bool] = []

    async def nobody(scope: Scope, receive: Receive, send: Send) -> None:
        for way, data in story:
            reached: list[Message] = []
            if way == "down":
                sent.clear()
                await send({"type": "websocket.send", "bytes": data})
                reached = sent
            else:
                waiting.append({"type": "websocket.receive", "bytes": data})
                waiting.append({"type": "websocket.receive", "bytes": b"", "text": "end"})
                while (message := await receive()).get("text") != "end":
                    reached.append(message)
            done.append(bool(reached))

    waiting: list[Message] = []
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    with ThreadPoolExecutor(1) as pool:  # a browser's driver may keep an event loop in this thread
        pool.submit(anyio.run, Leaving(nobody), {"type": "websocket"}, receive, send).result()
    return done


def test_a_page_opened_by_its_address_is_asked_and_answered() -> None:
    story = [
        ("up", ask("")),
        ("down", begin("main")),
        ("down", routed("lesion")),
        ("up", ask("lesion", "part")),
        ("down", begin("lesion", "part")),
    ]
    assert passed(story) == [True] * 5


def test_what_the_page_before_asks_is_dropped_on_a_click_and_when_it_is_led_on() -> None:
    story = [
        ("up", ask("lesion")),
        ("down", begin("lesion")),
        ("up", ask("patients")),  # a click on another page
        ("up", ask("lesion", "part")),
        ("down", begin("patients")),
        ("down", begin("lesion", "part")),
        ("up", ask("patients", "search")),
        ("down", begin("examine")),  # led on by the page itself
        ("up", ask("patients", "search")),
        ("up", ask("examine", "part")),
    ]
    assert passed(story) == [True, True, True, False, True, False, True, True, False, True]


def test_other_messages_pass_as_they_are() -> None:
    heartbeat, finished = BackMsg(app_heartbeat=True), ForwardMsg(script_finished=0)
    story = [
        ("up", heartbeat.SerializeToString()),
        ("up", b"\xff"),
        ("down", finished.SerializeToString()),
        ("down", b"x" * 100_000),
    ]
    assert passed(story) == [True] * 4

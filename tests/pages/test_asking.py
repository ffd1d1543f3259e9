"""What a page asks by itself gets in nobody's way, and all else passes."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from pages.components.frame import asking
from pages.components.frame.asking import Asking


def ask(page: str, part: str = "", *, itself: bool = False, clicked: bool = False) -> bytes:
    message = BackMsg()
    message.rerun_script.page_script_hash = page
    message.rerun_script.fragment_id = part
    message.rerun_script.is_auto_rerun = itself
    message.rerun_script.widget_states.widgets.add(id="choice", string_value="second")
    if clicked:
        message.rerun_script.widget_states.widgets.add(id="button", trigger_value=True)
        message.rerun_script.widget_states.widgets.add(id="part", json_trigger_value="[1]")
    return message.SerializeToString()


def begin(page: str, *parts: str) -> bytes:
    message = ForwardMsg()
    message.new_session.page_script_hash = page
    message.metadata.run.fragment_ids.extend(parts)
    return message.SerializeToString()


def end(*, goes_on: bool = False) -> bytes:
    message = ForwardMsg()
    message.script_finished = (
        ForwardMsg.FINISHED_EARLY_FOR_RERUN if goes_on else ForwardMsg.FINISHED_SUCCESSFULLY
    )
    return message.SerializeToString()


def routed(page: str) -> bytes:
    message = ForwardMsg()
    message.navigation.page_script_hash = page
    return message.SerializeToString()


def passed(story: Sequence[tuple[str, bytes]]) -> list[bool]:
    """Which of a tab's ("up") and the server's ("down") messages reach the other."""
    return [bool(data) for data in reached(story)]


def reached(story: Sequence[tuple[str, bytes]]) -> list[bytes]:
    """What reaches the other of each; nothing of one that does not."""
    done: list[bytes] = []

    async def nobody(scope: Scope, receive: Receive, send: Send) -> None:
        for way, data in story:
            arrived: list[Message] = []
            if way == "down":
                sent.clear()
                await send({"type": "websocket.send", "bytes": data})
                arrived = list(sent)
            else:
                waiting.append({"type": "websocket.receive", "bytes": data})
                waiting.append({"type": "websocket.disconnect"})
                while (message := await receive())["type"] != "websocket.disconnect":
                    arrived.append(message)
            done.append(arrived[0]["bytes"] if arrived else b"")

    waiting: list[Message] = []
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    with ThreadPoolExecutor(1) as pool:  # a browser's driver may keep an event loop in this thread
        pool.submit(anyio.run, Asking(nobody), {"type": "websocket"}, receive, send).result()
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


def test_what_a_page_asks_by_itself_waits_for_the_person() -> None:
    alone, person = ask("lesion", "part", itself=True), ask("lesion", "dialog", clicked=True)
    story = [
        ("up", ask("lesion")),
        ("up", alone),  # the page is awaited
        ("down", begin("lesion")),
        ("up", alone),  # it is drawn
        ("down", end()),
        ("up", alone),
        ("down", begin("lesion", "part")),
        ("up", person),  # a person is heard at any time
        ("down", end()),
        ("up", person),
        ("down", end(goes_on=True)),
        ("up", alone),  # what was saved is not shown yet
        ("down", begin("lesion")),
        ("down", end()),
        ("up", alone),
    ]
    refused = {1, 3, 11}
    assert passed(story) == [place not in refused for place in range(len(story))]


def test_a_run_that_never_begins_is_not_awaited_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 0.0)
    story = [("up", ask("lesion", "gone")), ("up", ask("lesion", "part", itself=True))]
    assert passed(story) == [True, True]


def test_a_click_is_sent_once_and_under_its_own_name() -> None:
    clicked = ask("lesion", "part", itself=True, clicked=True)
    chosen = ask("lesion", "part", itself=True)
    by_hand = ask("lesion", "dialog", clicked=True)
    assert reached([("up", clicked), ("up", by_hand)]) == [chosen, by_hand]

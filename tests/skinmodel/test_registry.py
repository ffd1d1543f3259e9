"""Which model is used: the named one, else the newest, else a sentence."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from skinmodel.registry import active, versions
from skinmodel.weights import InvalidModel


@pytest.fixture
def models(tmp_path: Path, save_tiny: Callable[..., Path]) -> Path:
    for version in ("2025.9", "2025.10", "2024.11"):
        save_tiny(tmp_path / version)
    (tmp_path / ".2026.1.unfinished").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "README.md").touch()
    return tmp_path


def test_the_newest_is_used(models: Path) -> None:
    assert versions(models) == ("2024.11", "2025.9", "2025.10")
    assert active(models) == models / "2025.10"


def test_the_named_one_is_used(models: Path) -> None:
    (models / "active.json").write_text(json.dumps({"version": "2025.9"}))
    assert active(models) == models / "2025.9"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": "../x"}', '{"version": ["a"]}'])
def test_a_broken_choice_is_said_and_not_guessed(models: Path, text: str) -> None:
    (models / "active.json").write_text(text)
    with pytest.raises(InvalidModel):
        active(models)


def test_no_model_is_a_sentence(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InvalidModel, match="There is no model"):
            active(folder)

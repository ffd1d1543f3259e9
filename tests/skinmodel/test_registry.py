"""Which model is used: the promoted one, else the program's newest, else a sentence."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from skinmodel.registry import ACTIVE, Registry
from skinmodel.weights import WEIGHTS, InvalidModel

SaveTiny = Callable[..., Path]


@pytest.fixture
def models(tmp_path: Path, save_tiny: SaveTiny) -> Registry:
    """Two models of the program, and 1.2 among the clinic's own."""
    for version in ("1.0", "1.1"):
        save_tiny(tmp_path / "bundled" / version)
    (tmp_path / "bundled" / ".9.9.unfinished").mkdir()
    (tmp_path / "bundled" / "about.json").touch()
    registry = Registry(tmp_path / "bundled", tmp_path / "own")
    assert registry.register(save_tiny(tmp_path / "run" / "1.2")) == "1.2"
    return registry


def test_versions_are_in_the_order_of_their_numbers(tmp_path: Path, save_tiny: SaveTiny) -> None:
    for version in ("2025.9", "2025.10", "2024.11"):
        save_tiny(tmp_path / version)
    registry = Registry(tmp_path, tmp_path / "own")
    assert registry.versions() == ("2024.11", "2025.9", "2025.10")
    assert registry.active().name == "2025.10"
    assert registry.next_version() == "2025.10.1"
    assert Registry(tmp_path / "none", tmp_path / "own").next_version() == "1.0.1"


def test_what_the_program_brings_later_meets_no_version_of_the_clinics(
    models: Registry, tmp_path: Path, save_tiny: SaveTiny
) -> None:
    assert models.next_version() == "1.1.1"
    models.register(save_tiny(tmp_path / "run" / "1.1.1"))
    save_tiny(models.bundled / "1.2.tmp").rename(models.bundled / "1.4")
    assert models.next_version() == "1.4.2"  # after the program's, and counting on


def test_no_model_is_a_sentence(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InvalidModel, match="There is no model"):
            Registry(folder, tmp_path / "own").active()


def test_registering_changes_nothing_in_use(models: Registry) -> None:
    assert models.versions() == ("1.0", "1.1", "1.2")
    assert models.active() == models.bundled / "1.1"
    assert models.previous() is None
    with pytest.raises(InvalidModel, match="no earlier version"):
        models.roll_back()


def test_promoting_and_rolling_back_walk_the_same_way(models: Registry) -> None:
    models.promote("1.2")
    models.promote("1.0")
    assert (models.active().name, models.previous()) == ("1.0", "1.2")
    assert models.roll_back() == "1.2"
    assert (models.active(), models.previous()) == (models.own / "1.2", "1.1")
    assert models.roll_back() == "1.1"
    assert (models.active().name, models.previous()) == ("1.1", None)
    models.promote("1.2")
    models.promote("1.2")  # twice the same is once
    assert models.roll_back() == "1.1"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": "1.2"}', "\udcff", "[" * 100_000])
def test_a_broken_choice_is_said_and_the_programs_model_serves(
    models: Registry, text: str
) -> None:
    models.promote("1.2")
    (models.own / ACTIVE).write_bytes(text.encode("utf-8", "surrogateescape"))
    choice = models.choice()
    assert choice.folder == models.bundled / "1.1"
    assert "cannot be read" in choice.problem and "Model 1.1 is used instead" in choice.problem
    models.promote("1.2")  # and promoting mends it
    assert models.choice().problem == "" and models.active() == models.own / "1.2"


@pytest.mark.parametrize("version", ["../1.2", "9.9", "", "/etc"])
def test_a_choice_that_is_not_there_leads_nowhere(models: Registry, version: str) -> None:
    models.own.joinpath(ACTIVE).write_text(
        json.dumps({"version": version, "card_sha256": "", "before": []})
    )
    assert models.active() == models.bundled / "1.1"
    assert "There is no model" in models.choice().problem


def test_a_model_changed_after_its_promotion_does_not_serve(models: Registry) -> None:
    models.promote("1.2")
    card = models.own / "1.2" / "card.json"
    card.write_text(card.read_text().replace('"temperature": 1.5', '"temperature": 3.0'))
    assert models.active() == models.bundled / "1.1"
    assert "was changed since it was promoted" in models.choice().problem


def test_another_model_under_the_same_version_is_refused(
    models: Registry, tmp_path: Path, save_tiny: SaveTiny
) -> None:
    assert models.register(tmp_path / "run" / "1.2") == "1.2"  # the very same is no other
    for version in ("1.1", "1.2"):
        other = save_tiny(tmp_path / "other" / version, filters=(4, 4))
        with pytest.raises(InvalidModel, match="another model"):
            models.register(other)


def test_what_cannot_be_used_is_neither_registered_nor_promoted(
    models: Registry, tmp_path: Path, save_tiny: SaveTiny
) -> None:
    candidate = save_tiny(tmp_path / "run" / "1.3")
    weights = candidate / WEIGHTS
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    with pytest.raises(InvalidModel, match="incomplete"):
        models.register(candidate)
    assert models.versions() == ("1.0", "1.1", "1.2")
    weights.write_bytes(whole)
    models.register(candidate)
    (models.own / "1.3" / WEIGHTS).write_bytes(whole[:-1])
    with pytest.raises(InvalidModel, match="incomplete"):
        models.promote("1.3")
    assert models.active().name == "1.1"


def test_a_version_that_leads_out_of_the_folder_is_refused(
    models: Registry, tmp_path: Path, save_tiny: SaveTiny
) -> None:
    candidate = save_tiny(tmp_path / "run" / "1.3")
    card = candidate / "card.json"
    card.write_text(card.read_text().replace('"version": "1.3"', '"version": "../../x"'))
    with pytest.raises(InvalidModel, match="cannot be a version"):
        models.register(candidate)


def test_a_full_disk_leaves_what_was_there(
    models: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.promote("1.2")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("skinmodel.weights._write", full)
    with pytest.raises(OSError, match="No space"):
        models.promote("1.0")
    assert models.active().name == "1.2"
    assert sorted(f.name for f in models.own.iterdir()) == ["1.2", ACTIVE]


def test_deleting_keeps_what_is_needed_and_never_gives_a_number_twice(
    models: Registry, tmp_path: Path, save_tiny: SaveTiny
) -> None:
    models.promote("1.2")
    for version, why in (("1.1", "came with the program"), ("1.2", "in use")):
        with pytest.raises(InvalidModel, match=why):
            models.delete(version)
    models.promote("1.0")
    with pytest.raises(InvalidModel, match="roll back"):
        models.delete("1.2")
    models.register(save_tiny(tmp_path / "run" / "1.3"))
    models.delete("1.3")
    assert "1.3" not in models.versions() and models.next_version() == "1.1.1"
    other = save_tiny(tmp_path / "other" / "1.3", filters=(4, 4))
    with pytest.raises(InvalidModel, match="was another model's"):
        models.register(other)
    assert models.register(tmp_path / "run" / "1.3") == "1.3"  # the same may come back

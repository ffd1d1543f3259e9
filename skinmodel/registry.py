"""Which model versions there are and which one is used.

Models lie in two folders, one folder per version: those that came with the program, which nothing
here changes, and the clinic's own. `active.json` among the clinic's own names the one in use and
those used before it; it is replaced in one step, and nothing else decides.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skinmodel.bundle import CARD, MAX_CARD, load_model
from skinmodel.weights import InvalidModel, read_file, replace_file, write_folder

ACTIVE = "active.json"
DELETED = "deleted.json"  # what remains of a deleted version, so that its number is not used again
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}")  # of a folder on every system
MAX_FILE = 1_000_000_000  # bytes


@dataclass(frozen=True)
class Choice:
    """The model to be used; `problem` is a sentence where it is not the one that was chosen."""

    folder: Path
    problem: str = ""


@dataclass(frozen=True)
class Registry:
    """The models that came with the program and the clinic's own; no state but the two folders."""

    bundled: Path
    own: Path

    def versions(self) -> tuple[str, ...]:
        """All versions, oldest first: 2 before 10."""
        return _in_order({*_names(self.bundled), *_names(self.own)})

    def folder(self, version: str) -> Path:
        """The folder of a version, the clinic's own first; InvalidModel if there is none."""
        for place in (self.own, self.bundled):
            if version in _names(place):
                return place / version
        raise InvalidModel(f"There is no model {version!r}.")

    def is_own(self, version: str) -> bool:
        """Whether a version is the clinic's own and can be deleted."""
        return version in _names(self.own)

    def newest_bundled(self) -> Path:
        """The newest model that came with the program; InvalidModel if there is none."""
        there = _names(self.bundled)
        if not there:
            raise InvalidModel("There is no model. Put one into the models folder or train one.")
        return self.bundled / _in_order(there)[-1]

    def choice(self) -> Choice:
        """The version in use: the promoted one, else the newest that came with the program.

        Where the promoted one cannot be told or is no longer what was promoted, the program's own
        is used and `problem` says why. InvalidModel if that is missing, too.
        """
        try:
            chosen = self._state()
            if chosen is None:
                return Choice(self.newest_bundled())
            folder = self.folder(chosen["version"])
            if card_hash(folder) != chosen["card_sha256"]:
                raise InvalidModel(f"Model {folder.name} was changed since it was promoted.")
            return Choice(folder)
        except InvalidModel as error:
            instead = self.newest_bundled()
            return Choice(instead, f"{error} Model {instead.name} is used instead.")

    def active(self) -> Path:
        """The folder of the version in use, as `choice` finds it."""
        return self.choice().folder

    def next_version(self) -> str:
        """A version for a model of the clinic's that was never used: 1.3.1 after the program's 1.3.

        The program's own have two numbers, so that none that it brings later is taken already. The
        third goes on counting.
        """
        programs = [_numbers(name) for name in _folders(self.bundled)]
        major, minor = max((n for n in programs if len(n) == 2), default=(1, 0))
        own = [_numbers(name) for name in _folders(self.own)]
        return f"{major}.{minor}.{1 + max((n[2] for n in own if len(n) == 3), default=0)}"

    def register(self, candidate: Path) -> str:
        """Copies a model's folder among the clinic's own and returns its version.

        The model in use stays the one it was. The same model again changes nothing; InvalidModel
        where the folder holds no usable model, or its version is another model's.
        """
        version = load_model(candidate).version
        if not NAME.fullmatch(version):
            raise InvalidModel(f"{version!r} cannot be a version; use a form like 1.2.")
        digest = card_hash(candidate)
        if version in self.versions():
            if card_hash(self.folder(version)) == digest:
                return version
            raise InvalidModel(f"There is another model with the version {version}.")
        self._unearth(version, digest)
        files = {
            file.name: read_file(file, MAX_FILE)
            for file in sorted(candidate.iterdir())
            if file.is_file() and not file.is_symlink() and not file.name.startswith(".")
        }
        try:
            write_folder(self.own / version, files)
        except FileExistsError as error:  # a moment ago, by somebody else
            raise InvalidModel(f"There is another model with the version {version}.") from error
        return version

    def promote(self, version: str) -> None:
        """Puts a version to use, from the next analysis on; InvalidModel if it cannot be used."""
        folder = self.folder(version)
        load_model(folder)
        before = [*self.before(), self.active().name]
        self._choose(version, [name for name in before if name != version])

    def previous(self) -> str | None:
        """The version that a roll back returns to; None if there is none."""
        return next((name for name in reversed(self.before()) if name in self.versions()), None)

    def roll_back(self) -> str:
        """Puts the version before to use again and returns it; InvalidModel if there is none."""
        version = self.previous()
        if version is None:
            raise InvalidModel("There is no earlier version to go back to.")
        load_model(self.folder(version))
        before = self.before()
        self._choose(version, before[: before.index(version)])
        return version

    def before(self) -> list[str]:
        """The versions used before the one in use, the last one last."""
        try:
            state = self._state()
        except InvalidModel:
            return []
        return list(state["before"]) if state else []

    def delete(self, version: str) -> None:
        """Deletes one of the clinic's own models; its version is not given to another.

        InvalidModel for the version in use, the one before it, and those of the program.
        """
        if not self.is_own(version):
            raise InvalidModel(f"Model {version} came with the program and stays.")
        if self.active() == self.own / version:
            raise InvalidModel(f"Model {version} is in use.")
        if version == self.previous():
            raise InvalidModel(f"Model {version} is the one that a roll back returns to.")
        folder = self.own / version
        replace_file(folder / DELETED, json.dumps({"card_sha256": card_hash(folder)}).encode())
        (folder / CARD).unlink()  # from here on it is no model
        for file in folder.iterdir():
            if file.name != DELETED:
                shutil.rmtree(file) if file.is_dir() else file.unlink()

    def _choose(self, version: str, before: Sequence[str]) -> None:
        self.own.mkdir(parents=True, exist_ok=True)
        state = {
            "version": version,
            "card_sha256": card_hash(self.folder(version)),
            "before": list(before),
        }
        replace_file(self.own / ACTIVE, (json.dumps(state, indent=2) + "\n").encode())

    def _state(self) -> dict[str, Any] | None:
        """What active.json says; None if nothing was promoted, InvalidModel if it is broken."""
        try:
            state = json.loads((self.own / ACTIVE).read_bytes())
            sound = (
                isinstance(state["version"], str)
                and isinstance(state["card_sha256"], str)
                and isinstance(state["before"], list)
                and all(isinstance(name, str) for name in state["before"])
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            sound = False
        if not sound:
            raise InvalidModel(f"Which model is in use cannot be read from {ACTIVE}.")
        return dict(state)

    def _unearth(self, version: str, digest: str) -> None:
        """Makes room for a model that was deleted, if it is the same; InvalidModel for another."""
        grave = self.own / version
        if not grave.exists():
            return
        try:
            same = json.loads((grave / DELETED).read_bytes())["card_sha256"] == digest
        except (OSError, ValueError, KeyError, TypeError):
            same = False
        if not same:
            raise InvalidModel(f"The version {version} was another model's, which was deleted.")
        shutil.rmtree(grave)


def card_hash(folder: Path) -> str:
    """The SHA-256 of a model's card, which names its weights; InvalidModel if it has none."""
    return hashlib.sha256(read_file(folder / CARD, MAX_CARD)).hexdigest()


def _folders(place: Path) -> list[str]:
    if not place.is_dir():
        return []
    return [f.name for f in place.iterdir() if f.is_dir() and not f.name.startswith(".")]


def _names(place: Path) -> list[str]:
    return [name for name in _folders(place) if (place / name / CARD).is_file()]


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version such as 1.2 or 1.2.3; none of another form."""
    return tuple(map(int, version.split("."))) if re.fullmatch(r"\d+(\.\d+)+", version) else ()


def _in_order(versions: Sequence[str] | set[str]) -> tuple[str, ...]:
    return tuple(sorted(versions, key=_order))


def _order(version: str) -> tuple[tuple[int, int, str], ...]:
    parts = re.findall(r"\d+|[^\d]+", version)
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)

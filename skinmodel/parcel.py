"""A model as one file, to take to another server: a ZIP of its card, its tensors, its golden set.

Nothing in it can run: JSON and safetensors only. What was measured on the clinic's photos beside
another model stays here.
"""

import hashlib
import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from skinmodel.bundle import CARD, MAX_CARD
from skinmodel.golden import GOLDEN, MAX_GOLDEN
from skinmodel.reading.archives import InvalidArchive, Limits, list_archive, pieces
from skinmodel.registry import Registry
from skinmodel.unknown import UNKNOWN_FILE
from skinmodel.weights import MAX_WEIGHTS, WEIGHTS, InvalidModel, read_file

FORMAT = 1
LIST = "files.json"
LARGEST = {
    CARD: MAX_CARD, WEIGHTS: MAX_WEIGHTS, UNKNOWN_FILE: MAX_WEIGHTS, GOLDEN: MAX_GOLDEN,
}  # fmt: skip
DATE = (1980, 1, 1, 0, 0, 0)  # the same model always gives the same file


def pack(folder: Path) -> bytes:
    """A model's folder as a ZIP; InvalidModel if a file of it cannot be read."""
    there = [name for name in LARGEST if (folder / name).exists() or name in (CARD, WEIGHTS)]
    files = {name: read_file(folder / name, LARGEST[name]) for name in there}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    files[LIST] = json.dumps({"format": FORMAT, "sha256": hashes}, indent=1).encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, DATE), data)
    return target.getvalue()


def receive(registry: Registry, data: bytes) -> str:
    """Registers the model in such a ZIP and returns its version; the model in use stays.

    Where its version is another model's here it gets a new one, and its card keeps the old.
    InvalidModel with a sentence if anything about it is not sound.
    """
    files = _files(data)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        _write(folder, files)
        try:
            return registry.register(folder)
        except InvalidModel:
            version = _version(files)
            if version not in registry.versions():
                raise
        card: dict[str, Any] = json.loads(files[CARD])
        renamed = Path(place) / "renamed"
        card |= {"version": registry.next_version(), "version_elsewhere": version}
        _write(renamed, files | {CARD: json.dumps(card, indent=2, ensure_ascii=False).encode()})
        return registry.register(renamed)


def _version(files: dict[str, bytes]) -> str:
    try:
        return str(json.loads(files[CARD])["version"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def _files(data: bytes) -> dict[str, bytes]:
    """The files of a ZIP, each with the hash its list gives; InvalidModel for anything else."""
    limits = Limits(size=MAX_WEIGHTS, members=len(LARGEST) + 1, total=2 * MAX_WEIGHTS)
    try:
        members = list_archive(data, limits)
        if strange := sorted({one.name for one in members} - {*LARGEST, LIST}):
            raise InvalidModel(f"This file is not a model: {strange[0]!r} does not belong into it.")
        for one in members:
            if one.size > LARGEST.get(one.name, MAX_CARD):
                raise InvalidModel(f"This file is not a model: {one.name} is too large.")
        files = {one.name: b"".join(pieces(data, one)) for one in members}
    except InvalidArchive as error:
        raise InvalidModel(f"This file is not a model. {error}") from error
    try:
        listed = json.loads(files.pop(LIST))
        newer, hashes = listed["format"] > FORMAT, dict(listed["sha256"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidModel("This file is not a model: it does not say what is in it.") from error
    if newer:
        raise InvalidModel("This file was made by a newer version of DermTrace.")
    for name in (CARD, WEIGHTS):
        if name not in files:
            raise InvalidModel(f"This file is not a whole model: {name} is missing.")
    for name, content in files.items():
        if hashes.get(name) != hashlib.sha256(content).hexdigest():
            raise InvalidModel(f"This file is damaged: {name} is not what was packed.")
    if missing := sorted(hashes.keys() - files):
        raise InvalidModel(f"This file is not a whole model: {missing[0]} is missing.")
    return files

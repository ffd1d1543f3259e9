"""Tensors and folders on disk: safetensors with a known SHA-256, written whole or not at all.

The weights are float16 on disk and float32 in memory. Never pickle. What does not fit is an
InvalidModel with a sentence that says why.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as bytes_to_tensors
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn

WEIGHTS = "weights.safetensors"
MAX_WEIGHTS = 1_000_000_000  # bytes


class InvalidModel(ValueError):
    """The folder holds no model that can be used; the text is one plain sentence."""


def read_file(path: Path, limit: int) -> bytes:
    """A model's file; InvalidModel if it is missing or has more bytes than the limit."""
    try:
        if path.stat().st_size > limit:
            raise InvalidModel(f"The model's {path.name} is too large.")
        return path.read_bytes()
    except OSError as error:
        raise InvalidModel(f"The model's {path.name} is missing or cannot be read.") from error


def read_tensors(data: bytes, sha256: str, name: str = WEIGHTS) -> dict[str, Tensor]:
    """The tensors in a safetensors file's bytes; InvalidModel if it is another or none."""
    # Eight bytes of length, then JSON: a pickle or ZIP never starts so.
    if data[8:9] != b"{":
        raise InvalidModel(f"The model's {name} file is not a safe model.")
    if hashlib.sha256(data).hexdigest() != sha256:
        raise InvalidModel(
            f"The model's {name} is incomplete or was changed: its SHA-256 is not the card's."
        )
    try:
        return bytes_to_tensors(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise InvalidModel(f"The model's {name} file is not a safe model.") from error


def fill(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give a network, perhaps without memory yet, these tensors in its own number format.

    InvalidModel if a name or shape differs or a value is not finite.
    """
    wanted = network.state_dict()
    if differing := sorted(wanted.keys() ^ tensors.keys()):
        what = "lacks" if differing[0] in wanted else "has an unknown"
        raise InvalidModel(f"The weights are of another network: it {what} {differing[0]}.")
    state = {}
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            raise InvalidModel(f"The weights are of another network: {name} has another shape.")
        state[name] = tensor.to(wanted[name].dtype)
        if not state[name].isfinite().all():
            raise InvalidModel(f"The weights are broken: {name} is not finite.")
    network.load_state_dict(state, assign=True)


def compact_bytes(network: nn.Module) -> bytes:
    """A network's tensors as a safetensors file, in float16; ValueError if one is not finite."""
    state = network.state_dict()
    return to_bytes({n: _compact(t.detach().cpu().contiguous()) for n, t in state.items()})


def to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Tensors as a safetensors file, in the format they have."""
    return tensors_to_bytes(dict(tensors))


def write_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    """A new folder with these files, in full or not at all; FileExistsError if it is there."""
    if folder.exists():
        raise FileExistsError(f"{folder.name} exists already.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside it, so that renaming stays on one disk; with a dot, so that nobody lists it.
    unfinished = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    unfinished.mkdir()
    try:
        for name, data in files.items():
            _write(unfinished / name, data)
        _sync_folder(unfinished)
        unfinished.rename(folder)
        _sync_folder(folder.parent)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return folder


def replace_file(path: Path, data: bytes) -> None:
    """Writes a file so that a reader sees the old one or the new one, never a part."""
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        _write(unfinished, data)
        unfinished.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _compact(tensor: Tensor) -> Tensor:
    """float16 where the values allow it."""
    if not tensor.is_floating_point():
        return tensor
    if not tensor.isfinite().all():
        raise ValueError("A network with weights that are not finite is not saved.")
    half = tensor.half()
    return half if half.isfinite().all() else tensor


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

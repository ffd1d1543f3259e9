"""Where a run stands, on disk: tensors as safetensors, numbers as JSON, never pickle.

Whatever moment the process is killed at, or the disk fills up, a file here is the old one or the
new one, never a part.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from training.disk import append_line as append_line
from training.disk import disk_full, disk_full_named
from training.disk import write_atomically as write_atomically

NUMBERS = "numbers"
HEADER = 1 << 20  # bytes, more than safetensors' header and the numbers ever take


def save_tensors(path: Path, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
    """Tensors and JSON values as one safetensors file, replaced atomically.

    TrainingFailed if the disk has no room; what was there before stays.
    """
    part = path.with_name(path.name + ".part")
    whole = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    needed = sum(tensor.nbytes for tensor in whole.values()) + HEADER
    if shutil.disk_usage(path.parent).free < needed:
        raise disk_full(path.parent, needed)
    try:
        with disk_full_named(path.parent, needed):
            save_file(whole, part, metadata={NUMBERS: json.dumps(dict(numbers))})
            with part.open("rb") as written:
                os.fsync(written.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    os.replace(part, path)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `save_tensors` wrote; ValueError if it is not such a file."""
    try:
        with safe_open(path, framework="pt") as source:
            tensors = {name: source.get_tensor(name) for name in source.keys()}  # noqa: SIM118
            return tensors, json.loads((source.metadata() or {})[NUMBERS])
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path.name} is not a checkpoint: {error}") from error


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """The optimizer's per-parameter state as named tensors: "optimizer.<index>.<name>"."""
    return {
        f"optimizer.{index}.{name}": torch.as_tensor(value)
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` gave; the groups' settings stay as they are."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".", 2)
            state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def module_tensors(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    """A module's parameters and buffers, named with a prefix."""
    return {f"{prefix}.{name}": tensor for name, tensor in module.state_dict().items()}


def restore_module(prefix: str, module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `module_tensors` gave; RuntimeError if the names or shapes differ."""
    start = len(prefix) + 1
    module.load_state_dict({k[start:]: t for k, t in tensors.items() if k.startswith(prefix + ".")})

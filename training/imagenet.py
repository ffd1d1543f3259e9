"""ImageNet's weights for a backbone: those that lie in a folder, or fetched into it once."""

import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor

from training.config import InvalidConfig
from training.disk import disk_full_named

Fetch = Callable[[str], dict[str, Tensor]]


def there(backbone: str, folder: Path) -> Path | None:
    """The weights of a backbone in a folder: a file whose name begins with the backbone's."""
    return next(iter(sorted(folder.glob(f"{backbone}*.safetensors"))), None)


def weights_file(
    backbone: str, folder: Path, *, fetch: bool = True, source: Fetch | None = None
) -> Path:
    """The file of a backbone's weights, made from torchvision's own if it is not there yet.

    InvalidConfig with a sentence if there are none, or the server cannot reach them.
    """
    if backbone not in torchvision.models.list_models():
        raise InvalidConfig(f"ImageNet has no weights for the backbone {backbone}.")
    if found := there(backbone, folder):
        return found
    path = folder / f"{backbone}_imagenet.safetensors"
    if not fetch:
        return path
    try:
        tensors = (source or _from_torchvision)(backbone)
    except (OSError, urllib.error.URLError, RuntimeError) as error:
        raise InvalidConfig(
            f"ImageNet's weights for {backbone} are not on this server, and it could not fetch"
            f" them: PyTorch's site cannot be reached. Put them into {folder.name} in the data"
            f" folder as {path.name}, or start from the active model."
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    needed = sum(tensor.nbytes for tensor in tensors.values())
    with disk_full_named(folder, needed):
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part)
    part.replace(path)
    return path


def _from_torchvision(backbone: str) -> dict[str, Tensor]:
    """Downloaded, its SHA-256 compared with the one in its name, and read without running code."""
    weights: Any = torchvision.models.get_model_weights(backbone).DEFAULT
    tensors: dict[str, Tensor] = weights.get_state_dict(
        progress=False, check_hash=True, weights_only=True, map_location=torch.device("cpu")
    )
    return tensors

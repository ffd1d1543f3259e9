"""`python -m training download` and `weights`: what training needs that is not in the project."""

import argparse
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from training.data import isic
from training.data.imagenet import weights_file


def add(commands: Any) -> None:
    """Adds the commands to an argument parser's commands."""
    parser = commands.add_parser("download", help="fetch the ISIC 2019 training set; 20 GB of disk")
    parser.add_argument("--out", type=Path, required=True, help="folder; the same again goes on")
    weights = commands.add_parser("weights", help="fetch ImageNet's weights for a backbone")
    weights.add_argument("backbone", help="such as efficientnet_lite0 or mobilenet_v2")
    weights.add_argument("--out", type=Path, required=True, help="folder for the file")


def start(given: argparse.Namespace) -> int:
    """Fetches weights to start from; 0 done. InvalidConfig with a sentence if there are none."""
    with tqdm(unit="B", unit_scale=True, file=sys.stderr) as bar:

        def told(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        print(weights_file(given.backbone, given.out, progress=told))
    return 0


def run(given: argparse.Namespace, *, url: str, official: bool, sha256: str) -> int:
    """Fetches; 0 done. DownloadFailed with a sentence if that is not to be had.

    From another address than the `official` one, the files are known by their `sha256` alone.
    """
    wanted = isic.files(url, official=official, sha256=sha256)
    with tqdm(unit="B", unit_scale=True, file=sys.stderr) as bar:

        def told(stage: str, done: int, total: int, unit: str) -> None:
            if bar.desc != f"{stage}: ":
                bar.unit = "B" if unit == "bytes" else f" {unit}"
                bar.reset(total)
                bar.initial = done
                bar.set_description(stage)
            bar.total = total
            bar.update(done - bar.n)

        isic.download(wanted, given.out, told)
    print(f"The ISIC 2019 training set is in {given.out}. Licence: {isic.LICENCE}.")
    return 0

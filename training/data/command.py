"""`python -m training download`: the ISIC 2019 training set, from wherever it was cut off."""

import argparse
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from training.data import isic


def add(commands: Any) -> None:
    """Adds the command to an argument parser's commands."""
    parser = commands.add_parser("download", help="fetch the ISIC 2019 training set; 20 GB of disk")
    parser.add_argument("--out", type=Path, required=True, help="folder; the same again goes on")


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

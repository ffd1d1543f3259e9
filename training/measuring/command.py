"""`python -m training compare`: a model beside another on lesions that neither has met."""

import argparse
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from training.data.datasets import ABOUT, DataSet
from training.data.manifest import read_isic
from training.learning.config import InvalidConfig
from training.measuring import versus
from training.measuring.compared import CASES, NUMBERS
from training.measuring.tables import comparison_table
from training.terminal import show_steps


def add(commands: Any) -> None:
    """Adds the command to an argument parser's commands."""
    parser = commands.add_parser(
        "compare", help="measure a model beside another on lesions that neither has met"
    )
    parser.add_argument("--model", type=Path, required=True, help="the candidate's folder")
    parser.add_argument("--with", dest="other", type=Path, required=True, help="the other's folder")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder in ISIC 2019's layout, or a data set's"
    )
    parser.add_argument("--out", type=Path, help="where to write (default: the candidate's folder)")


def run(given: argparse.Namespace) -> int:
    """Compares and writes; 0 done.

    InvalidModel, InvalidData or InvalidConfig if something cannot be used.
    """
    if (given.data / ABOUT).exists():
        data = DataSet.read(given.data)
        name, table = data.name, data.table()
    else:
        name, table = given.data.name, read_isic(given.data, without_unknown=True).table
    folder = given.out or given.model
    if not folder.is_dir():
        raise InvalidConfig(f"{folder} is not a folder.")
    with tqdm(file=sys.stderr, delay=0.1) as bar:
        found = versus.compare(
            given.model, given.other, table, into=folder, sets=[name], progress=show_steps(bar)
        )
    counted = found.numbers["data"]
    print(
        f"{counted['photos']:,} photos of {counted['lesions']:,} lesions that neither model has"
        f" met, {counted['melanomas']} melanomas."
    )
    print(comparison_table(found.numbers))
    print(f"Everything is in {folder / NUMBERS} and {folder / CASES}.")
    return 0

"""`python -m training fit-outline`: its arguments, and what it says while it works."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from training.learning.config import InvalidConfig, read_object
from training.outline.fit import OutlineConfig
from training.outline.run import run_outline
from training.terminal import show_steps, stopping


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    fit = commands.add_parser("fit-outline", help="train the network that finds the outline")
    fit.add_argument(
        "--data", type=Path, required=True, help="folder in ISIC 2019's layout, with masks beside"
    )
    fit.add_argument("--out", type=Path, required=True, help="run folder; the same again resumes")
    fit.add_argument("--init", type=Path, help="ImageNet weights of mobilenet_v2, safetensors")
    fit.add_argument("--config", type=Path, help="JSON with settings that differ from the defaults")
    fit.add_argument("--version", default="candidate", help="name of the finished model")
    fit.add_argument("--about", type=Path, help="JSON for the card: data, licence, limits")


def run(given: argparse.Namespace, cache: Path) -> int:
    """0 done, 1 stopped; InvalidConfig and InvalidData pass through."""
    try:
        config = OutlineConfig(**(read_object(given.config) if given.config else {}))
    except TypeError as error:
        raise InvalidConfig(f"The settings in {given.config.name} are unknown: {error}") from error
    with tqdm(unit="photo", file=sys.stderr) as bar, stopping() as stop:
        told = show_steps(bar)
        folder = run_outline(
            data=given.data,
            out=given.out,
            cache=cache,
            config=config,
            init=given.init,
            version=given.version,
            about=read_object(given.about) if given.about else {},
            progress=lambda *counted: told("decoding", *counted),
            log=_print,
            stop=stop,
        )
    if folder is None:
        print("Stopped. The same command goes on after the last whole epoch.")
        return 1
    print(f"The outline model is in {folder}.")
    return 0


def _print(line: Mapping[str, Any]) -> None:
    print(
        f"epoch {line['epoch']}/{line['epochs']}: loss {line['loss']:.3f}, "
        f"Dice {line['dice']:.3f} (5th percentile {line['dice_5th_percentile']:.3f}), "
        f"{line['images_per_second']:.0f} images/s, {line['seconds_left'] / 60:.0f} min left",
        flush=True,
    )

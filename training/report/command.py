"""`python -m training evaluate`: what it asks for, and what it says while it runs."""

import argparse
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from skinmodel.bundle import load_model, rewrite_card
from training.learning.checkpoint import write_atomically
from training.learning.config import InvalidConfig
from training.report.evaluation import evaluate
from training.report.page import render
from training.report.selection import CHOICES
from training.terminal import show_steps

JSON, PAGE = "evaluation.json", "evaluation.html"


def add(commands: Any) -> None:
    """Adds the command to an argument parser's commands."""
    parser = commands.add_parser(
        "evaluate", help="measure a model on a folder in ISIC 2019's layout: JSON and a page"
    )
    parser.add_argument("--model", type=Path, required=True, help="the model's folder")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="folder with photos, ground truth, metadata, and perhaps outlines in masks/",
    )
    parser.add_argument("--out", type=Path, help="folder for the report")
    parser.add_argument(
        "--split",
        choices=CHOICES,
        default="unseen",
        help="which lesions count (default: all that the model has never met)",
    )
    parser.add_argument(
        "--road",
        type=int,
        default=24,
        metavar="N",
        help="photos on which heat maps are tested by removal, seconds each (default: 24)",
    )
    parser.add_argument(
        "--card",
        action="store_true",
        help="also write what the heat maps lie on, and the test by removal, into the model's card",
    )


def run(given: argparse.Namespace, reports: Path) -> int:
    """Evaluates and writes; 0 done, 1 done without some photos or stopped.

    `reports` is the folder for reports if none was named. InvalidModel, InvalidData or
    InvalidConfig if something cannot be used.
    """
    if given.road < 0:
        raise InvalidConfig("--road must be 0 or more.")
    if given.card and given.split != "unseen":
        raise InvalidConfig("A card holds figures of lesions never met: --card takes no --split.")
    model = load_model(given.model)
    out = given.out or reports / f"{given.model.resolve().name}-{given.data.resolve().name}"
    try:
        out.mkdir(parents=True, exist_ok=True)  # a folder that cannot be written is found out now
        with tqdm(file=sys.stderr, delay=0.1) as bar:
            result = evaluate(
                model,
                given.data,
                which=given.split,
                road_photos=given.road,
                progress=show_steps(bar),
            )
        text = json.dumps(result.numbers, indent=1, allow_nan=False, ensure_ascii=False)
        page = render(result)
        write_atomically(out / JSON, text + "\n")
        write_atomically(out / PAGE, page)
        if given.card:
            into_card(given.model, result.numbers)
    except KeyboardInterrupt:
        print("Stopped; no report was written.", file=sys.stderr)
        return 1
    except OSError as error:
        raise InvalidConfig(f"{out} cannot be written: {error.strerror}.") from error
    finally:
        with suppress(OSError):
            out.rmdir()  # if nothing was written
    data, photos = result.numbers["data"], result.numbers["single_photos"]
    print(data["counted"])
    for note in data["notes"]:
        print(note)
    print(f"Balanced accuracy {_words(photos['balanced_accuracy'])}.")
    print(f"AUROC, mean of the diagnoses {_words(photos['macro_auroc'])}.")
    print(f"Report: {out / PAGE}, {out / JSON}. The page holds photos from the data folder.")
    for one in data["refused"]:
        print(f"{one['image']}: {one['reason']}", file=sys.stderr)
    return 1 if data["refused"] else 0


def into_card(folder: Path, numbers: Mapping[str, Any]) -> None:
    """Keep an evaluation's figures of the heat maps in the model's card, beside its others."""
    card = load_model(folder).card
    maps = {
        "how": "Heat maps of the diagnosis shown first, of lesions the model has never met. "
        "energy: share of the heat inside the lesion's outline; area: the outline's share of the "
        "photo; pointed: share of photos whose hottest place is inside. road: half of how much "
        "more probability is left when the coldest places are removed first, not the hottest.",
        "data": numbers["data"]["counted"],
        "outlines": numbers["heat_maps"],
        "road": numbers["road"],
    }
    rewrite_card(folder, {"numbers": {**(card.get("numbers") or {}), "heat_maps": maps}})


def _words(value: list[float | None] | None) -> str:
    """As "0.741 (0.712 to 0.768)"; a dash where undefined."""
    if value is None:
        return "-"
    return "{} ({} to {})".format(*("-" if v is None else f"{v:.3f}" for v in value))

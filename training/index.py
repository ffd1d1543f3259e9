"""`python -m training index`: lesions with known diagnoses, made ready to be found as neighbours.

The index holds features, diagnoses and where the photos lie, and no photo. It is of one model.
"""

import argparse
import itertools
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from skinmodel import neighbours
from skinmodel.analysis import BATCH
from skinmodel.bundle import Model, load_model
from skinmodel.images import Photo
from skinmodel.neighbours import Case, Index
from skinmodel.predict import read_ahead
from skinmodel.reading.decoder import Decoder
from training.data.manifest import InvalidData, read_isic
from training.data.seen import seen

HOW = (
    "Lesions that the model had never met, each among all others of these data: how many of its"
    " five nearest have its diagnosis."
)


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser(
        "index", help="make the lesions of a folder findable as similar confirmed cases"
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with photos, ground truth, metadata"
    )
    parser.add_argument("--model", type=Path, help="a model's folder (default: the one in use)")
    parser.add_argument("--name", help="what the page calls the data (default: the folder's name)")


def run(given: argparse.Namespace, *, active: Callable[[], Path], folder: Path) -> int:
    """0 done, 1 stopped; InvalidData and InvalidModel pass through."""
    model = load_model(given.model or active())
    table = read_isic(given.data, without_unknown=True).table
    name = given.name or given.data.resolve().name
    with tqdm(total=len(table), desc="photos", unit="photo", file=sys.stderr) as bar:
        made = build(model, table, name=name, progress=bar.update)
    path = folder / f"{name}-{model.sha256[:8]}.safetensors"
    made.save(path)
    share = made.agreement.get("share")
    said = f" Of the five nearest of a lesion {share:.0%} share its diagnosis." if share else ""
    print(f"{len(made.cases)} lesions of {name}, for model {model.version}: {path}.{said}")
    return 0


def build(
    model: Model,
    table: pd.DataFrame,
    *,
    name: str,
    progress: Callable[[int], object] = lambda count: None,
) -> Index:
    """The index of a manifest's lesions; photos that cannot be read are left out.

    InvalidData if none can be read.
    """
    with Decoder() as decoder:
        pooled = _features(model, [Path(path) for path in table["path"]], decoder, progress)
    return of_features(model, table, pooled, name=name)


def of_features(
    model: Model, table: pd.DataFrame, pooled: Mapping[str, Tensor], *, name: str
) -> Index:
    """The index from pooled features (F,) by the photos' paths."""
    table = table[table["path"].isin(list(pooled))].reset_index(drop=True)
    if table.empty:
        raise InvalidData(["None of the photos can be read."])
    every = torch.stack([pooled[path] for path in table["path"]])
    rows = neighbours.directions(model, every).numpy()
    lesions = table.groupby("lesion", sort=False).indices
    cases = [
        Case(str(lesion), table["diagnosis"][places[0]], table["path"][places[0]])
        for lesion, places in lesions.items()
    ]
    vectors = np.stack([neighbours.mean(rows[places]) for places in lesions.values()])
    index = Index(name, model.sha256, tuple(cases), vectors)
    met = seen(table, model.card)
    if met is None:
        return index
    measured = neighbours.agreement(index, set(table["lesion"][~met]))
    return replace(index, agreement={"how": HOW, **measured})


def _features(
    model: Model, paths: list[Path], decoder: Decoder, progress: Callable[[int], object]
) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    stream = read_ahead(paths, decoder)
    while batch := list(itertools.islice(stream, BATCH)):
        read = [(path, photo) for path, photo in batch if isinstance(photo, Photo)]
        if read:
            rows, _ = neighbours.photo_features(model, [photo.picture for _, photo in read])
            found |= {str(path): row for (path, _), row in zip(read, rows, strict=True)}
        progress(len(batch))
    return found

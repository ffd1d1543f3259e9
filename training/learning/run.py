"""One run, from a data folder to a trained network in a run folder."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import nan
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from skinmodel.diagnoses import CODES, MALIGNANT
from skinmodel.images import read_photo
from skinmodel.network import CnnLstm
from training.data.manifest import InvalidData, Manifest, read_isic
from training.data.splits import Split, assign, lacking
from training.learning.batches import Lesions
from training.learning.checkpoint import load_tensors, restore_module, write_atomically
from training.learning.config import InvalidConfig, TrainConfig, read_object
from training.learning.dataset import Cache, Features, open_cache
from training.learning.features import open_features
from training.learning.loop import Log, fit
from training.learning.origin import check_start, fill
from training.learning.ranks import ALONE, Ranks
from training.learning.source import finished
from training.learning.teachers import hired
from training.runs.folder import CONFIG, LAST, MANIFEST
from training.twins import LEFT_OUT, without_twins


@dataclass(frozen=True)
class Run:
    """A run folder opened: its settings, its table of photos with their splits, their pixels.

    The table's index numbers the photos in the cache; photos left out have no row.
    """

    folder: Path
    config: TrainConfig
    table: pd.DataFrame
    cache: Cache
    notes: tuple[str, ...]

    def lesions(self, split: Split) -> Lesions:
        """The lesions of one split; photos are cache indices in the manifest's order."""
        part = self.table[self.table["split"] == split]
        grouped = part.groupby("lesion", sort=True)
        photos = tuple(tuple(int(i) for i in group.index) for _, group in grouped)
        days = tuple(tuple(map(_day, group["day"])) for _, group in grouped)
        codes = [group["diagnosis"].iloc[0] for _, group in grouped]
        return Lesions(photos, tuple(label_of(c, self.config.model.task) for c in codes), days)


def _day(text: str) -> float:
    return float(text) if text else nan


def label_of(code: str, task: str) -> int:
    """The class index of a diagnosis: its place among the eight, or malignant (1) or not (0)."""
    index = CODES.index(code)
    return int(index in MALIGNANT) if task == "binary" else index


def open_run(
    *,
    data: Path,
    folder: Path,
    config: TrainConfig,
    cache: Path,
    progress: Callable[[int, int], None],
    ranks: Ranks = ALONE,
) -> Run:
    """`open_table` for a folder in ISIC 2019's layout."""
    return open_table(
        read_isic(data), folder=folder, config=config, cache=cache, progress=progress, ranks=ranks
    )


def open_table(
    manifest: Manifest,
    *,
    folder: Path,
    config: TrainConfig,
    cache: Path,
    progress: Callable[[int, int], None],
    ranks: Ranks = ALONE,
) -> Run:
    """A new run folder for these photos, or the same one again; InvalidConfig if it is another's.

    Only one process writes in the folder, and a finished run's settings stay as they were written.

    Lesions photographed on several known days make the network read the days. A training photo that
    a lesion kept apart holds, too, is left out.
    """
    dated = manifest.table[manifest.table["day"] != ""]
    if dated.groupby("lesion")["day"].nunique().gt(1).any():
        config = replace(config, model=replace(config.model, uses_days=True))
    folder.mkdir(parents=True, exist_ok=True)
    saved = folder / CONFIG
    if saved.exists() and saved_config(folder) != config:
        raise InvalidConfig(f"{folder} holds a run with other settings; choose another folder.")
    table = assign(manifest.table)
    _check_sides(table, config)
    pixels = open_cache(
        list(table["path"]),
        read=lambda data: read_photo(data).picture,
        preparation=config.preparation,
        folder=cache,
        progress=progress,
    )
    table, notes = without_twins(table, pixels.__getitem__, folder / MANIFEST)
    used = table[table["split"] != LEFT_OUT]
    _check_sides(used, config)
    if ranks.writes:
        write_atomically(folder / MANIFEST, table.to_csv(index=False))
    if ranks.writes and not saved.exists():
        write_atomically(saved, json.dumps(config.to_dict(), indent=1))
    return Run(folder, config, used, pixels, (*manifest.notes, *notes))


def _check_sides(table: pd.DataFrame, config: TrainConfig) -> None:
    """InvalidData if the lesions on the four sides cannot be learned from."""
    if problems := lacking(table, binary=config.model.task == "binary"):
        raise InvalidData(problems)


def saved_config(folder: Path) -> TrainConfig:
    """The settings a run folder holds; InvalidConfig where they cannot be used.

    Of a finished run those that this version does not know are passed over: nothing is learned
    any more, and a card shows them as they were written.
    """
    values = read_object(folder / CONFIG)
    if finished(folder):
        known = {one.name for one in fields(TrainConfig)}
        values = {name: value for name, value in values.items() if name in known}
    return TrainConfig.from_dict(values)


def new_network(
    config: TrainConfig, init: Path | None, device: torch.device, log: Log = lambda _: None
) -> CnnLstm:
    """A network to start from: random weights of the seed, and what `init` has in their place."""
    torch.manual_seed(config.seed)
    network = CnnLstm(config.model)
    if init:
        log({"stage": "start", "from": init.name, "parts": fill(network, init)})
    return network.to(device)


def train(
    run: Run,
    *,
    init: Path | None,
    teachers: Sequence[Path] = (),
    log: Log,
    stop: Callable[[], bool],
    ranks: Ranks = ALONE,
) -> bool:
    """Train the run to its end, or go on with it; False if it was stopped before.

    InvalidConfig if there is nothing to start from that the settings need, or a teacher won't do.
    """
    if finished(run.folder):  # its checkpoint may be of an older form
        return True
    check_start(run.config, init)
    taught_by = hired(teachers, run.config, ranks.device)
    network = new_network(run.config, init, ranks.device, log)
    if (run.folder / LAST).exists():  # the features, too, are those of the run's own backbone
        restore_module("network", network, load_tensors(run.folder / LAST)[0])
    source = source_for(run, network, log=log, stop=stop, ranks=ranks)
    if source is None:
        return False
    return fit(
        config=run.config,
        network=network,
        source=source,
        train=run.lesions("train"),
        validation=run.lesions("validation"),
        run=run.folder,
        log=log,
        stop=stop,
        ranks=ranks,
        teachers=taught_by,
    )


def source_for(
    run: Run,
    network: CnnLstm,
    *,
    log: Log,
    stop: Callable[[], bool],
    ranks: Ranks = ALONE,
) -> Cache | Features | None:
    """What the network learns from: pixels, or its features where only the head learns.

    None if stopped while they were computed. The locked test lesions have no features here.
    """
    if run.config.learns == "all":
        return run.cache
    free = assign(run.table)["split"] != "test"  # whatever side a fold gives them
    photos = [int(i) for i in run.table.index[free]]
    folder = run.cache.stem.parent / "features"
    return open_features(
        network, run.cache, photos, run.config, folder=folder, log=log, stop=stop, ranks=ranks
    )


def counts(table: pd.DataFrame) -> Mapping[str, Any]:
    """Photos and lesions per split and diagnosis."""
    return {
        str(split): {
            "photos": len(part),
            "lesions": int(part["lesion"].nunique()),
            "photos_per_diagnosis": {c: int((part["diagnosis"] == c).sum()) for c in CODES},
        }
        for split, part in table.groupby("split")
    }

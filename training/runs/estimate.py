"""What a run will take, from a very short one on a few of its photos.

`python -m training.runs.estimate` is a process of its own, with the trainer's priority and threads.
The request comes as JSON on standard input; how far it is and the estimate go to standard output,
as lines of JSON.
"""

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import torch
from safetensors.torch import save_file

from skinmodel.images import read_photo
from skinmodel.network import CnnLstm
from training.runs import process
from training.learning.config import InvalidConfig, TrainConfig, TrainingFailed
from training.learning.dataset import open_cache
from training.data.datasets import combined, data_sets
from training.data.manifest import InvalidData
from training.runs.request import Places, Request
from training.measuring.robustness import MOST, SHORT
from training.learning.run import Run, train
from training.data.splits import assign, lacking

Progress = Callable[[float, str], None]
LEAST = 48  # photos that are tried
DRAWN = 250  # pictures that are no lesion, which a candidate is shown
CHECKPOINTS = 6  # times the weights: two sets of them, the optimizer's, the average, one in writing


@dataclass(frozen=True)
class Estimate:
    """Seconds of work, and bytes of memory and disk: needed, and there now."""

    seconds: float
    memory: int
    memory_free: int
    disk: int
    disk_free: int

    def problems(self) -> list[str]:
        """What stands in the way, a sentence each."""
        found = []
        if self.memory > self.memory_free:
            found.append(
                f"The server has {_gigabytes(self.memory_free)} of memory free, and this run needs"
                f" {_gigabytes(self.memory)}. A smaller batch or smaller photos need less."
            )
        if self.disk > self.disk_free:
            found.append(
                f"The disk has {_gigabytes(self.disk_free)} free, and this run needs"
                f" {_gigabytes(self.disk)}."
            )
        return found

    def sentence(self) -> str:
        """All of it in words."""
        return (
            f"About {_duration(self.seconds)} on this server as busy as it is now,"
            f" {_gigabytes(self.memory)} of memory ({_gigabytes(self.memory_free)} free) and"
            f" {_gigabytes(self.disk)} of disk ({_gigabytes(self.disk_free)} free)."
        )


def estimate(request: Request, places: Places, progress: Progress = lambda *_: None) -> Estimate:
    """Trains an epoch on a few photos, and multiplies; InvalidConfig or InvalidData as the run.

    `progress` hears which share of the work is done, and what is done next.
    """
    progress(0.1, "Looking at the data")
    there = {one.id: one for one in data_sets(places.data_sets)}
    manifest = combined([there[name] for name in request.data if name in there])
    table = assign(manifest.table)
    init = request.init(places, fetch=False)
    config = request.config(init)
    if problems := lacking(table, binary=config.model.task == "binary"):
        raise InvalidData(problems)
    with tempfile.TemporaryDirectory(dir=_made(places.data_dir)) as name:
        if init and not init.exists():  # not fetched yet; any weights take as long
            init = Path(name) / init.name
            save_file(CnnLstm(config.model).backbone.state_dict(), init)
        tried = _try(_few(table, config), config, init, Path(name), progress)
    photos = {split: int((table["split"] == split).sum()) for split in set(table["split"])}
    return Estimate(
        seconds=_seconds(photos, request, config, tried),
        memory=tried.memory,
        memory_free=psutil.virtual_memory().available,
        disk=_disk(len(table), config, tried),
        disk_free=shutil.disk_usage(places.data_dir).free,
    )


@dataclass(frozen=True)
class _Tried:
    """Seconds a photo takes to be read, as features, and in an epoch; and what it takes up."""

    reading: float
    features: float
    epoch: float
    pixels: float
    feature: int
    weights: int
    memory: int


def _few(table: pd.DataFrame, config: TrainConfig) -> pd.DataFrame:
    """Whole lesions with two batches of photos, or as many as there are, of each diagnosis one."""
    free = table[table["split"].isin(["train", "validation"])]
    wanted = max(LEAST, 2 * config.batch)
    lesions = free.drop_duplicates("lesion").sample(frac=1, random_state=0)
    one_of_each = ~lesions["diagnosis"].duplicated()
    lesions = pd.concat([lesions[one_of_each], lesions[~one_of_each]])["lesion"]
    counts = free["lesion"].value_counts()[lesions].cumsum()
    chosen = counts.index[: max(int(one_of_each.sum()), 1 + int((counts < wanted).sum()))]
    few = free[free["lesion"].isin(chosen)].reset_index(drop=True)
    return few.assign(split="train")


def _try(
    few: pd.DataFrame, config: TrainConfig, init: Path | None, folder: Path, progress: Progress
) -> _Tried:
    """One epoch on a few photos, in a folder that is thrown away."""
    progress(0.2, f"Reading {len(few)} of the photos")
    begun = time.perf_counter()
    cache = open_cache(
        list(few["path"]), read=lambda data: read_photo(data).picture,
        preparation=config.preparation, folder=folder / "cache",
    )  # fmt: skip
    reading = (time.perf_counter() - begun) / len(few)
    short = replace(config, epochs=1, sizes=((1.0, max(side for _, side in config.sizes)),))
    both = pd.concat([few, few[:8].assign(split="validation")])
    run = Run(folder, short, both, cache, ())
    progress(0.4, f"Training for a moment on {len(few)} photos")
    lines: list[tuple[float, dict[str, Any]]] = []
    begun = time.perf_counter()
    train(
        run, init=init, log=lambda line: lines.append((time.perf_counter(), line)),
        stop=lambda: False,
    )  # fmt: skip
    stages = {line["stage"]: (at, line) for at, line in lines}
    features = 0.0
    if "features" in stages:
        features = (stages["features"][0] - begun) / stages["features"][1]["total"]
    tensors = (folder / "best.safetensors").stat().st_size
    rows = [path.stat().st_size for path in (folder / "features").glob("*/*.npy")]
    return _Tried(
        reading=reading,
        features=features,
        epoch=1 / stages["epoch"][1]["images_per_second"],
        pixels=cache.pixels.nbytes / len(few),
        feature=sum(rows) // (len(few) * config.views) if rows else 0,
        weights=tensors,
        memory=process.most_memory(),
    )


def _seconds(
    photos: Mapping[str, int], request: Request, config: TrainConfig, tried: _Tried
) -> float:
    """Reading, features, epochs, and the measuring of the candidate."""
    free = sum(count for split, count in photos.items() if split != "test")
    total = sum(photos.values()) * tried.reading
    total += free * config.views * tried.features
    rounds = {"fit": 1, "cross-validate": request.folds, "tune": request.trials}[request.kind]
    total += rounds * config.epochs * photos.get("train", 0) * tried.epoch
    if request.kind == "fit":
        forward = (tried.features or tried.epoch / 3) * (
            1 if tried.features else config.model.views
        )
        test = photos.get("test", 0)
        changed = min(MOST, test) * (1 + len(SHORT)) + DRAWN
        seen = test + photos.get("calibration", 0) + photos.get("train", 0)
        total += forward * (seen + changed)
    return total


def _disk(photos: int, config: TrainConfig, tried: _Tried) -> int:
    """The cache, the features, the checkpoints and the candidate."""
    features = photos * config.views * tried.feature if config.learns == "head" else 0
    return math.ceil(photos * tried.pixels + features + CHECKPOINTS * tried.weights)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return "a minute"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 2 * 86400 else f"{seconds / 86400:.0f} days"


def main() -> int:
    """Print the estimate, or the reason why there is none; 0 or 2."""
    parser = argparse.ArgumentParser(prog="python -m training.runs.estimate", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--bundled", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    process.step_back()
    torch.set_num_threads(given.threads)
    request = Request.from_dict(json.loads(sys.stdin.read()))

    def told(share: float, text: str) -> None:
        print(json.dumps({"at": [share, text]}), flush=True)

    try:
        places = Places(given.data_dir, given.bundled)
        found: dict[str, Any] = asdict(estimate(request, places, told))
    except (InvalidConfig, InvalidData, TrainingFailed) as error:
        found = {"problem": str(error)}
    print(json.dumps(found))
    return 2 if "problem" in found else 0


if __name__ == "__main__":
    sys.exit(main())

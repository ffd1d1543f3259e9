"""Analyses while a training run goes on, against the same analyses without it.

The run is a real one, of a whole network on drawn lesions, as the worker starts it: with the lowest
priority and half of the cores. It is held and let go by turns, in an order drawn anew, so that
whatever else the machine does meets both alike.
"""

import datetime
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.diagnose import a_model, upload
from skinmodel.analysis import SeriesPhoto, analyse
from skinmodel.diagnoses import CODES
from skinmodel.drawn import draw_lesion
from skinmodel.images import read_photo
from training.data.datasets import write_data_set
from training.data.manifest import COLUMNS
from training.data.splits import split_of
from training.runs.folder import LOG, read_progress, write_request
from training.runs.process import half_the_cores
from training.runs.request import NOTHING, Places, Request

LIMIT = 2.0  # times an idle machine's 95th percentile
EACH = {"train": 2, "validation": 1, "calibration": 1, "test": 1}  # lesions of a diagnosis
READY = 600.0  # seconds until the run learns
ROOT = Path(__file__).parents[1]


def measure(
    rounds: int = 8, analyses: int = 10, *, backbone: str = "mobilenet_v2"
) -> dict[str, float]:
    """Seconds of the 95th percentile, `alone` and `beside` a run, and their `ratio`."""
    model = a_model()
    photo = read_photo(upload(0))
    series = [SeriesPhoto(photo.picture, photo.sha256, "photo.jpg", photo.taken_on)]
    taken: dict[str, list[float]] = {"alone": [], "beside": []}
    with tempfile.TemporaryDirectory() as folder, _run(Path(folder), backbone) as trainer:
        told = {"alone": signal.SIGSTOP, "beside": signal.SIGCONT}
        order, chance = list(told), random.Random(0)
        for turn in range(1 + rounds):
            chance.shuffle(order)
            for arm in order:
                os.kill(trainer.pid, told[arm])
                for _ in range(analyses if turn else 2):  # the first ones warm up
                    begun = time.perf_counter()
                    analyse(model, series)
                    if turn:
                        taken[arm].append(time.perf_counter() - begun)
        if trainer.poll() is not None:
            raise RuntimeError("The run ended before its time.")
    found = {arm: float(np.percentile(seconds, 95)) for arm, seconds in taken.items()}
    return found | {"ratio": found["beside"] / found["alone"]}


@contextmanager
def _run(folder: Path, backbone: str) -> Iterator[subprocess.Popen[bytes]]:
    """A trainer that learns, until the context is left."""
    places = Places(folder, folder / "none")
    _draw(places.data_sets / "drawn")
    model = {"backbone": backbone} | ({"filters": [8, 16]} if backbone == "conv" else {})
    settings = {"learns": "all", "epochs": 10_000, "model": model}
    request = Request("fit", ("drawn",), start=NOTHING, settings=settings)
    run = places.run("a-run")
    write_request(run, request.to_dict())
    command = [
        sys.executable, "-m", "training.jobs", str(run), "--data-dir", str(places.data_dir),
        "--bundled", str(places.bundled), "--threads", str(half_the_cores()),
    ]  # fmt: skip
    with (run / LOG).open("wb") as log:
        trainer = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        until = time.monotonic() + READY
        while read_progress(run).stage != "epoch":
            if trainer.poll() is not None or time.monotonic() > until:
                said = (run / LOG).read_text(errors="replace")
                raise RuntimeError(f"The run did not begin to learn in {READY:g} s. {said}")
            time.sleep(0.1)
        yield trainer
    finally:
        trainer.kill()
        trainer.wait()


def _draw(folder: Path) -> None:
    """Drawn lesions as a data set; what they are called means nothing."""
    folder.mkdir(parents=True)
    rows = []
    for code in CODES:
        wanted, number = dict(EACH), 0
        while any(wanted.values()):
            number += 1
            lesion = f"{code}-{number}"
            if wanted[split_of(lesion)]:
                wanted[split_of(lesion)] -= 1
                path = folder / f"{lesion}.jpg"
                draw_lesion(len(rows), size=(300, 225)).save(path)
                rows.append(
                    {"image": lesion, "path": path.name, "diagnosis": code, "lesion": lesion}
                )
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS), fill_value="")
    write_data_set(
        folder, table, name="Drawn", kind="folder", created_on=datetime.date(2025, 3, 12)
    )

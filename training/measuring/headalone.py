"""What training the head alone saves and costs, against the whole network on the same lesions.

Both start from the same weights of a backbone that has met none of the lesions. Times are the
processor's own, so that what else the machine does is not counted.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skinmodel.bundle import Model
from skinmodel.network import for_use
from training.learning.batches import Lesions
from training.learning.checkpoint import load_tensors
from training.learning.features import open_features
from training.learning.loop import fit
from training.learning.run import Run, new_network
from training.measuring.candidate import as_saved, training_mix
from training.measuring.cases import Cases, score_cases
from training.measuring.evaluate import report
from training.measuring.numbers import calibrate
from training.measuring.paired import differences
from training.runs.folder import BEST

EPOCHS = 12
FEW, MANY = 64, 256  # photos of the two trials that a step of the whole network is timed by
WANTED = 1 / 20  # of the whole network's time
SHOWN = ("balanced_accuracy", "macro_auroc", "log_loss")


def head_alone(model: Model, run: Run, init: Path, test: Cases) -> dict[str, Any]:
    """Trains a head on features of `init`, and measures it beside the model that scored `test`.

    Each photo is seen from one side and as it is: what a head learns in the least time. Whoever
    taught the model takes no part, so no photos are mixed.
    """
    shape = replace(run.config.model, views=1)
    config = replace(run.config, learns="head", views=1, epochs=EPOCHS, mixing=0.0, model=shape)
    network = new_network(config, init, torch.device("cpu"))
    sides = run.lesions("train"), run.lesions("validation")
    photos = [photo for side in sides for lesion in side.photos for photo in lesion]
    began = time.process_time()
    source = open_features(network, run.cache, photos, config, folder=run.folder / "features")
    assert source  # nobody stops it
    features = time.process_time() - began
    fit(
        config=config, network=network, source=source, train=sides[0], validation=sides[1],
        run=_made(run.folder / "head"), log=lambda _: None,
    )  # fmt: skip
    seconds = time.process_time() - began
    network.load_state_dict(load_tensors(run.folder / "head" / BEST)[0])
    as_saved(network)
    ready = for_use(network)
    kept_apart = score_cases(ready, run, "calibration")
    calibration = calibrate(kept_apart, prior_training=training_mix(run))
    found = score_cases(ready, run, "test")
    epochs = len(model.card["training"]["history"])
    whole = _seconds_a_photo(run, init) * sides[0].count * epochs
    ours, theirs = report(found.photos, calibration), report(test.photos, model.calibration)
    apart = differences((found.photos, calibration), (test.photos, model.calibration))
    return {
        "how": f"The LSTM and the dense layers alone, trained for {EPOCHS} epochs on features of "
        "every photo as it is, seen from one side, beside this model's whole network; single test "
        "photos. Processor seconds; the whole network's from a trial of a few steps, times the "
        "photos of its epochs. minus_whole: head alone minus whole network, both resampled by "
        "lesion.",
        "started_from": init.name,
        "epochs": EPOCHS,
        "whole_epochs": epochs,
        "seconds_features": round(features, 1),
        "seconds": round(seconds, 1),
        "whole_seconds": round(whole, 1),
        "share_of_time": round(seconds / whole, 4),
        "wanted_share": WANTED,
        "head": {name: ours[name] for name in SHOWN},
        "whole": {name: theirs[name] for name in SHOWN},
        "minus_whole": {name: apart[name] for name in SHOWN},
    }


def _seconds_a_photo(run: Run, init: Path) -> float:
    """Processor seconds of the whole network's training for a photo, without what starts it."""
    config = replace(run.config, learns="all", epochs=1, mixing=0.0)
    spent = []
    for photos in (FEW, MANY):
        part = _few(run.lesions("train"), photos)
        network = new_network(config, init, torch.device("cpu"))
        began = time.process_time()
        fit(
            config=config, network=network, source=run.cache, train=part,
            validation=_few(run.lesions("validation"), 1),
            run=_made(run.folder / f"trial-{photos}"), log=lambda _: None,
        )  # fmt: skip
        spent.append((part.count, time.process_time() - began))
    (few, short), (many, long) = spent
    return max(long - short, 1e-9) / max(many - few, 1)


def _few(lesions: Lesions, photos: int) -> Lesions:
    """Whole lesions with so many photos or a few more, each diagnosis among them."""
    order = np.random.default_rng(0).permutation(len(lesions.labels))
    labels = np.array(lesions.labels)[order]
    _, first = np.unique(labels, return_index=True)
    order = np.concatenate([order[first], np.delete(order, first)])
    counts = np.cumsum([len(lesions.photos[i]) for i in order])
    chosen = order[: max(len(first), 1 + int((counts < photos).sum()))]
    return Lesions(
        tuple(lesions.photos[i] for i in chosen),
        tuple(lesions.labels[i] for i in chosen),
        tuple(lesions.days[i] for i in chosen),
    )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder

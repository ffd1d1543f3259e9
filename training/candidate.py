"""From a finished run to a candidate: calibrate, open the test lesions once, write the card."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version as installed
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from skinmodel.bundle import save_model
from skinmodel.calibration import Calibration, fit_temperature
from skinmodel.diagnoses import CODES
from skinmodel.network import CnnLstm
from training.batches import Lesions
from training.checkpoint import load_tensors
from training.dataset import Pixels
from training.evaluate import Scored, report
from training.loop import BEST, HISTORY
from training.refusal import unknown_of
from training.run import Run, counts
from training.scoring import head_logits, photo_features
from training.seen import SEEN, fingerprints
from training.series import several_photos

INTENDED_USE = "Decision support for clinicians, research use. Not a diagnosis."
NOT_FOR = (
    "Deciding by itself, or sending anybody home: a low probability does not exclude malignancy.",
    "Photos that are not dermoscopic close-ups of one lesion.",
)


def make_candidate(
    run: Run, folder: Path, *, version: str, about: Mapping[str, Any], command: str
) -> Path:
    """Calibrates and measures the run's best weights and saves them as a model in `folder`.

    `about` holds what only a person knows of the data: its name, source, licence and limits.
    FileExistsError if the folder is there, ValueError if the run has no weights yet.
    """
    tensors, best = load_tensors(run.folder / BEST)
    network = CnnLstm(run.config.model)
    network.load_state_dict(tensors)
    network.eval().requires_grad_(False)
    as_saved(network)

    prior = _training_mix(run)
    kept_apart = _score_photos(network, run, "calibration")
    calibration = fit_temperature(kept_apart.logits, kept_apart.labels, prior_training=prior)
    rest = {
        "created_on": datetime.now(UTC).date().isoformat(),
        "uses_days": run.config.model.uses_days,
        "intended_use": INTENDED_USE,
        "not_for": list(NOT_FOR),
        **about,
        "splits": counts(run.table),
        SEEN: fingerprints(run.table),
        "numbers": test_numbers(network, run, calibration),
        "training": {
            "command": command,
            "commit": _commit(),
            "settings": run.config.to_dict(),
            "best_epoch": best["epoch"],
            "notes": list(run.notes),
            "history": [
                json.loads(line) for line in (run.folder / HISTORY).read_text().splitlines()
            ],
            "versions": {name: installed(name) for name in ("torch", "torchvision", "pillow")},
        },
    }
    return save_model(
        folder, network, version=version, preparation=run.config.preparation,
        calibration=calibration, unknown=unknown_of(network, run), rest=rest,
    )  # fmt: skip


def as_saved(network: CnnLstm) -> None:
    """Round the weights to float16, in place: what is measured is what is shipped."""
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.half())


def test_numbers(network: CnnLstm, run: Run, calibration: Calibration) -> dict[str, Any]:
    """Single photos, series, photos that came by another route, and the LSTM against a mean."""
    lesions = run.lesions("test")
    indices = [photo for photos in lesions.photos for photo in photos]
    pooled = photo_features(network, run.cache.__getitem__, indices, run.config.preparation)
    rows = _rows(lesions)
    alone = head_logits(network, pooled, [[row] for series in rows for row in series])
    owner = np.repeat(np.arange(len(rows)), [len(series) for series in rows])
    labels = np.array(lesions.labels)
    photos = Scored(alone, labels[owner], owner)
    in_time = head_logits(network, pooled, rows, lesions.days)
    series = Scored(in_time, labels, np.arange(len(rows)))

    other = photo_features(
        network, lambda i: by_another_route(run.cache[i]), indices, run.config.preparation
    )
    elsewhere = Scored(
        head_logits(network, other, [[i] for i in range(len(indices))]), photos.labels, owner
    )

    return {
        "how": "Test lesions, which took no part in training, selection or calibration. Values are "
        "[value, low, high] with 95 % bootstrap intervals over lesions. Ranking under a balanced "
        "mix; log loss and calibration error of the shown probabilities, at the training mix.",
        "single_photos": report(photos, calibration),
        "series": report(series, calibration),
        "photos_by_another_route": {
            "how": "The same photos enlarged to a short side of 450 px (Lanczos), as JPEG, q 90.",
            "same_top_diagnosis": round(
                float((alone.argmax(1) == elsewhere.logits.argmax(1)).mean()), 4
            ),
            **{
                k: v
                for k, v in report(elsewhere, calibration).items()
                if k in ("balanced_accuracy", "macro_auroc")
            },
        },
        "several_photos": several_photos(
            network, pooled, rows, lesions.days, labels, calibration=calibration
        ),
    }


def by_another_route(pixels: Pixels) -> Pixels:
    """A photo as an upload would bring it: larger, and stored as JPEG once more."""
    picture = Image.fromarray(pixels)
    scale = 450 / min(picture.size)
    size = round(picture.width * scale), round(picture.height * scale)
    stored = BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(stored, "JPEG", quality=90)
    return np.asarray(Image.open(stored).convert("RGB"))


def _score_photos(network: CnnLstm, run: Run, split: Any) -> Scored:
    lesions = run.lesions(split)
    indices = [photo for photos in lesions.photos for photo in photos]
    pooled = photo_features(network, run.cache.__getitem__, indices, run.config.preparation)
    owner = np.repeat(np.arange(len(lesions.photos)), [len(p) for p in lesions.photos])
    logits = head_logits(network, pooled, [[i] for i in range(len(indices))])
    return Scored(logits, np.array(lesions.labels)[owner], owner)


def _rows(lesions: Lesions) -> list[list[int]]:
    """For each lesion the rows of its photos when all photos stand one after another."""
    ends = np.cumsum([len(photos) for photos in lesions.photos])
    return [
        list(range(end - len(p), end)) for end, p in zip(ends.tolist(), lesions.photos, strict=True)
    ]


def _training_mix(run: Run) -> Sequence[float]:
    """The eight diagnoses' shares of the training photos."""
    part = run.table.loc[run.table["split"] == "train", "diagnosis"]
    return [float((part == code).mean()) for code in CODES]


def _commit() -> str | None:
    """The code's commit, where it is run from a checkout."""
    try:
        result = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()

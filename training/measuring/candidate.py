"""From a finished run to a candidate: calibrate, open the test lesions once, write the card."""

import copy
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import torch

from skinmodel.bundle import save_model
from skinmodel.diagnoses import CODES
from skinmodel.golden import GOLDEN, answers, golden_bytes
from skinmodel.network import CnnLstm, for_use
from skinmodel.unknown import THRESHOLD, Unknown
from training.data.seen import SEEN, fingerprints
from training.learning.checkpoint import load_tensors
from training.learning.config import read_object
from training.learning.origin import met_before
from training.learning.run import Run, counts
from training.measuring import robustness
from training.measuring.cases import Cases, score_cases
from training.measuring.leaveout import LEFT_OUT
from training.measuring.numbers import calibrate, measured, with_tests
from training.measuring.refusal import measure_unknown, unknown_of
from training.measuring.weighing import weigh_course
from training.runs.folder import BEST, CONFIG, HISTORY

STEPS = 7  # of the measuring, as progress counts them
INTENDED_USE = "Decision support for clinicians, research use. Not a diagnosis."
NOT_FOR = (
    "Deciding by itself, or sending anybody home: a low probability does not exclude malignancy.",
    "Photos that are not dermoscopic close-ups of one lesion.",
)


def make_candidate(
    run: Run,
    folder: Path,
    *,
    version: str,
    about: Mapping[str, Any],
    command: str,
    init: Path | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Path:
    """Weighs, calibrates and measures the run's best weights and saves them as a model in `folder`.

    `about` holds what only a person knows of the data: its name, source, licence and limits; `init`
    is what the run started from. FileExistsError if the folder is there, ValueError if the run has
    no weights yet.
    """
    tensors, best = load_tensors(run.folder / BEST)
    network = CnnLstm(run.config.model)
    network.load_state_dict(tensors)
    network.eval().requires_grad_(False)
    ready = for_use(copy.deepcopy(network))  # as the clinic runs it, and a third faster

    steps = iter(range(STEPS + 1))
    progress(next(steps), STEPS)
    validation = score_cases(ready, run, "validation")
    weigh_course(ready, validation, prior_training=training_mix(run))
    network.course.data.copy_(ready.course)
    as_saved(network)
    ready = for_use(copy.deepcopy(network))
    progress(next(steps), STEPS)
    kept_apart = score_cases(ready, run, "calibration")
    progress(next(steps), STEPS)
    test = score_cases(ready, run, "test")
    progress(next(steps), STEPS)
    calibration = calibrate(kept_apart, prior_training=training_mix(run))
    unknown = unknown_of(ready, run, kept_apart)
    progress(next(steps), STEPS)
    test = with_refusals(test, unknown)
    calibration = with_tests(calibration, test)
    numbers = measured(ready, run, calibration, test=test, kept_apart=kept_apart)
    progress(next(steps), STEPS)
    left_out = run.folder / LEFT_OUT
    numbers["unknown"] = measure_unknown(ready, run, unknown, test) | {
        "left_out": read_object(left_out) if left_out.exists() else None
    }
    progress(next(steps), STEPS)
    numbers |= {"robustness": robustness.for_card(ready, run, calibration)}
    progress(next(steps), STEPS)
    before, notes = met_before(run.folder, init)
    golden = golden_bytes(answers(ready, run.config.preparation, calibration, unknown))
    rest = {
        "created_on": datetime.now(UTC).date().isoformat(),
        "uses_days": run.config.model.uses_days,
        "intended_use": INTENDED_USE,
        "not_for": list(NOT_FOR),
        **about,
        "splits": counts(run.table),
        SEEN: fingerprints(run.table, *before),
        "numbers": numbers,
        "training": {
            "command": command,
            "commit": commit(),
            "settings": read_object(run.folder / CONFIG),
            "best_epoch": best["epoch"],
            "notes": [*run.notes, *notes],
            "history": [
                json.loads(line) for line in (run.folder / HISTORY).read_text().splitlines()
            ],
            "versions": {name: installed(name) for name in ("torch", "torchvision", "pillow")},
        },
    }
    return save_model(
        folder, network, version=version, preparation=run.config.preparation,
        calibration=calibration, unknown=unknown, rest=rest, beside={GOLDEN: golden},
    )  # fmt: skip


def with_refusals(test: Cases, unknown: Unknown) -> Cases:
    """The test lesions with which of their photos count as none of the eight."""
    return replace(test, refused=unknown.scores(test.pooled, test.early) > THRESHOLD)


def as_saved(network: CnnLstm) -> None:
    """Round the weights to float16, in place: what is measured is what is shipped."""
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.half())


def training_mix(run: Run) -> list[float]:
    """The eight diagnoses' shares of the training lesions."""
    part = run.table[run.table["split"] == "train"].drop_duplicates("lesion")
    return [float((part["diagnosis"] == code).mean()) for code in CODES]


def commit() -> str | None:
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

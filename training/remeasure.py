"""`python -m training remeasure`: a card's numbers anew, as the program measures them today.

Weights, scaling, sets, alert line and unknown score stay what they are. It takes the photos that
the model was made from, and more of them for robustness than a training run has time for.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from skinmodel.bundle import Model, load_model, rewrite_card
from training.data.manifest import InvalidData, Manifest, read_isic
from training.data.seen import BY_CHANCE, seen
from training.learning.config import InvalidConfig, TrainConfig
from training.learning.run import Run, counts, open_table
from training.measuring import robustness
from training.measuring.candidate import commit, with_refusals
from training.measuring.cases import score_cases
from training.measuring.headalone import head_alone
from training.measuring.numbers import measured, with_tests
from training.measuring.refusal import measure_unknown
from training.terminal import show_steps

PARTS = ("numbers", "robustness", "head")
KEPT = ("left_out", "other_pictures")  # of the unknown score, measured elsewhere
PHOTOS = 400  # for robustness
Progress = Callable[[str, int, int], None]


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser(
        "remeasure", help="measure a finished model anew and write its card's numbers"
    )
    parser.add_argument("--model", type=Path, required=True, help="the model's folder")
    parser.add_argument(
        "--data", type=Path, required=True, help="the folder that it was trained on"
    )
    parser.add_argument(
        "--only", choices=PARTS, nargs="+", default=list(PARTS[:2]), help="these parts (default:"
        " numbers and robustness); head: what training the head alone saves and costs"
    )  # fmt: skip
    parser.add_argument(
        "--init", type=Path, help="for head: weights of a backbone that has met none of the lesions"
    )
    parser.add_argument(
        "--photos", type=int, default=PHOTOS, metavar="N",
        help=f"test photos for robustness, one a lesion (default: {PHOTOS})",
    )  # fmt: skip


def run(given: argparse.Namespace, cache: Path) -> int:
    """0 done; InvalidModel, InvalidData and InvalidConfig pass through."""
    if given.photos < 1:
        raise InvalidConfig("--photos must be 1 or more.")
    if "head" in given.only and (given.init is None or given.init.is_dir()):
        raise InvalidConfig("Give --init weights that have met none of the lesions: ImageNet's.")
    with tqdm(file=sys.stderr, delay=0.1) as bar:
        remeasure(
            given.model, read_isic(given.data), cache=cache, parts=given.only,
            photos=given.photos, init=given.init, progress=show_steps(bar),
        )  # fmt: skip
    print(f"The card of {given.model} holds what was measured: {', '.join(given.only)}.")
    return 0


def remeasure(
    folder: Path,
    manifest: Manifest,
    *,
    cache: Path,
    parts: Sequence[str] = PARTS[:2],
    photos: int = PHOTOS,
    init: Path | None = None,
    progress: Progress = lambda *_: None,
) -> None:
    """Measures a model on the test lesions of the photos it was made from, and writes its card.

    `init` is what a head alone starts from. InvalidData if these are other photos, or the model has
    met the test lesions.
    """
    model = load_model(folder)
    numbers = dict(model.card.get("numbers") or {})
    changes: dict[str, Any] = {}
    with reopened(model, manifest, cache=cache, progress=progress) as run:
        if "numbers" in parts:
            found, changes["calibration"] = _numbers(model, run, numbers, progress)
            numbers |= found
        if "robustness" in parts:
            numbers["robustness"] = robustness.for_card(
                model.network, run, model.calibration, most=photos,
                changes=tuple(robustness.CHANGES), progress=lambda *n: progress("changes", *n),
            )  # fmt: skip
        if "head" in parts and init:
            progress("head alone", 0, 2)
            test = score_cases(model.network, run, "test")
            progress("head alone", 1, 2)
            numbers["head_alone"] = head_alone(model, run, init, test)
            progress("head alone", 2, 2)
    before = model.card.get("measured") or {}
    rewrite_card(
        folder, changes | {"numbers": numbers, "measured": before | dict.fromkeys(parts, now())}
    )


def _numbers(
    model: Model, run: Run, before: Mapping[str, Any], progress: Progress
) -> tuple[dict[str, Any], dict[str, Any]]:
    """All but robustness, and the calibration with the counts of its sets and alerts."""
    progress("measuring", 0, 4)
    kept_apart = score_cases(model.network, run, "calibration")
    progress("measuring", 1, 4)
    test = score_cases(model.network, run, "test")
    if model.unknown:
        test = with_refusals(test, model.unknown)
    calibration = with_tests(model.calibration, test)
    progress("measuring", 2, 4)
    numbers = measured(model.network, run, calibration, test=test, kept_apart=kept_apart)
    progress("measuring", 3, 4)
    if model.unknown:
        old = before.get("unknown") or {}
        numbers["unknown"] = measure_unknown(model.network, run, model.unknown, test) | {
            name: old.get(name) for name in KEPT if name in old
        }
    progress("measuring", 4, 4)
    return numbers, calibration.to_dict()


@contextmanager
def reopened(model: Model, manifest: Manifest, *, cache: Path, progress: Progress) -> Iterator[Run]:
    """The photos that a model was made from, as a run of its settings that leaves nothing behind.

    InvalidData if these are other photos, or the model has met the test lesions.
    """
    with tempfile.TemporaryDirectory() as scratch:
        run = open_table(
            manifest,
            folder=Path(scratch),
            config=_settings(model),
            cache=cache,
            progress=lambda *n: progress("decoding", *n),
        )
        _check_sides(run.table, model.card)
        yield run


def now() -> dict[str, Any]:
    """The day and the program's commit, for what a card says was measured."""
    return {"on": datetime.now(UTC).date().isoformat(), "commit": commit()}


def _settings(model: Model) -> TrainConfig:
    """The run's settings as far as measuring needs them; what this version lacks is passed over."""
    training = model.card.get("training") or {}
    known = {one.name for one in fields(TrainConfig)}
    values = {k: v for k, v in (training.get("settings") or {}).items() if k in known}
    shape = {"model": model.config.to_dict(), "preparation": model.preparation.to_dict()}
    return TrainConfig.from_dict(values | shape)


def _check_sides(table: pd.DataFrame, card: Mapping[str, Any]) -> None:
    """InvalidData if the sides kept apart are not those that the model was measured on."""
    # A later version may leave out a training photo that this model still learned from.
    here, there = json.loads(json.dumps(counts(table))), card.get("splits") or {}
    if any(here[side] != there.get(side) for side in ("calibration", "test")):
        raise InvalidData(
            ["These are other photos than the model was made from, so its card's numbers would mix"
             " two data sets. `python -m training evaluate` measures it on these."]
        )  # fmt: skip
    met = seen(test := table[table["split"] == "test"], card)
    if met is None:
        raise InvalidData(["The model's card does not say which lesions it has met."])
    if (known := test["lesion"][met].nunique()) > BY_CHANCE:
        raise InvalidData([f"The model has met {known} of these test lesions."])

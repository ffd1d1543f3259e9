"""`python -m training refit-unknown`: a finished model with its unknown score fitted anew.

The weights, the scaling of the probabilities, the sets and the alert line stay what they are. The
card's numbers that a refusal has a part in are measured anew, all others are the old model's.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from skinmodel.bundle import MODEL_KEYS, load_model, read_network, save_model
from skinmodel.golden import GOLDEN, answers, golden_bytes
from training.data.manifest import Manifest, read_isic
from training.learning.config import InvalidConfig, read_object
from training.measuring.candidate import with_refusals
from training.measuring.cases import score_cases
from training.measuring.numbers import alert_numbers, with_tests
from training.measuring.refusal import measure_unknown, unknown_of
from training.remeasure import KEPT, Progress, now, reopened
from training.terminal import show_steps

STEPS = 4


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser(
        "refit-unknown", help="a finished model with its unknown score fitted anew"
    )
    parser.add_argument("--model", type=Path, required=True, help="the model's folder")
    parser.add_argument(
        "--data", type=Path, required=True, help="the folder that it was trained on"
    )
    parser.add_argument("--out", type=Path, required=True, help="the new model's folder")
    parser.add_argument("--version", required=True, help="the new model's version")
    parser.add_argument("--about", type=Path, help="JSON for the card: data, licence, limits")


def run(given: argparse.Namespace, cache: Path) -> int:
    """0 done; InvalidModel, InvalidData and InvalidConfig pass through."""
    if given.out.exists():
        raise InvalidConfig(f"{given.out} is there already; choose another folder.")
    with tqdm(file=sys.stderr, delay=0.1) as bar:
        refit(
            given.model, given.out, read_isic(given.data), version=given.version, cache=cache,
            about=read_object(given.about) if given.about else {}, progress=show_steps(bar),
        )  # fmt: skip
    found = load_model(given.out).card["numbers"]["unknown"]
    test, skin = found["test"], found["plain_skin"]
    pieces = f", {skin['refused']} of {skin['pictures']} pieces of plain skin" if skin else ""
    print(
        f"Model in {given.out}: {test['lesions_refused']} of {test['lesions']} test lesions are"
        f" refused{pieces}."
    )
    return 0


def refit(
    folder: Path,
    out: Path,
    manifest: Manifest,
    *,
    version: str,
    cache: Path,
    about: Mapping[str, Any],
    progress: Progress = lambda *_: None,
) -> None:
    """Fits the unknown score on the photos that a model was made from; the new model is `out`.

    `about` replaces parts of the card. InvalidData if these are other photos, or the model has met
    the test lesions.
    """
    model = load_model(folder)
    old = dict(model.card.get("numbers") or {})
    with reopened(model, manifest, cache=cache, progress=progress) as run:
        progress("fitting", 0, STEPS)
        kept_apart = score_cases(model.network, run, "calibration")
        progress("fitting", 1, STEPS)
        unknown = unknown_of(model.network, run, kept_apart)
        progress("measuring", 2, STEPS)
        test = with_refusals(score_cases(model.network, run, "test"), unknown)
        progress("measuring", 3, STEPS)
        calibration = with_tests(model.calibration, test)
        numbers = old | {
            "unknown": measure_unknown(model.network, run, unknown, test)
            | _elsewhere(old.get("unknown") or {}, model.version)
        }
        if model.calibration.alert:
            numbers["alert"] = alert_numbers(calibration, test, kept_apart)
        progress("measuring", 4, STEPS)
    measured = {k: v for k, v in (model.card.get("measured") or {}).items() if k != "numbers"}
    rest = {name: value for name, value in model.card.items() if name not in MODEL_KEYS} | {
        **about,
        "numbers": numbers,
        "measured": measured | {"unknown": now() | {"refitted_from": model.version}},
    }
    golden = golden_bytes(answers(model.network, model.preparation, calibration, unknown))
    network, preparation = read_network(folder)
    save_model(
        out, network, version=version, preparation=preparation, calibration=calibration,
        unknown=unknown, rest=rest, beside={GOLDEN: golden},
    )  # fmt: skip


def _elsewhere(before: Mapping[str, Any], version: str) -> dict[str, Any]:
    """What other commands measured of the old model's score, and says so."""
    found = {}
    for name in KEPT:
        if part := before.get(name):
            said = f" Measured with the score of model {version}."
            found[name] = part | {"how": part["how"].removesuffix(said) + said}
    return found

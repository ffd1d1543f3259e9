"""The gate: whether a model may be put to use in the place of another, and if not, why not.

Faults can never be passed over: such a model is broken or was never calibrated. Doubts are about
evidence; two administrators together may pass over them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skinmodel import golden
from skinmodel.bundle import Model, load_model
from skinmodel.weights import InvalidModel
from training.data.manifest import InvalidData
from training.measuring.compared import OTHER, Comparison, find, read

LEAST_MELANOMAS = 100
MARGIN = 0.05  # of melanoma sensitivity that may at most be lost, at 95 % confidence
FLAGS_ALL = (
    "Its alert line flags every lesion: too few malignant lesions were kept apart to draw one."
)
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Verdict:
    """Sentences: `faults` forbid the promotion, `doubts` can be overridden, `facts` are to read."""

    faults: tuple[str, ...]
    doubts: tuple[str, ...]
    facts: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether one administrator may promote the model."""
        return not (self.faults or self.doubts)


def judge(candidate: Path, other: Path, kept: Path) -> Verdict:
    """The verdict on putting a candidate's folder to use in place of another's.

    `kept` holds the comparisons that were asked for.
    """
    try:
        model = load_model(candidate)
    except InvalidModel as error:
        return Verdict((str(error),), (), ())
    faults = _uncalibrated(model)
    if sentence := golden.check(candidate):
        faults.append(sentence)
    if sentence := _one_diagnosis(model.card):
        faults.append(sentence)
    doubts, facts = _evidence(candidate, model, other, kept)
    if model.calibration.alert and model.calibration.alert.threshold <= 0:
        doubts.append(FLAGS_ALL)
    return Verdict(tuple(faults), tuple(doubts), tuple(facts))


def _uncalibrated(model: Model) -> list[str]:
    """A sentence for each part of the calibration that the model lacks."""
    calibration = model.calibration
    has = {
        "alert line": calibration.alert is not None,
        "prediction sets": calibration.sets is not None or model.config.task == "binary",
        "unknown score": model.unknown is not None,
        "numbers from test lesions": isinstance(model.card.get("numbers"), Mapping),
    }
    return [f"The model is not calibrated: it has no {n}." for n, there in has.items() if not there]


def _one_diagnosis(card: Mapping[str, Any]) -> str:
    """A sentence where every test photo got the same diagnosis."""
    try:
        matrix = card["numbers"]["single_photos"]["confusion"]
        used = sum(any(row[place] for row in matrix) for place in range(len(matrix)))
    except (KeyError, TypeError, IndexError):
        return ""
    return "The model ranked the same diagnosis first for every test photo." if used < 2 else ""


def _evidence(
    candidate: Path, model: Model, other: Path, kept: Path
) -> tuple[list[str], list[str]]:
    """Doubts and facts from the two models' comparison."""
    try:
        found = find(candidate, other, kept)
        before = None if found else read(candidate)
    except (InvalidData, InvalidModel) as error:
        return [str(error)], []
    if found:
        return _weighed(found)
    if before is None:
        return [f"Model {model.version} was not compared with model {other.name}."], []
    measured = before.numbers["models"][OTHER]["version"]
    return [
        f"Model {model.version} was compared with model {measured},"
        f" not with model {other.name} as it is."
    ], []


def _weighed(found: Comparison) -> tuple[list[str], list[str]]:
    paired, melanomas = found.numbers["paired"], found.numbers["data"]["melanomas"]
    melanoma, specificity = paired["melanoma_sensitivity"], paired["specificity"]
    if melanoma is None:
        return ["One of the two models has no alert line, so they cannot be compared at it."], []
    facts = []
    for name, pairs in (("Melanoma sensitivity", melanoma), ("Specificity", specificity)):
        if pairs["difference"]:
            facts.append(f"{name} at the alert line: {points(pairs['difference'])}.")
    if melanomas < LEAST_MELANOMAS:
        return [f"Too few melanomas to judge ({melanomas}); {LEAST_MELANOMAS} are needed."], facts
    low = melanoma["difference"][1]
    if low <= -MARGIN:
        return [
            f"Melanoma sensitivity may be lower by {100 * -low:.1f} points;"
            f" at most {100 * MARGIN:.0f} are accepted."
        ], facts
    return [], facts


def points(difference: list[float]) -> str:
    """A difference of shares as "+1.0 points (-2.3 to +4.1)", with real minus signs."""
    middle, low, high = (f"{100 * value:+.1f}".replace("-", MINUS) for value in difference)
    return f"{middle} points ({low} to {high})"

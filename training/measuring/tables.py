"""Results as text in columns, for a terminal."""

from collections.abc import Mapping
from typing import Any

from training.learning.crossvalidate import METRICS

COMPARED = ("balanced_accuracy", "accuracy", "macro_auroc", "malignancy_auroc", "log_loss")
ALERTS = {"melanoma_sensitivity": "sensitivity_melanoma", "specificity": "specificity"}


def fold_table(result: dict[str, Any]) -> str:
    """The result as text for a terminal."""
    measured = ["fold", *(name.replace("_", " ") for name in METRICS)]
    rows = [
        [str(part["fold"]), *(_three(part["single_photos"][name]) for name in METRICS)]
        for part in result["folds"]
    ]
    for label, kind in (("mean ± sd", "single_photos"), ("series", "series")):
        spread = result["mean_and_sd"][kind]
        pairs = [" ± ".join(map(_three, spread[name] or [None])) for name in METRICS]
        rows.append([label, *pairs])
    counts = [
        [code, *map(str, row)]
        for code, row in zip(result["classes"], result["confusion"]["single_photos"], strict=True)
    ]
    what = "The whole network" if result["learns"] == "all" else "The head alone"
    return "\n".join(
        [
            f"{what} learnt in each fold. {result['encoder']['unseen']}",
            _aligned([measured, *rows]),
            "Photos of all folds; rows: confirmed diagnosis, columns: what ranked first.",
            _aligned([["", *result["classes"]], *counts]),
        ]
    )


def comparison_table(numbers: Mapping[str, Any]) -> str:
    """A comparison as text for a terminal: both models, and how far apart they are."""
    sides = {name: f"model {numbers['models'][name]['version']}" for name in ("candidate", "other")}
    rows = [["all photos of each lesion", *sides.values(), "difference (95 %)"]]
    for name in COMPARED:
        values = [numbers["models"][side]["series"][name] for side in sides]
        shown = [_three((value or [None])[0]) for value in values]
        apart = numbers["difference"]["series"][name]
        rows.append([name.replace("_", " "), *shown, _apart(apart)])
    for name in ("melanoma_sensitivity", "specificity"):
        pairs, alerts = numbers["paired"][name], []
        for side in sides:
            found = numbers["models"][side]["alert"] or {}
            value = found.get(ALERTS[name])
            share = value["share"] if isinstance(value, dict) else value
            alerts.append(_three((share or [None])[0]))
        rows.append([f"{name.replace('_', ' ')} at the line", *alerts, _apart(pairs)])
    return _aligned(rows)


def _apart(value: Any) -> str:
    found = value["difference"] if isinstance(value, dict) else value
    if not found or None in found:
        return "-"
    return "{:+.3f} ({:+.3f} to {:+.3f})".format(*found)


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _aligned(rows: list[list[str]]) -> str:
    """Columns of equal width, to the right but for the first."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )

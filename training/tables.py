"""Results as text in columns, for a terminal."""

from typing import Any

from training.crossvalidate import METRICS


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

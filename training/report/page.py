"""An evaluation as one page that needs nothing else: no script, nothing loaded from elsewhere."""

import base64
from collections.abc import Sequence
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from skinmodel.bundle import Model
from skinmodel.diagnoses import DIAGNOSES
from skinmodel.export import long_date
from skinmodel.inferno import colour_table
from training.measuring.evaluate import COMPARED
from training.measuring.metrics import wilson
from training.report import svg
from training.report.evaluation import Evaluation
from training.report.mistakes import pictures

HERE = Path(__file__).parent
OVERALL = (
    ("balanced_accuracy", "Balanced accuracy, the mean recall"),
    ("accuracy", "Accuracy"),
    ("accuracy_at_training_mix", "Accuracy at the training mix"),
    ("macro_precision", "Precision, mean of the diagnoses"),
    ("macro_f1", "F1, mean of the diagnoses"),
    ("macro_auroc", "AUROC, mean of the diagnoses"),
    ("malignancy_auroc", "AUROC, malignant or not"),
    ("log_loss", "Log loss"),
    ("calibration_error", "Calibration error (ECE)"),
)
SECTIONS = (
    ("overall", "All diagnoses"), ("diagnoses", "By diagnosis"), ("confusion", "Confusion matrix"),
    ("curves", "ROC and precision-recall"), ("reliability", "Reliability"),
    ("decisions", "Refusals, sets, alert line"), ("series", "Several photos"),
    ("subgroups", "Subgroups"), ("maps", "Heat maps"), ("mistakes", "Worst mistakes"),
)  # fmt: skip
CONFUSIONS = 6
BINARY = {
    "BENIGN": ("Not malignant", "benign", "not"),
    "MALIGNANT": ("Malignant", "malignant", "malignant"),
}


def render(result: Evaluation) -> str:
    """The page as HTML."""
    numbers = result.numbers
    named = BINARY | {d.code: (d.name, d.behaviour, d.code) for d in DIAGNOSES}
    names = {code: name for code, (name, _, _) in named.items()}
    absent = {
        "decisions": not any(numbers[name] for name in ("sets", "alert", "refusals")),
        "series": not numbers["several_photos"]["lesions"],
    }
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= {
        "sentence": _sentence, "percent": _percent, "day": _day, "sizes": _sizes,
    }  # fmt: skip
    return environment.get_template("page.html").render(
        numbers
        | {
            "css": Markup((HERE / "page.css").read_text(encoding="utf-8")),
            "sections": [(k, title) for k, title in SECTIONS if not absent.get(k)],
            "overall": OVERALL,
            "compared": COMPARED,
            "names": names,
            "behaviour": {code: behaviour for code, (_, behaviour, _) in named.items()},
            "short": {code: short for code, (_, _, short) in named.items()},
            "number": _number,
            "whisker": _whisker,
            "roc": lambda code: _roc(numbers["curves"][code], names[code]),
            "precision_recall": lambda code: _recall(numbers["curves"][code], names[code]),
            "reliabilities": [
                {"title": title, "plot": _reliable(numbers["reliability"][key], title)}
                | numbers["reliability"][key]
                for key, title in (("single_photos", "Single photos"), ("series", "Series"))
            ],
            "confusions": _confusions(numbers["single_photos"]["confusion"], numbers["classes"]),
            "noticed": _noticed(numbers["subgroups"]["groups"]),
            "scale": _scale(),
            "mistakes": _mistakes(result, names),
            "limits": _texts(result.model),
        }
    )


def _mistakes(result: Evaluation, names: dict[str, str]) -> list[tuple[str, str, list[Any]]]:
    """The two lists of mistakes with their pictures: title, what an empty list says, mistakes."""
    titles = {
        "missed": ("Malignant, but ranked as something else", "No malignant lesion was."),
        "others": ("The other confident mistakes", "There are none."),
    }
    found = []
    for kind, (title, empty) in titles.items():
        rows = []
        described = zip(result.mistakes[kind], result.numbers["worst_mistakes"][kind], strict=True)
        for mistake, values in described:
            classes = [mistake.leading, mistake.truth]
            path = Path(result.scores.table["path"].iloc[mistake.row])
            captions = ["The photo"] + [
                f"Raised {names[values[key]].lower()}" for key in ("ranked_first", "truth")
            ]
            if result.model.config.task == "binary":
                classes, captions = [1], ["The photo", "Raised malignant"]
            seen = pictures(result.model, path, classes)
            rows.append(
                values
                | {
                    "pictures": [
                        {
                            "address": address,
                            "caption": text if lit else f"{text}: no highlighted region",
                        }
                        for (address, lit), text in zip(seen, captions, strict=True)
                    ]
                }
            )
        found.append((title, empty, rows))
    return found


def _roc(curve: dict[str, Any] | None, name: str) -> Markup:
    body = svg.line([(0, 0), (1, 1)], "chance")
    if curve:
        body += svg.line(curve["roc"], "curve")
    label = f"ROC curve of {name}"
    return Markup(svg.square(body, x="1 \u2212 specificity", y="sensitivity", label=label))


def _recall(curve: dict[str, Any] | None, name: str) -> Markup:
    body = ""
    if curve:
        share = curve["share"]
        body = svg.line([(0, share), (1, share)], "chance")
        body += svg.steps(curve["precision_recall"], "curve")
    label = f"Precision-recall curve of {name}"
    return Markup(svg.square(body, x="recall", y="precision", label=label))


def _reliable(values: dict[str, Any], title: str) -> Markup:
    bins = [(confidence, right) for confidence, right, _ in values["bins"]]
    alone = values["lesions"] / values["cases"]  # photos of one lesion are right together
    bars = ""
    for confidence, right, count in values["bins"]:
        _, low, high = wilson(right, max(1, round(count * alone))) or (right, right, right)
        bars += svg.line([(confidence, low), (confidence, high)], "whisk")
    titles = [
        f"shown {100 * c:.0f} %, right {100 * r:.0f} %, {n:g} cases" for c, r, n in values["bins"]
    ]
    body = svg.line([(0, 0), (1, 1)], "chance") + bars + svg.line(bins, "curve")
    body += svg.dots(bins, titles)
    label = f"Reliability diagram, {title}"
    return Markup(svg.square(body, x="probability shown", y="share right", label=label))


def _whisker(
    value: Sequence[float | None] | None,
    low: float,
    high: float,
    mark: Sequence[float | None] | None,
) -> Markup:
    return Markup(svg.whisker(value, low=low, high=high, mark=mark[0] if mark else None))


def _confusions(matrix: list[list[int]], classes: list[str]) -> list[dict[str, Any]]:
    """The cells off the diagonal with the most photos."""
    cells: list[dict[str, Any]] = [
        {"truth": classes[i], "taken": classes[j], "count": row[j], "cases": sum(row)}
        for i, row in enumerate(matrix)
        for j in range(len(row))
        if i != j and row[j]
    ]
    return sorted(cells, key=lambda cell: -cell["count"])[:CONFUSIONS]


def _noticed(groups: list[dict[str, Any]]) -> list[str]:
    """A sentence for each group whose AUROC differs from the others' beyond its interval."""
    found = []
    for row in groups:
        apart = row["malignancy_auroc_minus_others"]
        if apart and None not in apart and not apart[1] <= 0 <= apart[2]:
            how = "lower" if apart[0] < 0 else "higher"
            found.append(
                f"{row['kind']} {row['group']}: AUROC, malignant or not, {abs(apart[0]):.3f} {how} "
                f"than for the other photos ({_number(apart[1], 3)} to {_number(apart[2], 3)})."
            )
    return found


def _texts(model: Model) -> list[str]:
    """The limits the card states."""
    limits = model.card.get("limits")
    return [str(text) for text in limits] if isinstance(limits, list) else []


def _scale() -> str:
    """The heat maps' colours from low to high, as a data address."""
    row = np.array(colour_table(), dtype=np.uint8)[None]
    stored = BytesIO()
    Image.fromarray(row).save(stored, "PNG")
    return "data:image/png;base64," + base64.b64encode(stored.getvalue()).decode()


def _number(value: float | None, digits: int) -> str:
    if value is None:
        return "\u2013"
    text = f"{value:.{digits}f}"
    return text.replace("-", "\u2212") if float(text) else text.lstrip("-")


def _percent(share: float) -> str:
    """A probability as 34 %; none is said to be certain."""
    if round(100 * share) >= 100:
        return "over 99 %"
    return "under 1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


def _sizes(counts: Sequence[int]) -> str:
    """How many sets hold one diagnosis, two, and so on."""
    some = [f"{count:,} hold {size}" for size, count in enumerate(counts, start=1) if count]
    return f"By size: {', '.join(some)}."


def _day(text: str) -> str:
    return long_date(date.fromisoformat(text))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]

"""What was measured of a model, as tables: each value with its 95 % interval."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import streamlit as st

from pages.components.frame.words import count, markdown, percent
from pages.components.model import ranges
from pages.components.model.card import NAMES, Part, between, diagnosis_name, interval, title

SHARES = ("balanced_accuracy", "accuracy", "accuracy_at_training_mix", "calibration_error")
WANTED_COVERAGE = 0.9
SHOWN = {  # what a card calls its values, and what this page does
    "calibration_error": "Calibration error",
    "perfect_95": "A perfect model",
    "_before": "Before scaling",
    "expected": "To be expected",
    "same_top_diagnosis": "Same top diagnosis",
    "mean_change": "Mean change",
    "moved": "The one that changes most",
    "minus_whole": "Head alone minus whole network",
}
ARMS = ("head", "whole")
SCORES = ("macro_precision", "macro_f1", "macro_auroc", "malignancy_auroc", "log_loss")


def scores(numbers: Part) -> None:
    """The summary metrics, single photos beside series."""
    found = {NAMES[n]: numbers[n] for n in ("single_photos", "series") if numbers.get(n)}
    metrics = [m for m in (*SHARES, *SCORES) if any(m in report for report in found.values())]
    table(
        {"Measure": ["Cases", *(title(m) for m in metrics)]}
        | {
            name: [f"{report['cases']:,}"]
            + [interval(report.get(m), share=m in SHARES) for m in metrics]
            for name, report in found.items()
        }
    )


def recalls(report: Part, key: str) -> None:
    """How many of each diagnosis ranked first, and how often what ranked first was right."""
    rows = report["per_diagnosis"]
    st.subheader("By diagnosis", anchor=False)
    for name, said in (("recall", "Of these, ranked first"), ("precision", "Ranked first, right")):
        found = [(diagnosis_name(c), row[name], row["cases"]) for c, row in rows.items()]
        ranges.draw(said, _ranges(found), key=f"{name}-{key}")


def diagnoses(report: Part) -> None:
    """Recall, precision, F1 and AUROC of each diagnosis."""
    rows = report["per_diagnosis"]
    table(
        {"Diagnosis": [f"{diagnosis_name(code)} ({code})" for code in rows]}
        | {"Cases": [f"{row['cases']:,}" for row in rows.values()]}
        | {
            title(m): [interval(row.get(m), share=m != "auroc") for row in rows.values()]
            for m in ("recall", "precision", "f1", "auroc")
        }
    )


def calibration(reports: Part | None) -> None:
    """Calibration error and Brier score, before and after scaling, by number of photos."""
    if not reports:
        return
    st.subheader("Calibration by number of photos", anchor=False)
    table(
        _by_basis(
            reports,
            {
                "Cases": lambda r: f"{r['cases']:,}",
                "Calibration error": lambda r: interval(r["calibration_error"], digits=3),
                "A perfect model stays below": lambda r: f"{r['perfect_95']:.3f}",
                "Before scaling": lambda r: interval(r["calibration_error_before"], digits=3),
                "Brier score": lambda r: interval(r["brier"], digits=3),
                "Brier score before": lambda r: interval(r["brier_before"], digits=3),
            },
        )
    )
    how(reports)


def sets(reports: Part | None) -> None:
    """How often prediction sets held the diagnosis, and how large they are."""
    if not reports:
        return
    st.subheader("Prediction sets", anchor=False)
    table(
        _by_basis(
            reports,
            {
                "Cases": lambda r: f"{r['cases']:,}",
                "Held the diagnosis": lambda r: interval(r["coverage"], share=True),
                "To be expected": lambda r: between(r["expected"]),
                "Diagnoses in a set, mean": lambda r: interval(r["mean_size"]),
            },
        )
    )
    by_diagnosis = reports["series"]["per_diagnosis"]
    held = [(diagnosis_name(code), r["share"], r["cases"]) for code, r in by_diagnosis.items()]
    ranges.draw("Sets that held the diagnosis", _ranges(held), key="sets", least=WANTED_COVERAGE)
    how(reports)


def alerts(reports: Part | None) -> None:
    """What the alert line finds and what it flags beside."""
    if not reports:
        return
    st.subheader("Alert line", anchor=False)
    table(
        _by_basis(
            reports,
            {
                "Cases": lambda r: f"{r['cases']:,}",
                "Melanomas above it": lambda r: interval(
                    r["sensitivity_melanoma"]["share"], share=True
                ),
                "Malignant lesions above it": lambda r: interval(
                    r["sensitivity_malignant"]["share"], share=True
                ),
                "Others below it": lambda r: interval(r["specificity"], share=True),
                "Others flagged for each malignant one": lambda r: interval(
                    r["benign_per_malignant"], share=False
                ),
            },
        )
    )
    how(reports)


def subgroups(report: Part | None) -> None:
    """The same by sex, age and body site."""
    if not report:
        return
    groups = report["groups"]
    st.subheader("Subgroups", anchor=False)
    accuracy = [(f"{g['kind']}: {g['group']}", g.get("accuracy"), g["lesions"]) for g in groups]
    ranges.draw("Accuracy", _ranges(accuracy), key="subgroups")
    table(
        {
            "Group": [f"{g['kind']}: {g['group']}" for g in groups],
            "Photos": [f"{g['photos']:,}" for g in groups],
            "Lesions": [f"{g['lesions']:,}" for g in groups],
            "Accuracy": [interval(g.get("accuracy"), share=True) for g in groups],
            "Melanomas ranked first": [
                interval(g.get("melanoma_recall"), share=True) for g in groups
            ],
            "AUROC, malignant or not": [interval(g.get("malignancy_auroc")) for g in groups],
        }
    )
    st.caption(f"A dash: fewer than {report['fewest_lesions']} lesions of that kind.")
    how(report)


def series(report: Part | None) -> None:
    """Whether several photos of a lesion help, and whether the LSTM does."""
    if not report or not report.get("lesions"):
        return
    arms = report["arms"]
    st.subheader("Several photos of one lesion", anchor=False)
    table(
        {
            "Read from": [name[:1].upper() + name[1:] for name in arms],
            **{
                title(m): [interval(arm.get(m), share=m in SHARES) for arm in arms.values()]
                for m in ("balanced_accuracy", "macro_auroc", "log_loss")
            },
        }
    )
    st.caption(
        f"On the {count(report['lesions'], 'lesion')} with several photos. Their order in time is"
        " not known, so nothing here is about change." + _weighed(report.get("share_of_course"))
    )


def _weighed(share: float | None) -> str:
    if share is None:
        return ""
    return (
        f" In a series the LSTM's reading counts for {percent(share)}, the mean of the visits for"
        " the rest."
    )


def head_alone(report: Part | None) -> None:
    """What training the head alone saves and costs."""
    if not report:
        return
    st.subheader("Training the head alone", anchor=False)
    table(
        {
            "Trained": ["The head alone", "The whole network"],
            "Processor time": [_minutes(report["seconds"]), _minutes(report["whole_seconds"])],
            **{
                title(m): [interval(report[arm].get(m), share=m in SHARES) for arm in ARMS]
                for m in ("balanced_accuracy", "macro_auroc", "log_loss")
            },
        }
    )
    st.caption(
        f"From {markdown(str(report['started_from']))}, which has met none of the lesions, the head"
        f" alone takes {percent(report['share_of_time'])} of the time. Balanced accuracy of the"
        " head alone minus the whole network:"
        f" {interval(report['minus_whole']['balanced_accuracy'])}."
    )
    how(report)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _ranges(
    found: Iterable[tuple[str, Sequence[float] | None, int]],
) -> list[ranges.Range]:
    """What has a value."""
    return [ranges.Range(name, *value, cases) for name, value, cases in found if value]


def table(columns: Mapping[str, Sequence[str]]) -> None:
    """A table whose cells are shown as they are: a "> 99 %" is no quotation."""
    st.table(
        {head: [markdown(_unbroken(cell)) for cell in cells] for head, cells in columns.items()},
        hide_index=True,
    )


def _unbroken(cell: str) -> str:
    """An interval stays on one line, however narrow the screen."""
    return cell.replace(" to ", "\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}")


def _by_basis(reports: Part, columns: Mapping[str, Callable[[Part], str]]) -> dict[str, list[str]]:
    """A table with one row for each way to count: by number of photos, or all together."""
    rows = [name for name in NAMES if isinstance(reports.get(name), Mapping)]
    names = {"Counted by": [NAMES[name] for name in rows]}
    return names | {head: [cell(reports[name]) for name in rows] for head, cell in columns.items()}


def how(reports: Part) -> None:
    """How it was measured, in the card's words, but with the names that stand on the screen."""
    text = str(reports.get("how", ""))
    for key, name in SHOWN.items():
        text = text.replace(f" {key}:", f" {name}:")
    text = text.replace("Values are [value, low, high] with 95 % intervals", "95 % intervals")
    st.caption(markdown(text))

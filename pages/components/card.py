"""The model's card: what it was trained on, how well it did, its limits, its licence."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.components.words import DASH, markdown, percent
from skinmodel.export import output_diagnosis

# Drawn as a table, or of no use to a reader; everything else in words is shown as it stands.
APART = ("version", "weights_sha256", "codes")
FIRST = ("intended_use", "not_for", "limits", "licence")
SHARES = ("balanced_accuracy", "accuracy", "accuracy_at_training_mix", "calibration_error")
SCORES = ("macro_f1", "macro_auroc", "malignancy_auroc", "log_loss")
NAMES = {
    "accuracy_at_training_mix": "Accuracy at the training mix",
    "calibration_error": "Calibration error (ECE)",
    "macro_f1": "F1, mean of the diagnoses",
    "macro_auroc": "AUROC, mean of the diagnoses",
    "malignancy_auroc": "AUROC, malignant or not",
}


def show(card: Mapping[str, Any]) -> None:
    """The card in words and tables, then as it lies on disk."""
    st.title(f"Model {markdown(str(card['version']))}", anchor=False)
    names = [*FIRST, *(name for name in card if name not in (*FIRST, *APART))]
    for name, value in ((name, card.get(name)) for name in names):
        if isinstance(value, str):
            st.markdown(f"**{_title(name)}.** {markdown(value)}")
        elif isinstance(value, list) and value and all(isinstance(text, str) for text in value):
            st.markdown(
                f"**{_title(name)}**\n" + "".join(f"\n- {markdown(text)}" for text in value)
            )
    numbers = card.get("numbers")
    if isinstance(numbers, Mapping):
        _numbers(numbers)
    else:
        st.markdown("This model was not measured.")
    with st.expander("The whole card"):
        st.json(dict(card), expanded=1)


def interval(value: Sequence[float] | None, *, share: bool) -> str:
    """A number with its 95 % interval, as 74 % (71 % to 77 %); a dash where undefined."""
    if value is None or any(number is None for number in value):
        return DASH
    middle, low, high = (percent(v) if share else f"{v:.2f}" for v in value)
    return f"{middle} ({low} to {high})"


def _numbers(numbers: Mapping[str, Any]) -> None:
    sets = {
        "Single photos": numbers.get("single_photos"),
        "Lesions as series": numbers.get("series"),
    }
    sets = {name: report for name, report in sets.items() if report}
    st.markdown("**On test lesions it never saw, with 95 % intervals**")
    st.table(
        {"": ["Cases", *(NAMES.get(m, _title(m)) for m in (*SHARES, *SCORES))]}
        | {
            name: [f"{report['cases']:,}"]
            + [interval(report.get(m), share=m in SHARES) for m in (*SHARES, *SCORES)]
            for name, report in sets.items()
        }
    )
    for name, report in sets.items():
        rows = report.get("per_diagnosis", {})
        st.markdown(f"**{name}, by diagnosis**")
        st.table(
            {"Diagnosis": [_diagnosis(code) for code in rows]}
            | {"Cases": [f"{row['cases']:,}" for row in rows.values()]}
            | {
                _title(m) if m != "auroc" else "AUROC": [
                    interval(row.get(m), share=m != "auroc") for row in rows.values()
                ]
                for m in ("recall", "precision", "f1", "auroc")
            }
        )
    if isinstance(numbers.get("how"), str):
        st.caption(markdown(numbers["how"]))


def _diagnosis(code: str) -> str:
    try:
        return output_diagnosis(code).name
    except KeyError:  # a binary model's other side
        return _title(code)


def _title(name: str) -> str:
    return markdown(name.replace("_", " ").capitalize())

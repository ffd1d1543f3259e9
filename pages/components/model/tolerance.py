"""How a model takes photos that are none of its diagnoses, or that were made otherwise."""

import streamlit as st

from pages.components.frame.words import DASH, percent
from pages.components.model.card import Part, diagnosis_name
from pages.components.model.measures import how, table


def refusals(report: Part | None) -> None:
    """Which lesions are not assessed although they are real, and which strange pictures are."""
    if not report:
        return
    st.subheader("Not assessed", anchor=False)
    real = {"All test lesions": report["test"]} | {
        f"{diagnosis_name(code)} ({code})": counts
        for code, counts in report["per_diagnosis"].items()
    }
    left, right = st.columns(2, gap="large")
    with left:
        table(
            {
                "Real lesions": list(real),
                "Lesions": [f"{counts['lesions']:,}" for counts in real.values()],
                "Not assessed": [f"{counts['lesions_refused']:,}" for counts in real.values()],
            }
        )
    strange = {**report["drawn"], "all drawn pictures": report["all_drawn"]}
    if report.get("plain_skin"):
        strange["plain skin"] = report["plain_skin"]
    with right:
        table(
            {
                "What shows no lesion": [kind[:1].upper() + kind[1:] for kind in strange],
                "Pictures": [f"{found['pictures']:,}" for found in strange.values()],
                "Not assessed": [f"{found['refused']:,}" for found in strange.values()],
                "AUROC": [f"{found['auroc']:.2f}" for found in strange.values()],
            }
        )
    how(report)


def changes(report: Part | None) -> None:
    """How often the top diagnosis stays when the same photo is made another way."""
    if not report:
        return
    st.subheader("The same photo, made another way", anchor=False)
    found = report["changes"]
    table(
        {
            "Change": [kind[:1].upper() + kind[1:] for kind in found],
            "Same top diagnosis": [percent(one["same_top_diagnosis"]) for one in found.values()],
            "Mean change of a probability": [
                DASH if one.get("mean_change") is None else percent(one["mean_change"])
                for one in found.values()
            ],
        }
    )
    how(report)

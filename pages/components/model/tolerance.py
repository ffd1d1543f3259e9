"""How a model takes photos that are none of its diagnoses, or that were made otherwise."""

import streamlit as st

from pages.components.frame.words import DASH, NARROW_SPACE, markdown, percent
from pages.components.model import ranges
from pages.components.model.card import Part, between, diagnosis_name
from pages.components.model.measures import how, table
from pages.components.model.ranges import Range


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
    if report.get("lesion_pieces"):
        strange["pieces of lesions, as large as those of plain skin"] = report["lesion_pieces"]
    with right:
        table(
            {
                "What shows no lesion, or a piece of one": [_capital(kind) for kind in strange],
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
    found, wanted = report["changes"], report.get("wanted")
    shown = [
        Range(_capital(kind), one["same_top_diagnosis"], *one["interval"], report["photos"])
        for kind, one in found.items()
        if "interval" in one  # an older card has none
    ]
    ranges.draw("Photos that keep their top diagnosis", shown, key="changes", least=wanted)
    with st.expander(
        "These numbers, and how far the probabilities move", expanded=len(shown) < len(found)
    ):
        table(
            {
                "Change": [_capital(kind) for kind in found],
                "Same top diagnosis": [_kept(one) for one in found.values()],
                "Photos": [_counted(one, report["photos"]) for one in found.values()],
                "Mean change of a probability": [
                    _moved(one, "mean_change") for one in found.values()
                ],
                "Of the one that changes most": [_moved(one, "moved") for one in found.values()],
            }
        )
    if wanted:
        below = [kind for kind, one in found.items() if one["same_top_diagnosis"] < wanted]
        st.markdown(
            f"At least {percent(wanted)} of the photos should keep their top diagnosis. "
            + (f"Fewer do: {markdown(', '.join(below))}." if below else "They do in every row.")
        )
    how(report)


def _kept(one: Part) -> str:
    """A share, with its interval where the card has one."""
    low_high = one.get("interval")
    share = percent(one["same_top_diagnosis"])
    return f"{share} ({between(low_high)})" if low_high else share


def _counted(one: Part, photos: int) -> str:
    """As "388 of 400"; an older card counted the photos alone."""
    return f"{one['same']:,} of {photos:,}" if "same" in one else f"{photos:,}"


def _moved(one: Part, name: str) -> str:
    """Tenths of a percentage point; whole ones would all be alike."""
    return DASH if one.get(name) is None else f"{100 * one[name]:.1f}{NARROW_SPACE}%"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

"""A model's whole card: what it is for, how well it does, where it comes from."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.components.model import (
    card,
    confusion,
    headline,
    measures,
    reliability,
    tolerance,
)

BASES = {"single_photos": "Single photos", "series": "Lesions, all their photos"}


def describe(model_card: Mapping[str, Any]) -> None:
    """The card from what matters most to what matters to few."""
    numbers = model_card.get("numbers")
    measured = isinstance(numbers, Mapping)
    left, right = st.columns([3, 2], gap="large")
    with left:
        card.purpose(model_card)
    with right:
        if measured:
            headline.draw(numbers)
    if measured:
        measure(numbers)
    else:
        st.write("This model was not measured.")
    card.origin(model_card)
    with st.expander("The whole card"):
        st.json(dict(model_card), expanded=1)


def measure(numbers: Mapping[str, Any]) -> None:
    """How well the model did on lesions it never saw."""
    st.header("How well it does", anchor=False)
    measures.how(numbers)
    ranking, truth, calls, groups, changes, strange = st.tabs(
        ("Ranking", "Probabilities", "Sets and alert line", "Subgroups", "Changed photos",
         "Strange photos")
    )  # fmt: skip
    bases = [basis for basis in BASES if numbers.get(basis)]
    with ranking:
        if bases:
            basis = st.segmented_control(
                "Measured on", bases, default=bases[0], required=True, format_func=BASES.__getitem__
            )
            left, right = st.columns(2, gap="large")
            with left:
                card.part(confusion.draw, numbers[basis], basis)
            with right:
                card.part(measures.recalls, numbers[basis], basis)
            card.part(measures.diagnoses, numbers[basis])
        card.part(measures.scores, numbers)
        card.part(measures.series, numbers.get("several_photos"))
        card.part(measures.head_alone, numbers.get("head_alone"))
    with truth:
        for place, basis in zip(st.columns(2, gap="large"), bases, strict=False):
            with place:
                card.part(reliability.draw, numbers.get("calibration"), basis, BASES[basis])
        card.part(measures.calibration, numbers.get("calibration"))
    with calls:
        card.part(measures.sets, numbers.get("sets"))
        card.part(measures.alerts, numbers.get("alert"))
    with groups:
        card.part(measures.subgroups, numbers.get("subgroups"))
    with changes:
        card.part(tolerance.changes, numbers.get("robustness"))
    with strange:
        card.part(tolerance.refusals, numbers.get("unknown"))

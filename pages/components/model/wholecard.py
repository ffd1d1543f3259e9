"""A model's whole card: what it is for, how well it does, where it comes from."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.components.frame.words import markdown
from pages.components.model import card, confusion, measures, reliability, tolerance

BASES = {"single_photos": "Single photos", "series": "Lesions, all their photos"}


def describe(model_card: Mapping[str, Any]) -> None:
    """The card from what matters most to what matters to few."""
    card.purpose(model_card)
    numbers = model_card.get("numbers")
    if isinstance(numbers, Mapping):
        measure(numbers)
    else:
        st.write("This model was not measured.")
    card.origin(model_card)
    with st.expander("The whole card"):
        st.json(dict(model_card), expanded=1)


def measure(numbers: Mapping[str, Any]) -> None:
    """How well the model did on lesions it never saw."""
    st.header("How well it does", anchor=False)
    st.caption(markdown(str(numbers.get("how", ""))))
    card.part(measures.scores, numbers)
    bases = [basis for basis in BASES if numbers.get(basis)]
    if bases:
        basis = st.segmented_control(
            "Measured on", bases, default=bases[0], required=True, format_func=BASES.__getitem__
        )
        left, right = st.columns(2, gap="large")
        with left:
            card.part(confusion.draw, numbers[basis], basis)
        with right:
            card.part(reliability.draw, numbers.get("calibration"), basis)
        card.part(measures.diagnoses, numbers[basis])
    card.part(measures.calibration, numbers.get("calibration"))
    card.part(measures.sets, numbers.get("sets"))
    card.part(measures.alerts, numbers.get("alert"))
    card.part(tolerance.refusals, numbers.get("unknown"))
    card.part(measures.subgroups, numbers.get("subgroups"))
    card.part(measures.series, numbers.get("several_photos"))
    card.part(tolerance.changes, numbers.get("robustness"))

"""The model's card: what it was trained on, how well it did, its limits, its licence."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.components.words import markdown


@st.dialog("About the model", width="large")
def show(card: Mapping[str, Any]) -> None:
    """The card in words and one table, then as it lies on disk."""
    st.markdown(f"**Version {markdown(str(card['version']))}**")
    for name, value in card.items():
        if isinstance(value, str) and name not in ("version", "weights_sha256"):
            st.markdown(f"**{_title(name)}.** {markdown(value)}")
    with st.expander("The whole card"):
        st.json(dict(card), expanded=1)


def _title(name: str) -> str:
    return markdown(name.replace("_", " ").capitalize())

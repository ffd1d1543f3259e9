"""Files too large to arrive: the browser turns them away, and the server hears only from here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st


@st.cache_resource(show_spinner=False)
def _component() -> Callable[..., Any]:
    script = Path(__file__).with_suffix(".js").read_text("utf-8")
    return st.components.v2.component("dermtrace.oversize", js=script)


def names(*, photo: int, archive: int) -> tuple[tuple[str, int], ...]:
    """(name as given, limit in bytes) of the files above it that were just dropped or chosen."""
    limits = {"limit": photo, "archive": archive}
    found = _component()(key="oversize", data=limits, on_names_change=lambda: None)
    return tuple((str(name), int(limit)) for name, limit in found.names or ())

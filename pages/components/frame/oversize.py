"""Files too large to arrive: the browser turns them away, and the server hears only from here."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.components.frame import browser


@st.cache_resource(show_spinner=False)
def _component() -> Callable[..., Any]:
    return browser.component(__file__)


def names(*, photo: int, archive: int) -> tuple[tuple[str, int], ...]:
    """(name as given, limit in bytes) of the files above it that were just dropped or chosen."""
    limits = {"limit": photo, "archive": archive}
    found = _component()(key="oversize", data=limits, on_names_change=lambda: None)
    return tuple((str(name), int(limit)) for name, limit in found.names or ())

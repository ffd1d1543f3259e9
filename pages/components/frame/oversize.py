"""Files that did not arrive: the browser knows of them, and the server hears only from here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.components.frame import browser, serving

NO_ROOM = 413  # signin.quota's answer


@dataclass(frozen=True)
class Lost:
    """A file that did not arrive, its name as given, and why.

    `over` tells that it was sent and turned away, and that nothing else is on its way.
    """

    name: str
    reason: str
    over: bool = False


@st.cache_resource(show_spinner=False)
def _component() -> Callable[..., Any]:
    return browser.component(__file__)


def lost(*, photo: int, archive: int) -> tuple[Lost, ...]:
    """The files among those just dropped or chosen that will not arrive; limits are in bytes."""
    found = _component()(
        key="oversize",
        data={"limit": photo, "archive": archive},
        on_names_change=lambda: None,
        on_refused_change=lambda: None,
    )
    large = (
        Lost(str(name), f"This file is larger than {int(limit) >> 20} MB.")
        for name, limit in found.names or ()
    )
    refused = (
        Lost(str(name), _why(int(status)), over=True) for name, status in found.refused or ()
    )
    return (*large, *refused)


def _why(status: int) -> str:
    if status == NO_ROOM:
        room = serving.limits().max_session_bytes >> 20
        return (
            f"There was no room for it: up to {room:,} MB of one person's files are held at a time."
            " Take those that arrived first, or load the page again; then add it again."
        )
    return "It could not be sent to the server. Please try again."

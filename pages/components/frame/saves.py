"""Saving a form once, and saying beside it what could not be saved.

A form's key is drawn by the click that opens it and never by saving: a second click on Save, on its
way while the first is being saved, still carries the same key.
"""

import secrets
from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from pages.components.frame.words import markdown
from records.errors import InvalidRecord, RecordError

T = TypeVar("T")


def begin(form: str) -> None:
    """A form is opened: what it saves is new."""
    st.session_state[f"save-key-{form}"] = secrets.token_hex(16)


def key(form: str) -> str:
    """The key of the form that is open."""
    if f"save-key-{form}" not in st.session_state:
        begin(form)
    return str(st.session_state[f"save-key-{form}"])


def attempt(deed: Callable[[], T]) -> T | None:
    """Does it; where it was refused, says why and gives None."""
    try:
        return deed()
    except InvalidRecord as error:
        for sentence in error.fields.values():
            st.warning(markdown(sentence))
    except RecordError as error:
        st.warning(markdown(str(error)))
    return None

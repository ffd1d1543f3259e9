"""Whose record is open, in two identifiers at least, and never out of sight."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.components.frame import browser
from pages.components.patient import identity
from records.clinic.lesions import Lesion
from records.clinic.patients import Patient


@st.cache_resource(show_spinner=False)
def _component() -> Callable[..., Any]:
    return browser.component(__file__)


def show(patient: Patient, lesion: Lesion | None = None) -> None:
    """The patient, and the lesion that is open."""
    said = {
        "patient": f"Patient {identity.plain_patient(patient)}",
        "lesion": identity.plain_lesion(lesion) if lesion else "",
    }
    _component()(key="banner", data=said, width="stretch")

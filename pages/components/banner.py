"""Whose record is open, in two identifiers at least, and never out of sight."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from pages.components import identity
from records.lesions import Lesion
from records.patients import Patient

HERE = Path(__file__).parent


@st.cache_resource(show_spinner=False)
def _component() -> Callable[..., Any]:
    sources = {kind: (HERE / f"banner.{kind}").read_text("utf-8") for kind in ("css", "js")}
    return st.components.v2.component("dermtrace.banner", **sources)


def show(patient: Patient, lesion: Lesion | None = None) -> None:
    """The patient, and the lesion that is open."""
    said = {
        "patient": f"Patient {identity.plain_patient(patient)}",
        "lesion": identity.plain_lesion(lesion) if lesion else "",
    }
    _component()(key="banner", data=said, width="stretch")

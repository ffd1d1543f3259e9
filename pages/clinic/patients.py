"""Patients: find one as you type, those opened last, what is due, and a new one."""

import streamlit as st

from pages.components.frame import guard, removing, saves, serving
from pages.components.patient import forms, identity, reminders
from records.access.actors import CLINICIAN, Actor
from records.clinic import search
from records.clinic.patients import Patient


def page(actor: Actor) -> None:
    """Finding first, then what waits."""
    st.title("Patients", anchor=False)
    left, right = st.columns([1, 1], gap="large")
    with left:
        find()
    with right:
        reminders.show(actor)
        removing.offer_back(actor)


@st.fragment
def find() -> None:
    """The search, answered at every key, or the patients opened last."""
    actor = guard.require(CLINICIAN).actor
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Find by the clinic's id or by name",
            type="search",
            live=True,
            autocomplete="off",
            key="find-patient",
        )
        if st.button(
            "Add a patient",
            type="primary",
            icon=":material/add:",
            on_click=saves.begin,
            args=("patient",),
        ):
            forms.patient()
    if text.strip():
        found = search.patients(serving.database(), actor=actor, text=text)
        st.header("Found" if found else "No patient matches", anchor=False)
        rows(found)
    elif opened := search.recent(serving.database(), actor=actor):
        st.header("Opened last", anchor=False)
        rows(opened)
    else:
        st.write(
            "Here patients are found again, each with lesions and their photos over time."
            " You have opened none yet: type the beginning of an id, or add a patient."
        )


def rows(found: list[Patient]) -> None:
    """A link to each patient."""
    with st.container(gap="xsmall"):
        for patient in found:
            st.page_link(
                "clinic/lesion.py",
                label=identity.patient(patient),
                query_params={"patient": patient.id},
                icon=":material/person:",
            )


page(guard.require(CLINICIAN).actor)

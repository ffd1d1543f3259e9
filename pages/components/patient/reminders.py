"""What waits in the clinic: lesions overdue, due, and without a finding."""

import streamlit as st

from pages.components.frame import serving
from pages.components.frame.words import count, markdown
from pages.components.patient import planning
from records.access.actors import Actor
from records.clinic import plans
from records.clinic.plans import Reminder

LISTED = 12  # of each list; the rest is counted


def show(actor: Actor) -> None:
    """Each list that is not empty, the most urgent first."""
    waiting = plans.reminders(serving.database(), actor=actor)
    if not any((waiting.overdue, waiting.due, waiting.awaiting_histology, waiting.undated)):
        st.header("Waiting", anchor=False)
        st.caption(
            f"No plan is overdue or due within {plans.SOON} days, and no histology is awaited."
            " What is planned for a lesion appears here in time."
        )
    _some("Overdue", waiting.overdue)
    _some(f"Due within {plans.SOON} days", waiting.due)
    _some("Awaiting histology", waiting.awaiting_histology)
    _some("Planned without a day", waiting.undated)


def _some(title: str, found: tuple[Reminder, ...]) -> None:
    if not found:
        return
    st.header(f"{title}: {count(len(found), 'lesion')}", anchor=False)
    with st.container(gap="xsmall"):
        for one in found[:LISTED]:
            who = markdown(f"{one.clinic_id}, lesion {one.lesion_label}")
            st.page_link(
                "clinic/lesion.py",
                label=f"{who}: {planning.words(one.plan)}",
                query_params={"lesion": one.plan.lesion_id},
            )
    if len(found) > LISTED:
        st.caption(f"The {LISTED} most urgent are shown.")

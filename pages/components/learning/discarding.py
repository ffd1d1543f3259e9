"""Deleting a data set, and bringing it back within a day."""

import streamlit as st

from pages.components.frame import guard, saves, serving
from pages.components.frame.words import markdown
from pages.components.learning import intakes
from records.access.actors import ADMIN
from records.models import jobs
from training.data import datasets
from training.data.datasets import DataSet


@st.dialog("Delete")
def ask(data: DataSet) -> None:
    """Asks first; it can be brought back for a day."""
    st.write(f"Delete {markdown(data.name)} with its photos?")
    st.caption("It can be brought back on this page for a day; then it is gone for good.")
    if not st.button("Delete", type="primary", key="delete-now"):
        return
    actor = guard.require(ADMIN).actor

    def carry_out() -> bool:
        jobs.let_go(
            serving.database(),
            actor=actor,
            data_set=data.id,
            remove=lambda: datasets.delete(data),
        )
        return True

    if saves.attempt(carry_out):
        st.rerun()


def offer_back() -> None:
    """What was deleted within the last day, each with a button that brings it back."""
    datasets.purge(serving.datasets())
    for one in datasets.deleted(serving.datasets()):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{markdown(one.name)} was deleted.", width="content")
            if st.button("Bring back", key=f"back-{one.id}"):
                actor = guard.require(ADMIN).actor
                datasets.bring_back(one)
                intakes.note(actor, "data set brought back", one.id.removeprefix(datasets.DELETED))
                st.rerun()

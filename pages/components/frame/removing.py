"""Deleting asks first and can be undone for a day."""

import streamlit as st

from pages.components.frame import guard, saves, serving
from records.access.actors import CLINICIAN, Actor
from records.clinic import deletion
from skinmodel.export import long_date

LISTED = 12


@st.dialog("Delete")
def ask(kind: str, object_id: str, *, name: str, after: dict[str, str] | None = None) -> None:
    """Asks whether something is to be deleted, and where `after` is given goes there.

    `name` says what it is, safe in Markdown.
    """
    st.write(f"Delete {name}, with all that belongs to it?")
    st.caption("It can be brought back on the Patients page for a day; then it is gone for good.")
    if not st.button("Delete", key="delete-now"):
        return
    actor = guard.require(CLINICIAN).actor
    made = saves.attempt(
        lambda: deletion.delete(serving.database(), actor=actor, kind=kind, object_id=object_id)
    )
    if made is None:
        return
    st.session_state.setdefault("deleted", {})[made.id] = f"{name[0].upper()}{name[1:]}"
    if after is None:
        st.rerun()
    page = "clinic/lesion.py" if after else "clinic/patients.py"
    st.switch_page(page, query_params=after or None)


def offer_back(actor: Actor) -> None:
    """What this account deleted within the last day, each with a button that brings it back."""
    found = deletion.undoable(serving.database(), actor=actor)
    if not found:
        return
    st.header("Deleted within the last day", anchor=False)
    names = st.session_state.get("deleted", {})
    for one in found[:LISTED]:
        until = one.until.astimezone()
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"{names.get(one.id, f'A {one.kind}')}, until {until:%H:%M}"
                f" on {long_date(until.date())}",
                width="content",
            )
            if st.button("Bring back", key=f"back-{one.id}") and saves.attempt(
                lambda one=one: deletion.undo(serving.database(), actor=actor, deletion_id=one.id)
            ):
                st.rerun()

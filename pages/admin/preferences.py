"""Preferences: how this clinic wants to work; they hold for everybody at the next click."""

import streamlit as st

from pages.components.frame import guard, serving
from records import preferences
from records.access.actors import ADMIN, Actor
from records.preferences import IMPRESSION_FIRST

KEY = "impression-first"
WHY = """
Before a result is shown, the clinician chooses the diagnosis that seems most likely and may say how
sure and why. It is kept with the saved result, cannot be changed afterwards, and enters no
calculation. It guards against seeing only what the model says, and the Models page shows later how
often clinician and model agreed with the confirmed diagnosis. It costs a click or two for each
lesion.
"""


def page(actor: Actor) -> None:
    """The one question there is so far."""
    st.title("Preferences", anchor=False)
    st.header("Before a result", anchor=False)

    def change() -> None:
        preferences.change(
            serving.database(),
            actor=guard.require(ADMIN).actor,
            name=IMPRESSION_FIRST,
            value=bool(st.session_state[KEY]),
        )

    now = preferences.get(serving.database(), actor=actor, name=IMPRESSION_FIRST)
    with st.container(width=720):
        st.toggle("Ask for the clinician's own impression first", now, key=KEY, on_change=change)
        st.write(WHY)


page(guard.require(ADMIN).actor)

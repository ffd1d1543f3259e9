"""Model: what it is for, what it was trained on, how well it did, and where its evidence ends."""

import streamlit as st

from pages.components.frame import guard, serving
from pages.components.frame.words import markdown
from pages.components.model import wholecard
from records.access.actors import ROLES
from skinmodel.bundle import Model
from skinmodel.weights import InvalidModel


def page(model: Model) -> None:
    """The card of the model in use."""
    st.title(f"Model {markdown(model.version)}", anchor=False)
    wholecard.describe(model.card)


guard.require(*ROLES)
try:
    page(serving.model())
except InvalidModel as error:
    st.error(f"DermTrace has no model to show. {error}")

"""About the model: its card, readable."""

import streamlit as st

from pages.components import card, serving
from skinmodel.weights import InvalidModel

try:
    card.show(serving.model().card)
except InvalidModel as error:
    st.error(f"DermTrace has no model to show. {error}")

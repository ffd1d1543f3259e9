"""The router: which pages there are."""

from pathlib import Path

import streamlit as st

LOGO = Path(__file__).parents[1] / "assets" / "logo"

st.set_page_config(page_title="DermTrace", page_icon=(LOGO / "icon.svg").read_text(), layout="wide")
dark = st.context.theme.type == "dark"
st.logo(LOGO / f"logo-{'dark' if dark else 'light'}.svg", size="large")
page = st.navigation([st.Page("clinic/examine.py", title="Examine", default=True)], position="top")
page.run()

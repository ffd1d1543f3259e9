"""The router: the pages that this account may open."""

from pathlib import Path

import streamlit as st

from pages.components.frame import guard
from records.access.actors import ADMIN, CLINICIAN

# A link to a page would be cut at its container's edge; who a patient is must be read to its end.
WHOLE_LINKS = """<style>
[data-testid="stPageLink-NavLink"], [data-testid="stPageLink-NavLink"] * {
  white-space: normal; overflow-wrap: anywhere; text-overflow: clip; line-height: 1.35;
}
</style>"""
LOGO = Path(__file__).parents[1] / "assets" / "logo"

st.set_page_config(page_title="DermTrace", page_icon=(LOGO / "icon.svg").read_text(), layout="wide")
dark = st.context.theme.type == "dark"
st.logo(LOGO / f"logo-{'dark' if dark else 'light'}.svg", size="large")
st.html(WHOLE_LINKS)
person = guard.someone()
roles = person.account.roles
pages: dict[str, list[st.Page]] = {"": []}
if CLINICIAN in roles:
    pages[""] += [
        st.Page("clinic/examine.py", title="Examine", default=True),
        st.Page("clinic/today.py", title="Today's photos"),
        st.Page("clinic/patients.py", title="Patients"),
        # Opened from a patient, or by its own address.
        st.Page("clinic/lesion.py", title="Lesion", visibility="hidden"),
    ]
pages[""] += [
    st.Page("clinic/model.py", title="Model"),
    st.Page("everyone/account.py", title=person.account.name, icon=":material/account_circle:"),
]
if ADMIN in roles:
    pages["Learning"] = [
        st.Page("admin/data.py", title="Data"),
        st.Page("admin/training.py", title="Training"),
        st.Page("admin/models.py", title="Models"),
    ]
    pages["Administration"] = [
        st.Page("admin/accounts.py", title="Accounts", default=CLINICIAN not in roles),
        st.Page("admin/casemix.py", title="Case mix"),
        st.Page("admin/preferences.py", title="Preferences"),
        st.Page("admin/backups.py", title="Backups"),
        st.Page("admin/audit.py", title="Audit log"),
    ]
page = st.navigation(pages, position="top")
with guard.opening(person):
    page.run()

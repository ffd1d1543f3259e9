"""The own account: sign out, here or everywhere, and change the password."""

import streamlit as st

from pages.components.frame import guard, serving
from pages.components.frame.words import ROLE_NAMES, markdown
from records.access import passwords, sessions
from records.access.actors import ROLES
from records.access.sessions import SignedIn
from records.errors import InvalidRecord, RecordError


def sign_out(person: SignedIn) -> None:
    """Ends this session, or all of them."""
    with st.container(horizontal=True):
        here = st.button("Sign out", type="primary", icon=":material/logout:")
        everywhere = st.button("Sign out everywhere")
    st.caption("Everywhere: in all browsers in which this account is signed in.")
    if here:
        sessions.end(serving.database(), person)
    if everywhere:
        sessions.end_everywhere(serving.database(), person)
    if here or everywhere:
        st.rerun()  # and the guard leads to the sign-in page


def change_password(person: SignedIn) -> None:
    """Takes the present password and a new one."""
    st.header("Change the password", anchor=False)
    with st.form("password", clear_on_submit=True, border=False, width=400):
        old = st.text_input("Present password", type="password", autocomplete="current-password")
        new = st.text_input(
            "New password", type="password", autocomplete="new-password", help=passwords.RULE
        )
        again = st.text_input("New password again", type="password", autocomplete="new-password")
        asked = st.form_submit_button("Change the password")
    if not asked:
        return
    if new != again:
        st.warning("The two new passwords differ. The password was not changed.")
        return
    try:
        sessions.change_password(serving.database(), person, old=old, new=new)
    except InvalidRecord as error:
        st.warning(f"{error} The password was not changed.")
    except RecordError as error:
        st.warning(str(error))
    else:
        st.success("The password is changed. Other browsers are signed out.")


person = guard.require(*ROLES)
st.title(markdown(person.account.name), anchor=False)
st.write(" and ".join(ROLE_NAMES[role] for role in ROLE_NAMES if role in person.account.roles))
sign_out(person)
if person.account.has_password:
    change_password(person)
else:
    st.caption("The clinic's own sign-in keeps the password of this account.")

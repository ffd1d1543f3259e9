"""Who is signed in, and whether this page is theirs: the first thing that every page asks.

Streamlit runs callbacks before the page, and fragments without it. The gate lets neither through
for a session that has ended; but roles can change meanwhile, so a callback or a fragment that
changes records asks again here instead of keeping an earlier answer. Only the page that the router
has just asked for begins with the router's answer.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

import streamlit as st

from pages.components.frame import browser, serving
from records import audit
from records.access import sessions
from records.access.sessions import SignedIn, SignedOut
from records.errors import NotAllowed, RecordError

MINE = "signed-in-account"  # whose photos and choices lie in this tab's memory
_known: ContextVar[SignedIn | None] = ContextVar("known", default=None)


def signed_in() -> SignedIn:
    """The session that the gate let in, as it is now; SignedOut with a reason if it has ended.

    The one place that knows: tests put a person of their own in its place.
    """
    session_id = st.context.headers.get(sessions.HEADER, "")
    return sessions.check(serving.database(), session_id)


def require(*roles: str) -> SignedIn:
    """Who is signed in; ends the page here for everybody who has none of these roles."""
    person = _known.get() or someone()
    _known.set(None)
    try:
        person.actor.require(*roles)
    except NotAllowed:
        audit.looked(serving.database(), actor=person.actor, kind="page refused", object_id="")
        st.error("Your account does not have the role for this page.")
        st.stop()
    return person


def someone() -> SignedIn:
    """Who is signed in; ends the page here if nobody is."""
    try:
        person = signed_in()
    except SignedOut as reason:
        leave(str(reason))
    except RecordError as error:
        st.error(str(error))
        st.stop()
    if st.session_state.setdefault(MINE, person.account.id) != person.account.id:
        # Another account signed in, and an old tab connected again: nothing is handed over.
        st.session_state.clear()
        st.rerun()
    return person


@contextmanager
def opening(person: SignedIn) -> Iterator[None]:
    """The page that opens herein takes the router's answer, a moment old; who asks later asks anew.

    The answer serves once, for what every page begins with.
    """
    _known.set(person)
    try:
        yield
    finally:
        _known.set(None)


def leave(reason: str) -> NoReturn:
    """Forgets what this tab held, shows nothing more, and goes to the sign-in page."""
    st.session_state.clear()
    st.write(f"{reason} [Go to the sign-in page](/signin)")
    _component()(key="leave", data={"leave": True})
    st.stop()


@st.cache_resource(show_spinner=False)
def _component() -> Callable[..., Any]:
    return browser.component(__file__)

"""The server starts again from a page: its own process begins anew, in the same place."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.components.frame import browser

SEEN = 2.0  # seconds in which the browser hears of it
LONGEST = 60.0  # seconds for what is under way to end; whatever writes can be cut off at any moment


def possible() -> bool:
    """Whether this server can start itself again: it was started as the README says."""
    words = sys.orig_argv
    return os.name == "posix" and "run" in words and any("streamlit" in word for word in words)


def begin() -> None:
    """Ends the server in a moment, so that it begins anew; the page leads to the sign-in then."""
    _component()(key="restarting", data={})
    _wanted().set()
    threading.Thread(target=_end, name="restart", daemon=True).start()


def finish() -> None:
    """Begins anew if that is wanted; the last that a server does when it ends."""
    if _wanted().is_set():
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _end() -> None:
    time.sleep(SEEN)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LONGEST)
    finish()


@st.cache_resource(show_spinner=False)
def _wanted() -> threading.Event:
    return threading.Event()


@st.cache_resource(show_spinner=False)
def _component() -> Callable[..., Any]:
    return browser.component(__file__)

"""What a run will take, before it is started: measured by a process of its own."""

import json
import subprocess
import sys
from typing import Any

import streamlit as st

import settings
from pages.components.frame.words import markdown
from pages.components.learning import runs
from records.models.jobs import digest_of
from training.runs.estimate import Estimate
from training.runs.process import half_the_cores
from training.runs.request import Request

PATIENCE = 300  # seconds; a short run on a slow server takes a minute


def show(request: Request) -> None:
    """The estimate of this very request, once it was asked for."""
    found = st.session_state.get(_key(request))
    if found is None:
        return
    if isinstance(found, str):
        st.warning(markdown(found))
        return
    st.markdown(markdown(found.sentence()))
    for problem in found.problems():
        st.warning(markdown(problem))


def measure(request: Request) -> None:
    """Trains for a moment on a few photos; the estimate stays until the request is another one."""
    words = "Training for a moment on a few photos, to see how long it takes"
    with st.spinner(words, show_time=True):
        st.session_state[_key(request)] = _measured(request)


def _measured(request: Request) -> Estimate | str:
    """The estimate, or a sentence."""
    places = runs.places()
    command = [
        sys.executable, "-m", "training.runs.estimate", "--data-dir", str(places.data_dir),
        "--bundled", str(places.bundled), "--threads", str(half_the_cores()),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=settings.ROOT, input=json.dumps(request.to_dict()), text=True,
            capture_output=True, timeout=PATIENCE,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return "The server is too busy to say how long this takes."
    except (ValueError, IndexError):
        return "How long this takes could not be measured. Perhaps there is too little memory."
    return str(found["problem"]) if "problem" in found else Estimate(**found)


def _key(request: Request) -> str:
    return f"estimate-{digest_of(request.kind, request.to_dict())}"

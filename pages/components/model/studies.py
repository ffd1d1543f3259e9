"""Runs that make no candidate: what cross-validations and searches have found."""

import json
from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.components.frame.words import markdown
from pages.components.learning import runs
from pages.components.model import card, folds, search
from records.models.jobs import Job

RESULTS = {"cross-validate": "cross-validation.json", "tune": "tuning.json"}
CHOSEN = "study"  # of the session: the run whose results were asked for


def there(found: Sequence[Job]) -> list[Job]:
    """The runs that have something to show, newest first."""
    return [job for job in found if result(job)]


def asked_for(found: Sequence[Job]) -> Job | None:
    """The run whose results somebody came to see, until they are closed."""
    chosen = st.session_state.get(CHOSEN)
    return next((job for job in there(found) if job.id == chosen), None)


def alone(job: Job, names: dict[str, str]) -> None:
    """The results of one run, before anything else on the page."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(gap=None):
                st.header(f"What {runs.title(job).lower()} found", anchor=False)
                st.caption(markdown(f"{runs.what(job)} · {runs.data(job, names)}"))
            st.button("Close", key="close-study", on_click=lambda: st.session_state.pop(CHOSEN))
        card.part(_draw, result(job), job)


def draw(studies: Sequence[Job], names: dict[str, str], model: str, made_by: Job | None) -> None:
    """One of them, and whether it is about the data that a model learned from."""
    ids = [job.id for job in studies]
    known = {job.id: job for job in studies}

    def label(job_id: str) -> str:
        job = known[job_id]
        return f"{runs.title(job)} · {runs.what(job)} · {runs.data(job, names)}"

    job = known[st.selectbox("Run", ids, format_func=label, key="study-chosen")]
    if made_by and set(made_by.request["data"]) == set(job.request["data"]):
        st.caption(f"On the data that model {markdown(model)} learned from.")
    values = result(job)
    if values:
        card.part(_draw, values, job)


def _draw(values: dict[str, Any], job: Job) -> None:
    if job.kind == "tune":
        search.draw(values, key=job.id)
    else:
        folds.draw(values, key=job.id)


def sentence(job: Job) -> str:
    """What a run has found so far, in a line; blank where it is nothing, or of another form."""
    values = result(job)
    try:
        if not values:
            return ""
        return search.sentence(values) if job.kind == "tune" else folds.sentence(values, "series")
    except (AttributeError, KeyError, TypeError, ValueError):
        return ""


def result(job: Job) -> dict[str, Any] | None:
    """The numbers of a cross-validation or a search, if there are any."""
    name = RESULTS.get(job.kind)
    if name is None:
        return None
    try:
        found: dict[str, Any] = json.loads((runs.places().run(job.id) / name).read_text())
    except (OSError, ValueError):
        return None
    return found

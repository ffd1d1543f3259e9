"""A run that has ended: what became of it, and what can be done with it."""

import json
from typing import Any

import streamlit as st

from pages.components.frame import guard, serving
from pages.components.frame.words import markdown
from pages.components.learning import livecurves, running, runs
from pages.components.learning.running import act
from pages.components.model import comparing, studies
from records.access.actors import ADMIN
from records.models import jobs
from records.models.jobs import Job
from training.runs.beside import COMPARE
from training.runs.folder import last_words, read_history

LINES = 40  # of the log
AGAIN = "training-again"  # the request that the form is to begin with


def one(job: Job, names: dict[str, str], people: dict[str, str], *, is_open: bool = False) -> None:
    """A run that has ended, folded up or open."""
    made = f" · candidate {job.version}" if job.version else ""
    label = f"**{runs.title(job)}** · {runs.what(job)} · {runs.state(job)}{made}"
    with st.expander(label, key=f"run-{job.id}-{job.state}-{job.attempt}", expanded=is_open):
        who = runs.who(job, people)
        took = ""
        if job.begun_at and job.ended_at:
            last = f"attempt {job.attempt} " if job.attempt > 1 else ""
            took = f" · {last}took {duration((job.ended_at - job.begun_at).total_seconds())}"
        st.caption(
            markdown(
                f"{runs.sources(job, names)} · asked for by {who},"
                f" {runs.moment(job.asked_at)}{took}"
            )
        )
        if job.reason:
            learnt = job.state == jobs.INTERRUPTED and job.kind != COMPARE
            kept = " What it has learnt is kept." if learnt else ""
            (st.error if job.state == jobs.FAILED else st.warning)(markdown(job.reason + kept))
        folder = runs.places().run(job.id)
        lead(job)
        history = read_history(folder)
        if history:
            if job.kind != "fit":
                st.caption(f"The last {'trial' if job.kind == 'tune' else 'fold'}:")
            livecurves.draw(history, epochs=int(history[-1]["epochs"]), key=f"ended-{job.id}")
        buttons(job)
        if said := last_words(folder, LINES):
            with st.expander("Log"):
                st.code("\n".join(said), language=None, wrap_lines=True)


def buttons(job: Job) -> None:
    """What can be done with a run that has ended."""
    with st.container(horizontal=True):
        if job.state != jobs.DONE and st.button(
            "Resume",
            key=f"resume-{job.id}",
            help="Begins again." if job.kind == COMPARE else "Goes on where it stopped.",
            type="primary" if job.state == jobs.INTERRUPTED else "secondary",
        ):
            running.resume(job)
        if job.kind != COMPARE and st.button("Run again with changes", key=f"again-{job.id}"):
            begin_with(dict(job.request))
        best = read(job, "best.json") if job.kind == "tune" else None
        if best and st.button("Train with the best settings", key=f"best-{job.id}"):
            begin_with({**job.request, "kind": "fit", "settings": best})
        if st.button("Delete", key=f"delete-{job.id}", icon=":material/delete:"):
            sure(job)


def begin_with(request: dict[str, Any]) -> None:
    """Fills the form, which stands above, with this request."""
    st.session_state[AGAIN] = request
    st.toast("The form for a new run, above, is filled in.")
    st.rerun()


@st.dialog("Delete this run?")
def sure(job: Job) -> None:
    """Asks before a run's files are removed."""
    kept = f" Candidate {job.version} stays among the models." if job.version else ""
    if job.kind == COMPARE and job.state == jobs.DONE:
        kept = " What was measured stays on the Models page."
    held = "its log" if job.kind == COMPARE else "its log, curves and weights"
    st.write(f"{runs.title(job)} with {held} is removed for good.{kept}")
    if st.button("Delete this run", type="primary"):
        act(lambda: jobs.delete(
            serving.database(), actor=guard.require(ADMIN).actor, job_id=job.id
        ))  # fmt: skip


def lead(job: Job) -> None:
    """What came of a run, and the way to it."""
    there = job.version and job.version in runs.places().registry.versions()
    if there and st.button(f"See candidate {job.version}", key=f"see-{job.id}", type="primary"):
        st.session_state["model"] = job.version
        st.session_state.pop(studies.CHOSEN, None)
        st.switch_page("admin/models.py")
    if job.kind == COMPARE and job.state == jobs.DONE:
        there = set(runs.places().registry.versions())
        both = {job.request["version"], job.request["other"]} <= there
        if both and st.button("See the comparison", key=f"see-{job.id}", type="primary"):
            comparing.choose(job.request["version"], job.request["other"])
            st.session_state.pop(studies.CHOSEN, None)
            st.switch_page("admin/models.py")
    if said := studies.sentence(job):
        st.write(said)
        if st.button("See the results", key=f"see-{job.id}"):
            st.session_state[studies.CHOSEN] = job.id
            st.switch_page("admin/models.py")


def read(job: Job, name: str) -> dict[str, Any] | None:
    """A result of a run, if it is there."""
    try:
        found: dict[str, Any] = json.loads((runs.places().run(job.id) / name).read_text())
    except (OSError, ValueError):
        return None
    return found


def duration(seconds: float) -> str:
    """How long something took."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

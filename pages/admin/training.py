"""Training: start a run, watch it, and see what became of earlier ones."""

import streamlit as st

from pages.components.frame import guard, saves, serving
from pages.components.learning import ended, estimating, runform, running, runs
from records.access import accounts
from records.access.actors import ADMIN, Actor
from records.models import jobs
from records.models.jobs import INTERRUPTED, Job
from training.runs.request import Request


def page(actor: Actor) -> None:
    """What runs, what waits; what ended last or was interrupted; a new run, and earlier ones."""
    st.title("Training", anchor=False)
    found = jobs.everything(serving.database(), actor=actor)
    people = accounts.names(serving.database(), actor=actor)
    names = {one.id: one.name for one in runs.sets()}
    busy = running.unfinished(found)
    if busy:
        running.live(busy, names)
    unfinished = {job_id for job_id, _ in busy}
    rest = [job for job in found if job.id not in unfinished]
    shown = [job for job in rest if job.state == INTERRUPTED or job is found[0]]
    asked = bool(st.session_state.get(ended.AGAIN))  # the form, filled in, is what was asked for
    if asked:
        new(actor, folded=False)
    for job in shown:
        ended.one(job, names, people, is_open=not asked or job.state == INTERRUPTED)
    if not asked:
        new(actor, folded=bool(found))
    earlier([job for job in rest if job not in shown], names, people)


def new(actor: Actor, *, folded: bool) -> None:
    """The form for a new run, folded up below runs that are at work or have just ended."""
    there = runs.sets()
    if not there:
        st.info(
            "There is nothing to learn from yet. Bring in a data set first: a folder or a ZIP of"
            " photos, ISIC 2019, or this clinic's own confirmed lesions."
        )
        if st.button("Go to the data", type="primary"):
            st.switch_page("admin/data.py")
        return
    with st.expander("New run", expanded=not folded):
        request = runform.ask(there)
        with st.container(horizontal=True):
            begin = st.button("Start", type="primary", disabled=request is None)
            weigh = st.button("Estimate time, memory and disk", disabled=request is None)
        if request and weigh:
            estimating.begin(request)
        if request:
            estimating.show(request)
        if request and begin:
            start(actor, request)


def start(actor: Actor, request: Request) -> None:
    """Asks for the run, and wakes a worker."""

    def ask() -> Job:
        return jobs.ask(
            serving.database(), actor=actor, kind=request.kind, request=request.to_dict()
        )

    if job := saves.attempt(ask):
        runs.wake(job.id)
        st.session_state.pop(ended.AGAIN, None)
        st.rerun()


def earlier(found: list[Job], names: dict[str, str], people: dict[str, str]) -> None:
    """The runs that have ended, newest first."""
    if not found:
        return
    st.subheader("Earlier runs", anchor=False)
    for job in found:
        ended.one(job, names, people)


page(guard.require(ADMIN).actor)

"""Two models measured beside each other because an administrator wants it: asked for, and watched.

It is a job like a training run, so it goes on when the page is left, and two who ask get one.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from pages.components.frame import guard, saves, serving
from pages.components.frame.words import count, markdown
from pages.components.learning import running, runs
from pages.components.learning.running import OFTEN
from records.access import accounts
from records.access.actors import ADMIN
from records.models import jobs
from records.models.jobs import CANCELLED, FAILED, INTERRUPTED, RUNNING, WAITING, Job
from skinmodel.bundle import CARD
from skinmodel.registry import card_hash
from training.data import clinic
from training.data.datasets import ABOUT, MANIFEST, DataSet, combined
from training.data.inspection import alike_in
from training.data.manifest import InvalidData
from training.data.seen import SEEN
from training.measuring.promotion import LEAST_MELANOMAS
from training.measuring.versus import unmet
from training.runs.beside import COMPARE, Beside
from training.runs.folder import read_progress


def choose(version: str, other: str) -> None:
    """Puts these two beside each other when the page of models opens."""
    st.session_state["model"] = version
    st.session_state[f"beside-{version}"] = other


def offer(candidate: Path, other: Path, found: Sequence[Job], *, measured: bool) -> None:
    """The comparison of the two that is at work or could not be made; the button for a new one."""
    job = latest(found, candidate.name, other.name)
    if job and job.state in (WAITING, RUNNING):
        watch(job.id, job.state)
        return
    if job and job.state in (INTERRUPTED, FAILED):
        (st.error if job.state == FAILED else st.warning)(markdown(job.reason))
    with st.container(horizontal=True):
        if job and job.state == INTERRUPTED:
            interrupted(job)
        elif st.button("Compare again …" if measured else "Compare them …", key="compare"):
            learnt = {one.name: learned_from(one.name, found) for one in (candidate, other)}
            ask(candidate, other, usual(candidate.name, found), learnt)


def latest(found: Sequence[Job], version: str, other: str) -> Job | None:
    """The newest job that compares these two, unless it was cancelled."""
    wanted = (version, other)
    pairs = (j for j in found if j.kind == COMPARE and j.state != CANCELLED)
    return next((j for j in pairs if (j.request["version"], j.request["other"]) == wanted), None)


def interrupted(job: Job) -> None:
    """What can be done with a comparison that was interrupted."""
    if st.button("Begin again", type="primary", key=f"resume-{job.id}"):
        running.resume(job)
    if st.button("Leave it", key=f"stop-{job.id}"):
        running.cancel(job)


@st.fragment(run_every=OFTEN)
def watch(job_id: str, drawn: str) -> None:
    """How far a comparison is; the page is drawn anew once its state is no longer `drawn`."""
    actor, database = guard.require(ADMIN).actor, serving.database()
    found = saves.attempt(lambda: jobs.everything(database, actor=actor))
    if found is None:
        return
    job = next((one for one in found if one.id == job_id), None)
    if job is None or job.state != drawn:
        st.rerun()
    people = accounts.names(database, actor=actor)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(gap=None):
                st.markdown(f"**{runs.title(job)}** · {markdown(runs.what(job))}")
                st.caption(
                    f"On {markdown(runs.data(job, {one.id: one.name for one in runs.sets()}))},"
                    f" asked for by {markdown(runs.who(job, people))}, {runs.moment(job.asked_at)}"
                )
            running.stop(job)
        if job.state == RUNNING:
            now = read_progress(runs.places().run(job.id))
            st.progress(running.share(now), running.words(job, now))
        else:
            st.progress(0.0, waits(job, found))


def waits(job: Job, found: Sequence[Job]) -> str:
    """What a job waits for."""
    ahead = [one for one in found if one.state == RUNNING]
    ahead += [one for one in found if one.state == WAITING and one.number < job.number]
    if not ahead:
        return "Waiting for the worker"
    names = " and ".join(runs.title(one).lower() for one in sorted(ahead, key=lambda j: j.number))
    return f"Waiting for {names}"


def learned_from(version: str, found: Sequence[Job]) -> list[str]:
    """The data sets that a run has made a model from and that are still there."""
    there = {one.id for one in runs.sets()}
    made_by = next((job for job in found if job.version == version), None)
    return [one for one in made_by.request["data"] if one in there] if made_by else []


def usual(version: str, found: Sequence[Job]) -> list[str]:
    """The data sets to begin with: those the candidate was made from, else the largest."""
    largest = max(runs.sets(), key=lambda one: one.lesions, default=None)
    return learned_from(version, found) or ([largest.id] if largest else [])


@st.dialog("Compare two models", width="medium")
def ask(
    candidate: Path, other: Path, chosen: Sequence[str], learnt: Mapping[str, Sequence[str]]
) -> None:
    """Asks on which data, says what there is to compare on, and begins.

    `learnt` are the data sets that each model's run learned from, where one is known.
    """
    there = runs.sets()
    st.write(
        f"Models {candidate.name} and {other.name} are shown the same photos, of lesions that"
        " neither has met. This goes on when you leave the page."
    )
    if not there:
        st.info("There is no data set to measure on. Bring one in on the Data page first.")
        return
    picked = st.pills(
        "Data sets", [one.id for one in there], selection_mode="multi",
        format_func=runs.labels(there).__getitem__, default=list(chosen),
        key=f"compare-on-{candidate.name}-{other.name}",
    )  # fmt: skip
    sets = [one for one in there if one.id in picked]
    sound = bool(sets) and _weigh(candidate, other, sets)
    for text in flattering(sets, there, learnt):
        st.warning(markdown(text), icon=":material/warning:")
    if clinic.ID in picked:
        st.caption("This clinic's confirmed lesions are made anew when it begins.")
    if st.button("Compare", type="primary", disabled=not sound, key="compare-now"):
        begin(Beside(tuple(sorted(picked)), candidate.name, other.name))


def flattering(
    sets: Sequence[DataSet], there: Sequence[DataSet], learnt: Mapping[str, Sequence[str]]
) -> list[str]:
    """A sentence for each data set with photos like those that one of the models learned from."""
    found = []
    for version, ids in learnt.items():
        for trained in (one for one in there if one.id in ids):
            for one in (one for one in sets if one.id not in ids):
                if photos := alike_in(one, trained):
                    found.append(
                        f"{count(photos, 'photo')} in {one.name} and {trained.name} look alike, and"
                        f" model {version} learned from {trained.name}: it may seem better than"
                        " it is."
                    )
    return found


def begin(request: Beside) -> None:
    """Asks for the comparison, and wakes a worker."""
    actor = guard.require(ADMIN).actor

    def carry_out() -> Job:
        return jobs.ask(
            serving.database(), actor=actor, kind=COMPARE, request=request.to_dict(),
            same=request.same(),
        )  # fmt: skip

    if job := saves.attempt(carry_out):
        runs.wake(job.id)
        st.rerun()


def _weigh(candidate: Path, other: Path, sets: Sequence[DataSet]) -> bool:
    """Says how many lesions neither has met; whether there are any."""
    folders = tuple(
        (str(one.folder), max(_changed(one.folder / name) for name in (ABOUT, MANIFEST)))
        for one in sets
    )
    models = tuple((str(folder), card_hash(folder)) for folder in (candidate, other))
    problems, (photos, lesions, melanomas), unsaid = _counted(folders, models)
    for text in problems:
        st.warning(markdown(text))
    if problems:
        return False
    st.markdown(
        f"**{count(lesions, 'lesion')}** that neither has met, with {count(photos, 'photo')};"
        f" {count(melanomas, 'melanoma')}."
    )
    for version in unsaid:
        st.caption(
            f"The card of model {markdown(version)} does not say which lesions it met, so only"
            " lesions of the test side count."
        )
    if melanomas < LEAST_MELANOMAS:
        st.caption(
            f"With fewer than {LEAST_MELANOMAS} melanomas, a promotion needs a second"
            " administrator's agreement all the same."
        )
    return True


# Tens of thousands of rows are read and hashed: once for each choice, not at every click.
@st.cache_data(show_spinner="Looking for lesions that neither has met", max_entries=64)
def _counted(
    folders: tuple[tuple[str, float], ...], models: tuple[tuple[str, str], ...]
) -> tuple[list[str], tuple[int, int, int], list[str]]:
    """What stands against it; photos, lesions and melanomas; which cards do not say what they met.

    `folders` are those of data sets, `models` those of the two, each with what tells it changed.
    """
    cards: list[dict[str, Any]] = [
        json.loads((Path(folder) / CARD).read_text(encoding="utf-8")) for folder, _ in models
    ]
    try:
        table = combined([DataSet.read(Path(folder)) for folder, _ in folders]).table
        fresh = unmet(table, cards[0], cards[1])
    except InvalidData as error:
        return error.problems, (0, 0, 0), []
    melanomas = fresh.loc[fresh["diagnosis"] == "MEL", "lesion"].nunique()
    unsaid = [str(card["version"]) for card in cards if SEEN not in card]
    return [], (len(fresh), fresh["lesion"].nunique(), int(melanomas)), unsaid


def _changed(file: Path) -> float:
    return file.stat().st_mtime if file.exists() else 0.0

"""A run at work: how far it is, how long it takes, and what it has learnt; it draws itself anew."""

from collections.abc import Callable, Iterable

import streamlit as st

from pages.components.frame import guard, saves, serving
from pages.components.frame.words import count, markdown
from pages.components.learning import livecurves, runs
from records.access import accounts
from records.access.actors import ADMIN
from records.models import jobs
from records.models.jobs import Job
from training.learning.config import TrainConfig
from training.runs.beside import COMPARE
from training.runs.folder import Progress, last_words, read_history, read_progress

OFTEN = 2.0  # seconds between two looks
LINES = 6  # of the log
STAGES = {
    "start": "Starting",
    "weights": "Fetching ImageNet's weights",
    "photos": "Reading photos",
    "features": "Computing features",
    "epoch": "Learning",
    "measure": "Measuring",
    "compare": "Comparing",
    "intervals": "Computing intervals",
    "register": "Storing the candidate",
}
SAME_STAGE = {"layout": "start"}


@st.fragment(run_every=OFTEN)
def live(drawn: frozenset[tuple[str, str]], names: dict[str, str]) -> None:
    """The runs at work and those that wait; the page is drawn anew once others do.

    `drawn` are the unfinished runs with their states, as the rest of the page shows them.
    """
    actor = guard.require(ADMIN).actor
    found = saves.attempt(lambda: jobs.everything(serving.database(), actor=actor))
    if found is None:
        return
    if unfinished(found) != drawn:
        st.rerun()
    people = accounts.names(serving.database(), actor=actor)
    for job in found:
        if job.state == jobs.RUNNING:
            one(job, names, people)
    waiting = [job for job in reversed(found) if job.state == jobs.WAITING]
    if waiting:
        queue(waiting, names, people)


def unfinished(found: Iterable[Job]) -> frozenset[tuple[str, str]]:
    """The runs at work and those that wait, each with its state."""
    return frozenset((j.id, j.state) for j in found if j.state in (jobs.RUNNING, jobs.WAITING))


def one(job: Job, names: dict[str, str], people: dict[str, str]) -> None:
    """A run at work."""
    folder = runs.places().run(job.id)
    now, history = read_progress(folder), read_history(folder)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container():
                who = runs.who(job, people)
                st.markdown(f"**{runs.title(job)}** · {markdown(runs.what(job))}")
                began = f" · started {runs.moment(job.begun_at)}" if job.begun_at else ""
                st.caption(markdown(f"{runs.sources(job, names)} · {who}{began}"))
            stop(job)
        st.progress(share(now), text=words(job, now))
        st.caption(steps(job, now))
        if job.kind != COMPARE:
            livecurves.draw(history, epochs=epochs(job, history, now), key=job.id)
        said = last_words(folder, LINES)
        if said:
            with st.expander("Last lines of the log"):
                st.code("\n".join(said), language=None, wrap_lines=True)


def queue(waiting: list[Job], names: dict[str, str], people: dict[str, str]) -> None:
    """The runs that wait, the next one first."""
    st.subheader(f"Queue: {count(len(waiting), 'run')}", anchor=False)
    for job in waiting:
        with st.container(horizontal=True, vertical_alignment="center"):
            who = runs.who(job, people)
            st.markdown(
                f"**{runs.title(job)}** · {markdown(runs.what(job))} · "
                + markdown(f"{runs.data(job, names)} · {who}")
            )
            stop(job)


def stop(job: Job) -> None:
    """The button that stops a run and keeps what it has learnt."""
    if job.wanted:
        st.button("Stopping", disabled=True, key=f"stop-{job.id}")
    elif st.button("Cancel", key=f"stop-{job.id}", help=kept(job)):
        cancel(job)


def cancel(job: Job) -> None:
    """Stops a run, and draws the page anew."""
    act(lambda: jobs.cancel(
        serving.database(), actor=guard.require(ADMIN).actor, job_id=job.id
    ))  # fmt: skip


def resume(job: Job) -> None:
    """Lets a run that was stopped go on, and draws the page anew."""

    def again() -> None:
        jobs.resume(serving.database(), actor=guard.require(ADMIN).actor, job_id=job.id)
        runs.wake(job.id)

    act(again)


def kept(job: Job) -> str:
    """What becomes of what a run has done when it is stopped."""
    if job.kind == COMPARE:
        return "Stops it. It can be begun again."
    return "Stops it and keeps what it has learnt."


def act(deed: Callable[[], object]) -> None:
    """Does it and draws the page anew; says why where it was refused."""
    if saves.attempt(lambda: (deed(), True)):
        st.rerun()


def share(now: Progress) -> float:
    """How much of the stage is done."""
    return min(1.0, now.done / now.total) if now.total else 0.0


def words(job: Job, now: Progress) -> str:
    """What is being done, how far it is, how long it takes."""
    parts = []
    if now.parts:
        parts.append(
            f"{'fold' if job.kind == 'cross-validate' else 'trial'} {now.part} of {now.parts}"
        )
    stage = SAME_STAGE.get(now.stage, now.stage)
    if stage == "epoch":
        at_work = min(int(now.done) + 1, int(now.total))
        parts.append(f"epoch {at_work} of {now.total:.0f}")
    elif stage == "weights" and now.total:
        parts.append(f"{STAGES[stage]}, {now.done / 1e6:.0f} of {now.total / 1e6:.0f} MB")
    elif stage == "measure" and now.total:
        at_work = min(int(now.done) + 1, int(now.total))
        parts.append(f"{STAGES[stage]}, step {at_work} of {now.total:.0f}")
    elif now.total:
        parts.append(f"{STAGES[stage]}, {now.done:,.0f} of {now.total:,.0f}")
    else:
        parts.append(STAGES.get(stage, "Working"))
    if len(parts) > 1:
        parts[1] = parts[1][0].lower() + parts[1][1:]
    if now.seconds_left is not None:
        parts.append(left(now.seconds_left) + then(job, stage))
    if now.images_per_second:
        parts.append(f"{now.images_per_second:,.0f} photos/s")
    text = " · ".join(parts)
    return text[0].upper() + text[1:]


def left(seconds: float) -> str:
    """A time that is left, in the digits it deserves."""
    if seconds < 60:
        return "under a minute left"
    if seconds < 3 * 3600:
        return f"{seconds / 60:.0f} min left"
    return f"{count(round(seconds / 3600), 'hour')} left"


def steps(job: Job, now: Progress) -> str:
    """All stages in a row, the one at work in bold."""
    here = SAME_STAGE.get(now.stage, now.stage)
    wanted = stages(job) if here != "weights" else ["start", here, *stages(job)[1:]]
    return " → ".join(f"**{STAGES[one]}**" if one == here else STAGES[one] for one in wanted)


def stages(job: Job) -> list[str]:
    """The stages of a run in their order, without those that are seldom needed."""
    if job.kind == COMPARE:
        return ["start", "compare", "intervals"]
    left_out = {"weights"}
    if job.kind != "fit":
        left_out |= {"measure", "compare", "intervals", "register"}
    if job.request["settings"].get("learns") != "head":
        left_out.add("features")
    return [one for one in STAGES if one not in left_out]


def then(job: Job, stage: str) -> str:
    """What follows on a stage: the time that is left is of the stage alone."""
    after = stages(job)[1:]
    if stage not in after[:-1] or job.kind not in ("fit", COMPARE):
        return ""
    return f", then {STAGES[after[after.index(stage) + 1]].lower()}"


def epochs(job: Job, history: livecurves.History, now: Progress) -> int:
    """How many epochs there will be."""
    if history:
        return int(history[-1]["epochs"])
    if now.stage == "epoch":
        return int(now.total)
    return int(job.request["settings"].get("epochs", TrainConfig().epochs))

"""Training runs on the screen: where they lie, what they are called, and what can be done."""

import datetime
import logging
from collections.abc import Sequence

import streamlit as st

import settings
from pages.components.frame.words import count
from records.models import jobs
from records.models.jobs import CANCEL, Job
from records.models.queue import Queue, open_queue
from skinmodel.export import long_date
from training.data.datasets import DataSet, data_sets
from training.runs.beside import COMPARE
from training.runs.request import IMAGENET, MODEL, Places

log = logging.getLogger("dermtrace")

KINDS = {"fit": "Train", "cross-validate": "Cross-validate", "tune": "Search settings"}  # to train
STATES = {
    jobs.WAITING: "waiting",
    jobs.RUNNING: "running",
    jobs.INTERRUPTED: "interrupted",
    jobs.CANCELLED: "cancelled",
    jobs.FAILED: "failed",
    jobs.DONE: "finished",
}


def places() -> Places:
    """Where runs find their data, their start and their room."""
    loaded = settings.load()
    return Places(loaded.data_dir, loaded.models_dir)


def sets() -> tuple[DataSet, ...]:
    """The data sets that can be trained on."""
    return tuple(one for one in data_sets(places().data_sets) if not one.fault)


def labels(there: Sequence[DataSet]) -> dict[str, str]:
    """What to call each data set where one is chosen: Streamlit takes one label for one choice."""
    names = [one.name for one in there]
    return {
        one.id: one.name if names.count(one.name) == 1 else f"{one.name} ({place})"
        for place, one in enumerate(there, start=1)
    }


def wake(job_id: str) -> None:
    """Tells a worker of a run. If the queue cannot be used now, a worker finds the run's row."""
    try:
        _queue(settings.load().database_url).send(job_id)
    except Exception as error:  # SQLite's and PostgreSQL's have nothing in common
        log.warning("The queue could not be used: %s", error)


@st.cache_resource(show_spinner=False)
def _queue(url: str) -> Queue:
    return open_queue(url, settings.load().data_dir, lambda _: None)


def title(job: Job) -> str:
    """What people call a run."""
    return f"Run {job.number}"


def what(job: Job) -> str:
    """What a run does, in a few words."""
    request = job.request
    if job.kind == COMPARE:
        return f"compare model {request['version']} with model {request['other']}"
    part = "head only" if request["settings"].get("learns") == "head" else "whole network"
    more = {
        "cross-validate": count(request["folds"], "fold"),
        "tune": count(request["trials"], "trial"),
    }
    words = [KINDS[job.kind].lower(), part, *([more[job.kind]] if job.kind in more else [])]
    return ", ".join(words)


def data(job: Job, there: dict[str, str]) -> str:
    """The names of a run's data sets; those that are gone by their id."""
    return " + ".join(there.get(one, one) for one in job.request["data"])


def who(job: Job, people: dict[str, str]) -> str:
    """Who asked for a run; the console has no name."""
    return people.get(job.account_id, job.account_id.capitalize())


def sources(job: Job, there: dict[str, str]) -> str:
    """The names of a run's data sets, and what it starts from."""
    if job.kind == COMPARE:
        return data(job, there)
    kind = job.request["start"]
    if kind == MODEL:
        begun = f"from model {job.request['version']}"
    else:
        begun = "from ImageNet's weights" if kind == IMAGENET else "from nothing"
    return f"{data(job, there)} · {begun}"


def state(job: Job) -> str:
    """How a run stands, in a word or two."""
    if job.state == jobs.RUNNING and job.wanted:
        return "stopping" if job.wanted == CANCEL else "stopping, then starting again"
    return STATES[job.state]


def moment(at: datetime.datetime) -> str:
    """A moment where the server stands: 12 Mar 2025, 14:02."""
    local = at.astimezone()
    return f"{long_date(local.date())}, {local:%H:%M}"

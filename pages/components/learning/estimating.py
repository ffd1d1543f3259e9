"""What a run will take, before it is started: measured by a process of its own, aside."""

import json
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

import streamlit as st

import settings
from pages.components.frame import aside
from pages.components.frame.aside import Task
from pages.components.frame.words import markdown
from pages.components.learning import runs
from records.models.jobs import digest_of
from skinmodel.deadline import Progress
from training.runs.estimate import Estimate
from training.runs.process import half_the_cores
from training.runs.request import Request

PATIENCE = 300.0  # seconds; a short run on a slow server takes a minute
KEPT = 8  # estimates of a session, which come back with their settings
BEGUN = "Beginning a very short run"
BUSY = "The server is too busy to say how long this takes."
FAILED = "How long this takes could not be measured. Perhaps there is too little memory."


class Trial:
    """A very short run under way, which can be given up."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._process: subprocess.Popen[str] | None = None
        self.given_up = False
        self.task: Task[Estimate] = Task(self._measure, BEGUN, placed=False)

    @property
    def at_work(self) -> bool:
        """Whether there is no answer yet."""
        return self.task.answer is None

    def give_up(self) -> None:
        """Ends it; there will be no estimate."""
        self.given_up = True
        if self._process:
            self._process.kill()

    def _measure(self, report: Progress) -> Estimate | str:
        """The estimate, or a sentence."""
        late = threading.Event()
        with subprocess.Popen(
            command(), cwd=settings.ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            self._process = process
            if self.given_up:
                process.kill()
            timer = threading.Timer(PATIENCE, lambda: (late.set(), process.kill()))
            timer.start()
            found: dict[str, Any] = {}
            try:
                assert process.stdin and process.stdout
                with suppress(OSError), process.stdin:
                    process.stdin.write(json.dumps(self._request.to_dict()))
                for line in process.stdout:
                    said = json.loads(line)
                    if "at" in said:
                        report(*said["at"])
                    else:
                        found = said
            finally:
                timer.cancel()
        if late.is_set():
            return BUSY
        if "problem" in found:
            return str(found["problem"])
        try:
            return Estimate(**found)
        except TypeError:
            return FAILED


def begin(request: Request) -> None:
    """Begins to measure this request; another one that is still measured is given up."""
    kept = _kept()
    for trial in kept.values():
        if trial.at_work:
            trial.give_up()
    key = _key(request)
    kept.pop(key, None)
    kept[key] = Trial(request)
    while len(kept) > KEPT:
        del kept[next(iter(kept))]


@st.fragment
@aside.part
def show(request: Request) -> None:
    """The estimate of this very request, or how far it is, once it was asked for."""
    key = _key(request)
    trial = _kept().get(key)
    if trial is None or trial.given_up:
        return
    found = trial.task.answer
    if found is None:
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container():
                aside.watch(trial.task)
            st.button("Stop the estimate", key="estimate-stop", on_click=trial.give_up)
    elif isinstance(found, str):
        st.warning(markdown(found))
    else:
        st.markdown(markdown(found.sentence()))
        for problem in found.problems():
            st.warning(markdown(problem))


def command() -> list[str]:
    """What measures: a program of its own, with a trainer's threads and priority."""
    places = runs.places()
    return [
        sys.executable, "-m", "training.runs.estimate", "--data-dir", str(places.data_dir),
        "--bundled", str(places.bundled), "--threads", str(half_the_cores()),
    ]  # fmt: skip


def _kept() -> dict[str, Trial]:
    kept: dict[str, Trial] = st.session_state.setdefault("estimates", {})
    return kept


def _key(request: Request) -> str:
    return digest_of(request.kind, request.to_dict())

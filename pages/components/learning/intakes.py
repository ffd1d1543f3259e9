"""Data sets that are being brought in: how far each is, and what stands in its way."""

import time
from collections.abc import Callable

import streamlit as st

from pages.components.frame import guard, serving
from pages.components.frame.words import count, markdown, time_left
from pages.components.learning import templates
from records import audit
from records.access.actors import ADMIN, Actor
from training.data import intake
from training.data.intake import Intake

STALLED = 10.0  # seconds without a byte that are worth a word
EVERY = 1.5  # seconds between two looks
LISTED = 12  # problems
STAGES = {
    "starting": "Starting",
    "downloading": "Fetching",
    "copying": "Taking the photos over",
    "unpacking": "Unpacking",
    "reading": "Reading the photos",
    "comparing": "Looking for photos that are there twice",
}


def watch() -> None:
    """Draws the unfinished intakes, again and again while one is at work."""
    found = intake.intakes(serving.datasets())
    busy = any(one.running for one in found)
    st.fragment(_draw, run_every=EVERY if busy else None)(len(found), busy)


def _draw(before: int, busy: bool) -> None:
    found = intake.intakes(serving.datasets())
    if len(found) != before or (busy and not any(one.running for one in found)):
        st.rerun()  # one has become a data set, or waits for somebody
    for one in found:
        with st.container(border=True):
            st.markdown(f"**{markdown(one.request.name)}**")
            (_running if one.running else _waiting)(one)


def _running(one: Intake) -> None:
    state = one.state
    share = state.done / state.total if state.total else 0.0
    what = STAGES.get(state.stage, "Working")
    if state.total:
        what += f" · {_amount(state.done, state.unit)} of {_amount(state.total, state.unit)}"
        what += " files" if state.unit == "files" else ""
    idle = time.time() - state.moved_at if state.moved_at else 0.0
    if state.stage == "downloading" and idle > STALLED:
        what += f" · nothing has arrived for {idle:.0f} s, it is tried again"
    elif state.seconds_left is not None:
        what += f" · {time_left(state.seconds_left)}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(share, 1.0), what)
        if (one.folder / intake.CANCEL).exists():
            st.caption("Stopping ...", width="content")
        else:
            word = "Stop" if one.request.files else "Cancel"
            _button(word, one, "cancel", _cancel, "data intake stopped")


def _waiting(one: Intake) -> None:
    """What an intake that does not run waits for."""
    state = one.state
    if state.stage == "refused":
        st.markdown("Not taken. Nothing of it is used.")
        st.markdown("\n".join(f"- {markdown(text)}" for text in state.problems[:LISTED]))
        if len(state.problems) > LISTED:
            st.caption(f"And {len(state.problems) - LISTED} more.")
        if one.request.kind != "clinic":
            templates.offer(key=one.request.id)
    elif state.stage == "stopped":
        st.markdown("Stopped. What arrived is kept.")
    elif state.stage == "failed":
        st.markdown(" ".join(markdown(text) for text in state.problems))
    else:
        st.markdown("Interrupted: the server was restarted, or the process was ended.")
    with st.container(horizontal=True):
        if state.rows:
            _button(
                f"Leave {count(len(state.rows), 'photo')} out and go on",
                one,
                "agree",
                lambda one, _: _go_on(one, agreed=True),
                "photos left out",
                photos=len(state.rows),
            )
        elif state.stage != "refused":
            _button("Go on", one, "go-on", lambda one, _: _go_on(one), "data intake resumed")
        _button("Discard", one, "cancel", _cancel, "data intake discarded")


def _go_on(one: Intake, *, agreed: bool = False) -> None:
    if agreed:
        intake.agree(one.folder, one.state.rows)
    intake.start(one.folder)


def _cancel(one: Intake, actor: Actor) -> None:
    intake.cancel(one.folder, by=actor.account_id)


def _button(
    label: str,
    one: Intake,
    key: str,
    deed: Callable[[Intake, Actor], None],
    kind: str,
    **detail: int,
) -> None:
    """A button that does something to an intake, and notes who pressed it."""
    if st.button(label, key=f"{key}-{one.request.id}"):
        actor = guard.require(ADMIN).actor
        deed(one, actor)
        note(actor, kind, one.request.id, **detail)
        st.rerun()


def note(actor: Actor, kind: str, data_set: str, **detail: int | str) -> None:
    """Writes into the audit log what was done with a data set."""
    audit.note(serving.database(), actor=actor, kind=kind, object_id=data_set, detail=detail)


def _amount(number: int, unit: str) -> str:
    """A number of photos, or of bytes as people say it."""
    if unit != "bytes":
        return f"{number:,}"
    return f"{number / 1e9:.1f} GB" if number >= 1e8 else f"{number / 1e6:.1f} MB"

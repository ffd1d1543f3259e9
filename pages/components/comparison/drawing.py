"""Drawing over a photo by hand in a dialog: its opening and end, and who has drawn before."""

import datetime
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import streamlit as st

from pages.components.comparison.pairs import Shot
from pages.components.frame import aside, guard, saves, serving
from pages.components.frame.aside import Task
from pages.components.frame.words import count, markdown
from records.access import accounts
from records.access.actors import CLINICIAN
from skinmodel.deadline import Progress
from skinmodel.export import long_date

Sheet = TypeVar("Sheet")
DIALOG = "drawing-dialog"  # Streamlit's name of the one opened last


class Drawn(Protocol):
    """Something drawn over a photo; `current` unless something later replaces it."""

    @property
    def current(self) -> bool: ...
    @property
    def at(self) -> datetime.datetime: ...
    @property
    def account_id(self) -> str: ...


Some = TypeVar("Some", bound=Drawn)


def offer(form: str, label: str, shot: Shot, *, icon: str) -> bool:
    """A button for one photo; whether it was clicked, and the dialog `form` begins anew."""
    return st.button(
        f"{label} {shot.label}",
        key=f"{form}-{shot.photo.id}",
        icon=icon,
        type="tertiary",
        on_click=begin,
        args=(form,),
    )


def begin(form: str) -> None:
    """The dialog is opened: it starts from what is current, and what it saves is new."""
    st.session_state.pop(_kept(form), None)
    saves.begin(form)


def opened(form: str, shot: Shot, make: Callable[[Progress], Sheet]) -> Sheet | None:
    """What is drawn on, made once per opening; None, which is said, until or unless it is there.

    To be called in a `part`.
    """
    st.session_state[DIALOG] = aside.this()
    of, task = st.session_state.get(_kept(form), ("", None))
    if task is None or of != shot.photo.id:
        task = Task(make, "Opening")
        st.session_state[_kept(form)] = shot.photo.id, task
    answer: Sheet | str | None = task.answer
    if answer is None:
        aside.watch(task)
    elif isinstance(answer, str):
        st.warning(markdown(answer))
        return None
    return answer


def leave() -> None:
    """The dialog is closed with nothing saved; what still opens is drawn into no other."""
    aside.end(st.session_state.pop(DIALOG, ""))


def close(form: str) -> None:
    """Ends the dialog; the page is drawn with what was saved."""
    st.session_state.pop(_kept(form), None)
    st.rerun()


def standing(every: Sequence[Some]) -> Some | None:
    """What holds of all that was drawn."""
    return next((one for one in every if one.current), None)


def signed(one: Drawn) -> str:
    """Who drew it, and when."""
    names = accounts.names(serving.database(), actor=guard.require(CLINICIAN).actor)
    who = markdown(names.get(one.account_id, "somebody"))
    return f"{who} on {long_date(one.at.astimezone().date())}"


def before(every: Sequence[Drawn], noun: str) -> str:
    """How many stood before, in a sentence that follows another; nothing if none did."""
    return f" {count(len(every) - 1, f'earlier {noun}')} kept." if len(every) > 1 else ""


def _kept(form: str) -> str:
    return f"drawing-{form}"

"""The result of one lesion: photo and differential, what may be stated, exported, and looked at."""

from typing import Any

import streamlit as st

from pages.components.examination import menu, statement, trend, viewer
from pages.components.examination import tray as trays
from pages.components.examination.tray import Result, Tray
from pages.components.frame import paging
from pages.components.frame.words import markdown
from skinmodel import evidence, sentences
from skinmodel.export import DISCLAIMER, long_date, refusal
from skinmodel.unknown import THRESHOLD

AT_ONCE = 24  # visits sent to the browser; more are turned over like pages


@st.fragment
def show(tray: Tray, result: Result) -> None:
    """The photo and the answer; a fragment, so that looking around reruns nothing else."""
    visits = range(len(result.analysis.visits))
    seen = paging.turned("Visits", len(visits), each=AT_ONCE, key="answer-page", newest=True)
    outside = evidence.notice(result.card, tray.stated)
    notices = (outside,) if outside else ()
    hidden = withheld(tray, result)
    said = {
        "notices": [*_refusal(result), *notices],
        "warnings": sentences.together(result.warnings),
        "facts": _facts(tray, result),
    }
    shown = viewer.view(
        _view(result, visits[seen], hidden=hidden) | said,
        key="viewer",
        on_reveal=lambda: tray.revealed.add(result.mark),
    )
    with st.container(horizontal=True):
        if hidden:
            _without(tray, result)
        else:
            menu.export(result, shown, stated=tray.stated, notices=notices)
        statement.ask(tray)
        if st.button("About the model", icon=":material/info:"):
            st.switch_page("clinic/model.py")
        if st.button("Start with another lesion", icon=":material/add:"):
            trays.clear()
            st.rerun()
    if len(visits) > 1 and not hidden:
        trend.draw(result.analysis, theme=st.context.theme.type or "light")


def _without(tray: Tray, result: Result) -> None:
    """The way on where some photos are strange and others are not."""
    photos = zip(result.analysis.photos, result.analysis.unknown_by_photo, strict=True)
    strange = {photo.sha256: photo.name for photo, far in photos if far > THRESHOLD}
    if len(strange) < len(result.analysis.photos):
        what = next(iter(strange.values())) if len(strange) == 1 else f"these {len(strange)} photos"
        if st.button(f"Analyse without {markdown(what)}", type="primary", key="without"):
            tray.set_aside(strange)
            tray.wanted = True
            st.rerun()


def prepare(tray: Tray, result: Result) -> None:
    """Makes what `show` shows first, which takes a moment."""
    newest = range(len(result.analysis.visits))[-AT_ONCE:]
    _view(result, newest, hidden=withheld(tray, result))


def withheld(tray: Tray, result: Result) -> bool:
    """Whether a result's numbers are kept back: it is none, and nobody has asked for them."""
    return not (result.analysis.assessed or result.drawn or result.mark in tray.revealed)


def _view(result: Result, visits: range, *, hidden: bool) -> dict[str, Any]:
    seen = visits, hidden
    if seen not in result.views:
        result.views[seen] = viewer.describe(result, visits=visits, withheld=hidden)
    return result.views[seen]


def _refusal(result: Result) -> tuple[str, ...]:
    """Why a result is none; drawn lesions are for practice and never refused."""
    text = refusal(result.analysis)
    return () if text is None or result.drawn else (text, *sentences.strangeness(result.analysis))


def _facts(tray: Tray, result: Result) -> tuple[str, ...]:
    """What every result says about itself."""
    made = f"Model {result.analysis.model_version}, analysed on {long_date(result.made_on)}."
    if not withheld(tray, result):
        made += f" {sentences.mix(result.analysis)}"
    stated = tray.stated.words()
    return (
        f"{DISCLAIMER}.",
        made,
        *((f"Stated: {stated}.",) if stated else ()),
        *result.analysis.notes,
    )

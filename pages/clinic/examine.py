"""Examine: photos of one lesion in, a ranked differential with heat maps out."""

import logging
import secrets
from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.components import card, examples, guard, listing, menu, serving, trend, uploads, viewer
from pages.components import tray as trays
from pages.components.tray import Result, Tray
from pages.components.words import count, span
from records.actors import CLINICIAN
from skinmodel.analysis import NO_RESULT, AnalysisFailed, analyse
from skinmodel.bundle import Model
from skinmodel.deadline import Overdue
from skinmodel.export import DISCLAIMER, long_date
from skinmodel.series import arrange
from skinmodel.weights import InvalidModel

VISITS_AT_ONCE = 24  # sent to the browser; more are turned over like pages

log = logging.getLogger("dermtrace")


def examine(model: Model, tray: Tray) -> None:
    """What there is to see first, then what can be added and changed."""
    if tray.wanted and tray.items:
        run(model, tray)
    result = tray.results.get(tray.shown) if tray.shown else None
    outdated = result is not None and tray.key(model) != tray.shown
    if result:
        with st.container():  # there even when empty, so that the viewer keeps its place
            if outdated:
                say_outdated(tray)
        show(model, result)
        st.header("Photos", anchor=False)
        take_in(tray, "Add photos of the same lesion: JPEG, PNG or WebP")
    else:
        st.title("Examine a lesion", anchor=False)
        if tray.failure:
            st.error(tray.failure)
        left, right = st.columns([3, 2], gap="large")
        with left:
            if not tray.items:
                invite()
            take_in(tray, "Dermoscopic photos of one lesion: JPEG, PNG or WebP")
        if not tray.items:
            with right:
                examples.offer(tray)
        viewer.preload()
    if tray.items or tray.removed:
        action = f"Analyse {count(len(tray.items), 'photo')}"
        listing.photos(tray, action="Analyse again" if outdated else "" if result else action)


def take_in(tray: Tray, label: str) -> None:
    """Receives photos and says which were refused, and why."""
    most = serving.limits()
    uploads.receive(
        tray,
        serving.decoder(),
        label=label,
        limit=most.max_photos,
        max_bytes=most.max_upload_bytes,
    )
    uploads.refusals(tray)


def invite() -> None:
    """What this page is for."""
    st.write(
        "Add dermoscopic photos of one lesion: one photo, or several taken over time."
        " You get a ranked differential over eight diagnoses, and heat maps of what the"
        " network looked at. It supports a decision; it is not a diagnosis."
    )


def say_outdated(tray: Tray) -> None:
    """Says that the result below is of other photos or dates."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning("The result below is outdated: photos, dates or the model have changed.")
        if tray.items:
            listing.analyse(tray, "Analyse again", key="analyse-again")


def run(model: Model, tray: Tray) -> None:
    """Analyses the photos, or finds the result of the very same photos and dates."""
    key = tray.key(model)
    tray.failure = ""
    if key in tray.results:
        tray.shown, tray.wanted = key, False
        return
    seconds = serving.limits().max_analysis_seconds
    progress = wait_for(tray)
    try:
        analysis = serving.places().run(
            lambda report: analyse(model, tray.series(), refused=tray.missing, progress=report),
            seconds=seconds,
            progress=progress,
        )
    except (AnalysisFailed, Overdue) as error:
        reference = secrets.token_hex(2).upper()
        log.error("Reference %s: the analysis failed: %s", reference, error or "too slow")
        late = f" It took longer than {seconds:.0f} seconds." if isinstance(error, Overdue) else ""
        tray.failure = f"{NO_RESULT}{late} Nothing was lost. Reference {reference}"
        tray.shown, tray.wanted = None, False
    else:
        log.info("Analysed %d photos in %.2f s", len(tray.items), analysis.timings["total"])
        result = tray.keep(key, analysis)
        view(result, pages_of(result)[-1])  # takes a moment, in which the photo shall not vanish
        tray.wanted = False  # only now: a click meanwhile starts the page, and so this, again
    st.rerun()


def wait_for(tray: Tray) -> Callable[[float, str], None]:
    """The photo, waiting for its answer, just where that will stand; returns the progress bar."""
    st.container()
    with st.container():
        viewer.view(viewer.waiting(arrange(tray.series())), key="viewer")
        with st.container(horizontal=True, vertical_alignment="center"):
            bar = st.progress(0.0, f"Analysing {count(len(tray.items), 'photo')}")
            st.button("Cancel", on_click=setattr, args=(tray, "wanted", False), key="cancel")
    return bar.progress


@st.fragment
def show(model: Model, result: Result) -> None:
    """The photo and the answer; a fragment, so that looking around reruns nothing else."""
    visits = range(len(result.analysis.visits))
    pages = pages_of(result)
    first = pages[-1]
    if len(pages) > 1:
        first = st.segmented_control(
            "Visits",
            pages,
            default=first,
            required=True,
            format_func=lambda at: span(at, VISITS_AT_ONCE, len(visits)),
        )
    shown = viewer.view(view(result, first), key="viewer")
    with st.container(horizontal=True):
        menu.export(result, shown)
        if st.button("About the model", icon=":material/info:"):
            card.show(model.card)
        if st.button("Start with another lesion", icon=":material/add:"):
            trays.clear()
            st.rerun()
    if len(visits) > 1:
        trend.draw(result.analysis, theme=st.context.theme.type or "light")


def pages_of(result: Result) -> range:
    """The first visit of each page of visits."""
    return range(0, len(result.analysis.visits), VISITS_AT_ONCE)


def view(result: Result, first: int) -> dict[str, Any]:
    """What the browser draws of one page of visits, made once."""
    if first not in result.views:
        visits = range(len(result.analysis.visits))[first : first + VISITS_AT_ONCE]
        result.views[first] = viewer.describe(result, visits=visits, facts=facts(result))
    return result.views[first]


def facts(result: Result) -> tuple[str, ...]:
    """What every result says about itself."""
    prior = {
        "training": "Probabilities at the training mix, not your clinic's.",
        "clinic": "Probabilities at this clinic's case mix.",
        "balanced": "Probabilities as if all diagnoses were equally common.",
    }[result.analysis.prior]
    model = f"Model {result.analysis.model_version}, analysed on {long_date(result.made_on)}."
    return f"{DISCLAIMER}.", f"{model} {prior}", *result.analysis.notes


guard.require(CLINICIAN)
try:
    examine(serving.model(), trays.current())
except InvalidModel as error:
    st.error(f"DermTrace has no model to use. {error}")

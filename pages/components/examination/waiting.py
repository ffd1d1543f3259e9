"""The network at work on a lesion's photos: how far it is, and what there is when it ends."""

import logging
import secrets
from collections.abc import Callable

import streamlit as st

from pages.components.examination import answer, viewer
from pages.components.examination.tray import Result, Tray
from pages.components.frame import serving
from pages.components.frame.words import count
from skinmodel import analysis
from skinmodel.bundle import Model
from skinmodel.casemix import CaseMix
from skinmodel.deadline import Overdue
from skinmodel.series import arrange

log = logging.getLogger("dermtrace")


class NoResult(Exception):
    """The network gave no result; the text says so, with a reference to the log."""


def analyse(model: Model, mix: CaseMix | None, tray: Tray) -> None:
    """Analyses the photos, or finds the result of the very same photos and dates.

    The probabilities are at the clinic's case mix where it has set one, else at the training mix.
    """
    key = tray.key(model, mix)
    tray.failure = ""
    if key in tray.results:
        tray.shown, tray.wanted = key, False
        return
    try:
        result = compute(model, mix, tray, progress=_wait(tray))
    except NoResult as reason:
        tray.failure = str(reason)
        tray.shown, tray.wanted = None, False
    else:
        answer.prepare(tray, result)  # while the photo still stands there
        tray.wanted = False  # only now: a click meanwhile starts the page, and so this, again
    st.rerun()


def compute(
    model: Model, mix: CaseMix | None, tray: Tray, *, progress: Callable[[float, str], None]
) -> Result:
    """The network's result of the tray's photos, kept there; NoResult with a sentence."""
    series, missing = tray.series(), tray.missing
    seconds, recall = serving.limits().max_analysis_seconds, serving.recall()
    try:
        found = serving.places().run(
            lambda report: analysis.analyse(
                model,
                series,
                prior=mix or "training",
                refused=missing,
                progress=report,
                recall=recall,
            ),
            seconds=seconds,
            progress=progress,
        )
    except (analysis.AnalysisFailed, Overdue) as error:
        reference = secrets.token_hex(2).upper()
        log.error("Reference %s: the analysis failed: %s", reference, error or "too slow")
        late = f" It took longer than {seconds:.0f} seconds." if isinstance(error, Overdue) else ""
        raise NoResult(
            f"{analysis.NO_RESULT}{late} Nothing was lost. Reference {reference}"
        ) from error
    log.info("Analysed %d photos in %.2f s", len(series), found.timings["total"])
    return tray.keep(tray.key(model, mix), found, card=model.card)


def _wait(tray: Tray) -> Callable[[float, str], None]:
    """The photo, waiting for its answer, just where that will stand; returns the progress bar."""
    st.container()  # where the page says that a result is outdated
    with st.container():
        viewer.view(viewer.waiting(arrange(tray.series())), key="viewer")
        with st.container(horizontal=True, vertical_alignment="center"):
            bar = st.progress(0.0, f"Analysing {count(len(tray.items), 'photo')}")
            st.button("Cancel", on_click=setattr, args=(tray, "wanted", False), key="cancel")
    return bar.progress

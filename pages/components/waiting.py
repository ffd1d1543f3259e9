"""The network at work on a lesion's photos: how far it is, and what there is when it ends."""

import logging
import secrets
from collections.abc import Callable

import streamlit as st

from pages.components import answer, serving, viewer
from pages.components.tray import Tray
from pages.components.words import count
from skinmodel import analysis
from skinmodel.bundle import Model
from skinmodel.casemix import CaseMix
from skinmodel.deadline import Overdue
from skinmodel.series import arrange

log = logging.getLogger("dermtrace")


def analyse(model: Model, mix: CaseMix | None, tray: Tray) -> None:
    """Analyses the photos, or finds the result of the very same photos and dates.

    The probabilities are at the clinic's case mix where it has set one, else at the training mix.
    """
    key = tray.key(model, mix)
    tray.failure = ""
    if key in tray.results:
        tray.shown, tray.wanted = key, False
        return
    series, missing = tray.series(), tray.missing
    seconds = serving.limits().max_analysis_seconds
    try:
        found = serving.places().run(
            lambda report: analysis.analyse(
                model, series, prior=mix or "training", refused=missing, progress=report
            ),
            seconds=seconds,
            progress=_wait(tray),
        )
    except (analysis.AnalysisFailed, Overdue) as error:
        reference = secrets.token_hex(2).upper()
        log.error("Reference %s: the analysis failed: %s", reference, error or "too slow")
        late = f" It took longer than {seconds:.0f} seconds." if isinstance(error, Overdue) else ""
        tray.failure = f"{analysis.NO_RESULT}{late} Nothing was lost. Reference {reference}"
        tray.shown, tray.wanted = None, False
    else:
        log.info("Analysed %d photos in %.2f s", len(series), found.timings["total"])
        answer.prepare(tray, tray.keep(key, found))  # while the photo still stands there
        tray.wanted = False  # only now: a click meanwhile starts the page, and so this, again
    st.rerun()


def _wait(tray: Tray) -> Callable[[float, str], None]:
    """The photo, waiting for its answer, just where that will stand; returns the progress bar."""
    st.container()  # where the page says that a result is outdated
    with st.container():
        viewer.view(viewer.waiting(arrange(tray.series())), key="viewer")
        with st.container(horizontal=True, vertical_alignment="center"):
            bar = st.progress(0.0, f"Analysing {count(len(tray.items), 'photo')}")
            st.button("Cancel", on_click=setattr, args=(tray, "wanted", False), key="cancel")
    return bar.progress

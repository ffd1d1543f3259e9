"""Examine: photos of one lesion in, a ranked differential with heat maps out."""

import streamlit as st

from pages.components.examination import (
    answer,
    examples,
    impression,
    listing,
    opening,
    saving,
    uploads,
    viewer,
    waiting,
)
from pages.components.examination.tray import Tray
from pages.components.frame import guard, serving
from pages.components.frame.serving import InUse
from pages.components.frame.words import count
from records.access.actors import CLINICIAN
from skinmodel.casemix import CaseMix, InvalidCaseMix
from skinmodel.weights import InvalidModel

WIDTH = 736  # pixels: what there is to give is no longer than a line one reads


def examine(in_use: InUse, mix: CaseMix | None, tray: Tray) -> None:
    """What there is to see first, then what can be added and changed."""
    model = in_use.model
    if in_use.problem:
        st.warning(in_use.problem)
    if tray.wanted and tray.items:
        if impression.needed(tray):
            opening.show(tray)
            impression.ask(tray)
            return
        waiting.analyse(model, mix, tray)
    result = tray.results.get(tray.shown) if tray.shown else None
    outdated = result is not None and tray.key(model, mix) != tray.shown
    if result:
        with st.container():  # there even when empty, so that the viewer keeps its place
            saving.bar(tray, None if outdated else result)
            if outdated:
                say_outdated(tray)
        answer.show(tray, result)
        st.header("Photos", anchor=False)
        take_in(tray, "Add photos of the same lesion: JPEG, PNG, WebP or DICOM")
    else:
        opening.show(tray)
        st.title("Add a visit" if tray.opened else "Examine a lesion", anchor=False)
        if tray.failure:
            st.error(tray.failure)
        asked = "Dermoscopic photos of one lesion: JPEG, PNG, WebP or DICOM"
        if tray.items or tray.opened:
            with st.container(width=WIDTH):
                take_in(tray, asked)
        else:
            left, right = st.columns([3, 2], gap="large")
            with left:
                invite()
                take_in(tray, asked)
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
        max_archive=most.max_archive_bytes,
        most=most.max_session_bytes,
    )
    uploads.questions(tray)
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
        st.warning(
            "The result below is outdated: photos, dates, the model or the case mix have changed."
        )
        if tray.items:
            listing.analyse(tray, "Analyse again", key="analyse-again")


who = guard.require(CLINICIAN).actor
try:
    examine(serving.in_use(), serving.case_mix(), opening.follow(who))
except InvalidModel as error:
    st.error(f"DermTrace has no model to use. {error}")
except InvalidCaseMix as error:
    st.error(f"{error} An administrator can set it anew.")

"""Lesion: one over its visits, or all of a patient's on the body map; each by its own address."""

import streamlit as st

from pages.components.comparison import compare, filmstrip, similar, timeline
from pages.components.examination import assessments, opening
from pages.components.frame import guard, removing, saves, serving
from pages.components.frame.words import count, markdown
from pages.components.patient import (
    banner,
    body,
    confirming,
    forms,
    history,
    identity,
    lesionlist,
    moving,
    overviews,
    planning,
)
from pages.components.report import exporting, reporting
from records.access.actors import CLINICIAN, Actor
from records.clinic import lesions, series
from records.clinic.series import LesionPage
from records.errors import NotFound, RecordError

SHORT = 90  # characters that a phone shows in two lines


def one_lesion(actor: Actor, lesion_id: str) -> None:
    """A lesion: its photos in time, what the model said, what was found, what is planned."""
    page = series.page(
        serving.database(), actor=actor, lesion_id=lesion_id, model_sha256=serving.model_sha256()
    )
    banner.show(page.patient, page.lesion)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(identity.lesion(page.lesion), anchor=False, width="content")
        with st.container(horizontal=True, horizontal_alignment="right"):
            opening.add_visit(page)
            reporting.offer(page)
            exporting.offer(page)
            lesion_menu(page)
    told(page.lesion.fields.history)
    comparison = st.container()
    filmstrip.show(actor, page)
    course = st.container()
    left, right = st.columns([3, 2], gap="large")
    with left:
        assessments.show(page)
    with right:
        confirming.show(page)
        planning.show(page.lesion, page.plans)
    similar.show(page)
    history.show(actor, page)
    with comparison:  # last, so that all else stands there while it is made
        compare.show(page)
    with course:
        timeline.show(page)


def told(text: str) -> None:
    """What was noted of a lesion; a long text is folded, so that the photo stays in sight."""
    if not text:
        return
    first, *more = text.splitlines()
    if len(first) <= SHORT and not more:
        st.text(text)
        return
    start = first if len(first) <= SHORT else f"{first[:SHORT].rsplit(' ', 1)[0]} ..."
    with st.expander(markdown(start)):
        st.text(text)


def lesion_menu(page: LesionPage) -> None:
    """What is seldom done to a lesion."""
    patient = page.patient
    if st.button("All lesions of this patient"):
        st.switch_page("clinic/lesion.py", query_params={"patient": patient.id})
    with st.popover("More"):
        if st.button("Change label, site or history", type="tertiary"):
            forms.lesion(patient, page.lesion)
        if st.button("Move to another patient", type="tertiary"):
            moving.lesion(page)
        if st.button("Delete this lesion", type="tertiary"):
            removing.ask(
                "lesion",
                page.lesion.id,
                name=f"{identity.lesion(page.lesion)}, of patient {identity.patient(patient)}",
                after={"patient": patient.id},
            )


def one_patient(actor: Actor, patient_id: str) -> None:
    """A patient: the body map, and every lesion."""
    patient, found = lesions.of_patient(serving.database(), actor=actor, patient_id=patient_id)
    label = forms.next_label([one.lesion.fields.label for one in found])
    banner.show(patient)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(count(len(found), "lesion"), anchor=False, width="content")
        with st.container(horizontal=True, horizontal_alignment="right"):
            if st.button(
                "Add a lesion",
                type="primary",
                icon=":material/add:",
                on_click=saves.begin,
                args=("lesion",),
            ):
                forms.lesion(patient, label=label)
            with st.popover("More"):
                if st.button("Change the patient's data", type="tertiary"):
                    forms.patient(patient)
                if st.button("Delete this patient", type="tertiary"):
                    removing.ask(
                        "patient",
                        patient.id,
                        name=f"patient {identity.patient(patient)}",
                        after={},
                    )
    left, right = st.columns([2, 3], gap="large")
    with left:
        opened, place = body.overview([one.lesion for one in found], key="map")
        st.caption("A mark opens its lesion; a click beside the marks adds one there.")
    if opened:
        st.switch_page("clinic/lesion.py", query_params={"lesion": opened})
    if place:
        saves.begin("lesion")
        forms.lesion(patient, place=place, label=label)
    with right:
        lesionlist.show(actor, found)
    overviews.show(actor, patient)


who = guard.require(CLINICIAN).actor
try:
    if "lesion" in st.query_params:
        one_lesion(who, st.query_params["lesion"])
    elif "patient" in st.query_params:
        one_patient(who, st.query_params["patient"])
    else:
        raise NotFound("No lesion is open.")
except RecordError as error:
    st.error(str(error))
    if st.button("Find a patient"):
        st.switch_page("clinic/patients.py")

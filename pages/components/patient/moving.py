"""What was misfiled goes where it belongs: found first, then asked about, then moved."""

import streamlit as st

from pages.components.frame import guard, saves, serving
from pages.components.patient import identity
from records.access.actors import CLINICIAN
from records.clinic import lesions, moves, search
from records.clinic.patients import Patient
from records.clinic.series import LesionPage


@st.dialog("Move to another patient")
def lesion(page: LesionPage) -> None:
    """Gives a lesion with all that belongs to it to another patient."""
    actor = guard.require(CLINICIAN).actor
    st.write(f"{identity.lesion(page.lesion)}, now of patient {identity.patient(page.patient)}.")
    wanted = choose("Move to", without=page.patient.id)
    if wanted is None:
        return
    st.write(f"Move it, with all visits and assessments, to patient {identity.patient(wanted)}?")
    if not st.button("Move", key="move-now"):
        return

    def move() -> bool:
        moves.move_lesion(
            serving.database(), actor=actor, lesion_id=page.lesion.id, patient_id=wanted.id
        )
        return True

    if saves.attempt(move):
        st.rerun()


@st.dialog("Move to another lesion")
def photo(photo_id: str, *, name: str) -> None:
    """Gives a photo to another lesion, of this or another patient, on a visit of the same day."""
    actor, database = guard.require(CLINICIAN).actor, serving.database()
    st.write(f"{name[0].upper()}{name[1:]}")
    wanted = choose("Move to")
    if wanted is None:
        return
    _, found = lesions.of_patient(database, actor=actor, patient_id=wanted.id)
    by_id = {one.lesion.id: identity.lesion(one.lesion) for one in found}
    chosen: str | None = st.radio("Lesion", [*by_id], index=None, format_func=by_id.__getitem__)
    if not by_id:
        st.caption("This patient has no lesion yet.")
    if chosen is None:
        return
    st.write(f"Move it to {by_id[chosen]}, of patient {identity.patient(wanted)}?")
    if not st.button("Move", key="move-now"):
        return

    def move() -> bool:
        moves.move_photo(database, actor=actor, photo_id=photo_id, lesion_id=chosen)
        return True

    if saves.attempt(move):
        st.rerun()


def choose(label: str, *, without: str = "") -> Patient | None:
    """A patient, found as one types."""
    actor = guard.require(CLINICIAN).actor
    text = st.text_input(
        f"{label}: clinic's id or name", type="search", live=True, autocomplete="off"
    )
    if text.strip():
        found = search.patients(serving.database(), actor=actor, text=text)
    else:
        found = search.recent(serving.database(), actor=actor)
    found = [one for one in found if one.id != without]
    if not found:
        st.caption("No patient matches." if text.strip() else "Type the beginning of an id.")
        return None
    chosen: str | None = st.radio(
        "Patient",
        [one.id for one in found],
        index=None,
        format_func={one.id: identity.patient(one) for one in found}.__getitem__,
    )
    return next((one for one in found if one.id == chosen), None)

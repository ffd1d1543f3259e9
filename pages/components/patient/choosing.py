"""Which patient and which lesion: found, or added on the way."""

import streamlit as st

from pages.components.examination.tray import Opened
from pages.components.frame import guard, saves, serving
from pages.components.patient import forms, identity, moving
from records.access.actors import CLINICIAN
from records.clinic import lesions, patients
from records.clinic.patients import Patient

PATIENT, LESION = "chosen-patient", "chosen-lesion"
NEW = "new"


def forget() -> None:
    """Begins with nobody chosen."""
    for name in (PATIENT, LESION, "known-photo"):
        st.session_state.pop(name, None)
    saves.begin("patient")
    saves.begin("lesion")


def lesion() -> Opened | None:
    """Asks for a patient, then for a lesion; None until both are known."""
    actor = guard.require(CLINICIAN).actor
    database = serving.database()
    if PATIENT not in st.session_state:
        _patient()
        return None
    patient, found = lesions.of_patient(database, actor=actor, patient_id=st.session_state[PATIENT])
    by_id = {one.lesion.id: one.lesion for one in found}
    if LESION in st.session_state and st.session_state[LESION] in by_id:
        return Opened(patient, by_id[st.session_state[LESION]])
    st.write(f"Patient **{identity.patient(patient)}**")
    chosen = st.radio(
        "Lesion",
        [*by_id, NEW],
        index=None,
        format_func=lambda one: "A new lesion" if one == NEW else identity.lesion(by_id[one]),
    )
    if chosen == NEW:
        fields = forms.lesion_fields(
            lesions.LesionFields(forms.next_label([one.fields.label for one in by_id.values()])),
            key="new-lesion",
        )
        if st.button("Add this lesion", type="primary") and (
            made := saves.attempt(
                lambda: lesions.add(
                    database,
                    actor=actor,
                    patient_id=patient.id,
                    fields=fields,
                    save_key=saves.key("lesion"),
                )
            )
        ):
            _choose(LESION, made.id)
    elif chosen:
        _choose(LESION, chosen)
    return None


def _patient() -> None:
    """Somebody who is there, or somebody new."""
    there, new = st.tabs(["Known patient", "New patient"])
    with there:
        if wanted := moving.choose("Save to"):
            _choose(PATIENT, wanted.id)
    with new:
        fields = forms.patient_fields(patients.PatientFields(""), key="new-patient")
        if not st.button("Add this patient"):
            return
        actor = guard.require(CLINICIAN).actor

        def add() -> Patient:
            return patients.add(
                serving.database(), actor=actor, fields=fields, save_key=saves.key("patient")
            )

        if made := saves.attempt(add):
            _choose(PATIENT, made.id)


def _choose(what: str, chosen: str) -> None:
    st.session_state[what] = chosen
    st.rerun(scope="fragment")

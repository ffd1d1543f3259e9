"""Adding and changing a patient or a lesion, each in a dialog of its own."""

import datetime
import string

import streamlit as st

from pages.components.frame import guard, saves, serving
from pages.components.patient import body, identity
from records.access.actors import CLINICIAN
from records.clinic import lesions, patients
from records.clinic.lesions import SITES, Lesion, LesionFields
from records.clinic.patients import Patient, PatientFields

OLDEST = 130


@st.dialog("Patient")
def patient(known: Patient | None = None) -> None:
    """A new patient, or the changed fields of one; leads to the patient."""
    with st.form("patient", border=False):
        fields = patient_fields(known.fields if known else PatientFields(""), key="patient")
        asked = st.form_submit_button("Save" if known else "Add patient", type="primary")
    if not asked:
        return
    actor, database = guard.require(CLINICIAN).actor, serving.database()

    def save() -> Patient:
        if known:
            return patients.change(
                database, actor=actor, patient_id=known.id, fields=fields, edition=known.edition
            )
        return patients.add(database, actor=actor, fields=fields, save_key=saves.key("patient"))

    if saved := saves.attempt(save):
        st.switch_page("clinic/lesion.py", query_params={"patient": saved.id})


def patient_fields(was: PatientFields, *, key: str) -> PatientFields:
    """What is asked of a patient."""
    year = datetime.date.today().year
    return PatientFields(
        clinic_id=st.text_input(
            "Clinic's own id", was.clinic_id, max_chars=64, key=f"{key}-id", autocomplete="off"
        ),
        name=st.text_input(
            "Name (optional)", was.name, max_chars=200, key=f"{key}-name", autocomplete="off"
        ),
        year_of_birth=st.number_input(
            "Year of birth",
            year - OLDEST,
            year,
            was.year_of_birth,
            step=1,
            placeholder="Not known",
            key=f"{key}-year",
        ),
        sex=st.selectbox(
            "Sex",
            patients.SEXES,
            index=patients.SEXES.index(was.sex),
            format_func=identity.SEXES.__getitem__,
            key=f"{key}-sex",
        ),
        phototype=st.selectbox(
            "Phototype (Fitzpatrick)",
            range(1, 7),
            index=was.phototype - 1 if was.phototype else None,
            format_func=lambda number: identity.PHOTOTYPES[number - 1],
            placeholder="Not known",
            key=f"{key}-phototype",
        ),
    )


@st.dialog("Lesion", width="large")
def lesion(
    of: Patient, known: Lesion | None = None, *, place: body.Place | None = None, label: str = "A"
) -> None:
    """A new lesion, or the changed fields of one; leads to the lesion."""
    fields = lesion_fields(known.fields if known else LesionFields(label), key="lesion", at=place)
    if not st.button("Save" if known else "Add lesion", type="primary", key="save-lesion"):
        return
    actor, database = guard.require(CLINICIAN).actor, serving.database()

    def save() -> Lesion:
        if known:
            return lesions.change(
                database, actor=actor, lesion_id=known.id, fields=fields, edition=known.edition
            )
        return lesions.add(
            database, actor=actor, patient_id=of.id, fields=fields, save_key=saves.key("lesion")
        )

    if saved := saves.attempt(save):
        st.switch_page("clinic/lesion.py", query_params={"lesion": saved.id})


def lesion_fields(was: LesionFields, *, key: str, at: body.Place | None = None) -> LesionFields:
    """What is asked of a lesion, beside the body map, which `at` marks already."""
    left, right = st.columns([1, 1], gap="large")
    with left:
        place = body.place(at or body.Place.of(was), key=f"{key}-place")
        st.caption("Click the place, or Tab to it and press Enter; arrow keys move the mark.")
    with right:
        site = place.site if place else was.site
        return LesionFields(
            label=st.text_input("Label", was.label, max_chars=80, key=f"{key}-label"),
            # Marking a place chooses its site; another site may be chosen then.
            site=st.selectbox(
                "Body site",
                ("", *SITES),
                index=("", *SITES).index(site),
                format_func=identity.site,
                key=f"{key}-site-{site}",
            ),
            map_view=place.view if place else "",
            map_x=place.x if place else None,
            map_y=place.y if place else None,
            history=st.text_area("History", was.history, max_chars=4000, key=f"{key}-history"),
            excised_on=was.excised_on,
        )


def next_label(taken: list[str]) -> str:
    """The first letter that no lesion of the patient has; blank where all are taken."""
    return next((letter for letter in string.ascii_uppercase if letter not in taken), "")

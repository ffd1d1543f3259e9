"""A patient taken to another clinic, as a ZIP of everything, or erased for good."""

import hashlib
import io
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.components.frame import guard, saves, serving
from pages.components.frame.words import markdown
from records.access.actors import ADMIN, CLINICIAN, Actor
from records.keeping import arrival, dossier, erasure

DOSSIER = "departing-dossier"
ERASE = (
    "Rows, photos, heat maps and cached copies go for good, and models trained on the patient are"
    " named. Nothing brings them back; a restore of an older backup erases again."
)


@dataclass(frozen=True)
class Dossier:
    """A patient's folder as a ZIP, and what could not be put into it."""

    clinic_id: str
    data: bytes
    problems: tuple[str, ...]


def show(actor: Actor) -> None:
    """Both ask for the clinic's own id and name nobody."""
    left, right = st.columns(2, gap="large")
    with left:
        take(actor)
    with right:
        st.header("Erase a patient", anchor=False)
        st.write(ERASE)
        if st.button("Erase a patient"):
            erase()


def take(actor: Actor) -> None:
    """Everything of a patient; for who is a clinician, too, because identifiers stand in it."""
    st.header("Export a patient", anchor=False)
    if CLINICIAN not in actor.roles:
        st.caption("This needs the role of a clinician as well: names and photos stand in it.")
        return
    st.write("Records, photos and heat maps of one patient as a ZIP, for the patient or a clinic.")
    with st.form("export-patient", border=False):
        clinic_id = st.text_input("The clinic's id of the patient", max_chars=64)
        originals = st.checkbox("Photos with all that the camera wrote into them")
        asked = st.form_submit_button("Prepare")
    if asked:
        st.session_state.pop(DOSSIER, None)
        with st.spinner("Collecting the records and photos"):
            made = saves.attempt(lambda: collect(clinic_id, originals=originals))
        if made:
            st.session_state[DOSSIER] = made
    made = st.session_state.get(DOSSIER)
    if made is None:
        return
    for problem in made.problems:
        st.warning(markdown(problem))
    mark = hashlib.sha256(made.data).hexdigest()[:8]
    st.download_button(
        f"Download patient {markdown(made.clinic_id)} ({len(made.data) / 1e6:.1f} MB)",
        made.data,
        f"dermtrace-patient-{mark}.zip",
        "application/zip",
        type="primary",
        icon=":material/download:",
        on_click="ignore",
    )


def collect(clinic_id: str, *, originals: bool) -> Dossier:
    """A patient's folder as a ZIP; RecordError if there is no such patient."""
    actor, database = guard.require(CLINICIAN).actor, serving.database()
    patient_id = dossier.find(database, actor=actor, clinic_id=clinic_id)
    with tempfile.TemporaryDirectory(prefix="dermtrace-export-") as place:
        to = Path(place) / "patient"
        problems = dossier.export(
            database,
            serving.store(),
            actor=actor,
            patient_id=patient_id,
            to=to,
            originals=originals,
        )
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(one for one in to.rglob("*") if one.is_file()):
                archive.write(path, path.relative_to(to).as_posix())
    return Dossier(clinic_id, file.getvalue(), tuple(problems))


@st.dialog("Erase a patient")
def erase() -> None:
    """Asks twice for the patient's id; the second time after it was found."""
    st.write(ERASE)
    clinic_id = st.text_input("The clinic's id of the patient", max_chars=64, key="erase-id")
    again = st.text_input("The same id again", max_chars=64, key="erase-again")
    if not st.button("Erase for good", key="erase-now", disabled=not clinic_id):
        return
    if clinic_id != again:
        st.warning("The two ids differ. Nothing was erased.")
        return
    erased = saves.attempt(lambda: remove(guard.require(ADMIN).actor, clinic_id))
    if erased:
        st.info(markdown(erased))


def remove(actor: Actor, clinic_id: str) -> str:
    """Erases a patient, and says what went; RecordError if there is none."""
    database, found = serving.database(), serving.limits()
    patient_id = erasure.find(database, actor=actor, clinic_id=clinic_id)
    kept = (*arrival.folders(found.data_dir), found.models_dir)
    erased = erasure.erase(
        database,
        serving.store(),
        actor=actor,
        patient_id=patient_id,
        folders=[one for one in kept if one.is_dir()],
        caches=[one for one in (found.data_dir / "cache",) if one.is_dir()],
    )
    st.cache_data.clear()  # thumbnails
    return erased.sentence

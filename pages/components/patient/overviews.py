"""A patient's overview photos: a body region, to find lesions again. They are never analysed."""

import datetime
from dataclasses import replace

import streamlit as st

from pages.components.frame import guard, oversize, removing, saves, serving, thumbnails
from pages.components.frame.words import count, markdown
from records.access.actors import CLINICIAN, Actor
from records.clinic import overviews
from records.clinic.overviews import NewOverview, Overview
from records.clinic.patients import Patient
from records.clinic.photos import KnownPhoto
from records.errors import RecordError
from skinmodel.export import long_date
from skinmodel.images import InvalidImage
from skinmodel.reading.filenames import display_name

WIDTH = 220  # pixels of a thumbnail
SIDES = {"small": 2 * WIDTH, "large": 2000}


def show(actor: Actor, patient: Patient) -> None:
    """The photos, oldest first, each to be enlarged, and the way to add one."""
    found = overviews.of_patient(serving.database(), actor=actor, patient_id=patient.id)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(count(len(found), "overview photo"), anchor=False, width="content")
        if st.button("Add overview photos", on_click=saves.begin, args=("overview",)):
            st.session_state.pop("overview-known", None)
            add(patient)
    if not found:
        st.caption("Photos of a body region help to find a lesion again. They are never analysed.")
    with st.container(horizontal=True, gap="medium"):
        for one in found:
            with st.container(width=WIDTH, gap="xsmall"):
                _one(actor, one)


def _one(actor: Actor, one: Overview) -> None:
    day = long_date(one.taken_on) or "Day not known"
    if one.fault:
        st.caption(f":material/warning: {one.fault}")
    else:
        picture(actor, one, "small")
    st.caption(f"**{day}**" + (f"  \n{markdown(one.note)}" if one.note else ""))
    with st.container(horizontal=True):
        if st.button("Enlarge", key=f"enlarge-{one.id}", type="tertiary", disabled=bool(one.fault)):
            enlarge(one)
        if st.button("Delete", key=f"delete-{one.id}", type="tertiary"):
            removing.ask("overview", one.id, name=f"the overview photo of {day}")


@st.dialog("Overview photo", width="large")
def enlarge(one: Overview) -> None:
    """One photo as large as the window allows."""
    picture(guard.require(CLINICIAN).actor, one, "large")
    st.caption(f"{long_date(one.taken_on) or 'Day not known'}. {markdown(one.note)}")


@st.dialog("Overview photos")
def add(patient: Patient) -> None:
    """Photos, their day and what they show."""
    actor, most = guard.require(CLINICIAN).actor, serving.limits().max_upload_bytes
    for one in oversize.lost(photo=most, archive=most):
        st.warning(markdown(f"{display_name(one.name)}: {one.reason}"))
    files = st.file_uploader(
        "Photos of a body region: JPEG, PNG or WebP",
        accept_multiple_files=True,
        max_upload_size=most >> 20,
        key="overview-files",
    )
    today = datetime.date.today()
    day = st.date_input("Taken on", today, max_value=today, format="YYYY-MM-DD")
    note = st.text_input("What they show (optional)", max_chars=200, placeholder="Back, upper half")
    known = st.session_state.get("overview-known")
    if known:
        st.warning(markdown(known))
    although = bool(known) and st.checkbox("The right record is open: save it here as well")
    if not st.button("Save", type="primary", disabled=not files, key="save-overviews"):
        return
    key = saves.key("overview")
    problems = []
    for place, file in enumerate(files):
        photo = NewOverview(file.getvalue(), display_name(file.name), "", day, note)
        try:
            keep(actor, patient, photo, although=although, save_key=f"{key}-{place}")
        except KnownPhoto as question:
            st.session_state["overview-known"] = str(question)
            st.rerun(scope="fragment")
        except (InvalidImage, RecordError) as error:
            problems.append(f"{photo.name}: {error}")
    for said in problems:
        st.warning(markdown(said))
    if not problems:
        serving.release(files)
        st.rerun()


def keep(
    actor: Actor, patient: Patient, photo: NewOverview, *, although: bool, save_key: str
) -> str:
    """Saves a photo that can be read and gives its id; InvalidImage, KnownPhoto, RecordError."""
    read = serving.decoder().read(photo.data, name=photo.name)
    return overviews.add(
        serving.database(),
        serving.store(),
        actor=actor,
        patient_id=patient.id,
        photo=replace(photo, media_type=read.media_type),
        although_known=although,
        save_key=save_key,
    )


def picture(actor: Actor, one: Overview, size: str) -> None:
    """The photo, without anything that its file may say besides."""
    try:
        small = _picture(one.id, size, actor)
    except (RecordError, InvalidImage) as error:
        st.caption(f":material/warning: {markdown(str(error))}")
    else:
        alt = f"Overview photo, {long_date(one.taken_on) or 'day not known'}"
        st.image(small, width="stretch", alt=alt, output_format="JPEG")


# A photo's file never changes; who may see it is asked where its id comes from.
@st.cache_data(show_spinner=False, max_entries=200, ttl=3600)
def _picture(overview_id: str, size: str, _actor: Actor) -> bytes:
    database, store = serving.database(), serving.store()
    original = overviews.read(database, store, actor=_actor, overview_id=overview_id)
    shown = serving.decoder().read(original).picture
    shown.thumbnail((SIDES[size], SIDES[size]))
    return thumbnails.encoded(shown)

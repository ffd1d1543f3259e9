"""Today's photos: all of a clinic's morning at once, each given to its lesion, then saved."""

import datetime

import streamlit as st

from pages.components.comparison import filmstrip
from pages.components.examination import batch, saving, uploads
from pages.components.examination.batch import Batch, Case
from pages.components.examination.tray import Item, Opened
from pages.components.frame import guard, serving, thumbnails
from pages.components.frame.words import count, markdown, percent
from pages.components.patient import choosing, identity, moving
from records import preferences
from records.access.actors import CLINICIAN, Actor
from records.clinic import lesions, visits
from records.clinic.lesions import LesionSummary
from records.preferences import IMPRESSION_FIRST
from skinmodel import sentences
from skinmodel.analysis import Analysis
from skinmodel.casemix import InvalidCaseMix
from skinmodel.export import DISCLAIMER, long_date, output_diagnosis
from skinmodel.weights import InvalidModel

WIDTH = 132  # pixels of a photo that waits
SMALL = 96
PICKED = "picked-"


def page(actor: Actor) -> None:
    """Photos without a lesion, the lesions of one patient, and what was given to which."""
    morning = batch.current()
    st.title("Today's photos", anchor=False)
    if not (morning.tray.items or morning.cases):
        st.write(
            "Add the photos of many lesions at once, then give each to its lesion. All lesions are"
            " analysed with their earlier photos and saved in one go."
        )
        take_in(morning)
        return
    if morning.tray.items:
        left, right = st.columns([1, 1], gap="large")
        with left:
            waiting_photos(morning)
        with right:
            choose_lesion(actor, morning)
    if morning.cases:
        assigned(actor, morning)
    with st.expander("Add photos", expanded=False):
        take_in(morning)


def take_in(morning: Batch) -> None:
    """Receives photos and says which were refused, and why."""
    most = serving.limits()
    uploads.receive(
        morning.tray,
        serving.decoder(),
        label="Dermoscopic photos of any lesions: JPEG, PNG, WebP or DICOM",
        limit=most.max_photos,
        max_bytes=most.max_upload_bytes,
        max_archive=most.max_archive_bytes,
        most=most.max_session_bytes,
        of_one_lesion=False,
    )
    uploads.refusals(morning.tray)


def waiting_photos(morning: Batch) -> None:
    """The photos that belong to no lesion yet; those of one lesion are picked together."""
    items = morning.tray.items
    st.header(f"{count(len(items), 'photo')} without a lesion", anchor=False)
    st.caption("Pick the photos of one lesion, then choose that lesion.")
    with st.container(horizontal=True, gap="small"):
        for place, item in enumerate(items):
            with st.container(width=WIDTH, gap="xsmall"):
                picture(item, WIDTH)
                st.checkbox(
                    markdown(item.name), value=place == 0, key=f"{PICKED}{item.number}-{place == 0}"
                )
                day = long_date(item.taken_on)
                st.caption(f"Taken {day}" if day else "No date in the file")
                for warning in item.photo.warnings:
                    st.caption(f":material/warning: {markdown(warning)}")
    with st.container(horizontal=True):
        chosen = picked(morning)
        if st.button(f"Leave out {count(len(chosen), 'picked photo')}", disabled=not chosen):
            for number in chosen:
                morning.tray.remove(number)
            st.rerun()
        if morning.tray.removed:
            name = markdown(morning.tray.removed[1].name)
            st.button(f"Put back {name}", on_click=morning.tray.undo, key="undo")


def picked(morning: Batch) -> list[int]:
    """The numbers of the photos that are picked."""
    return [
        item.number
        for place, item in enumerate(morning.tray.items)
        if st.session_state.get(f"{PICKED}{item.number}-{place == 0}", place == 0)
    ]


def choose_lesion(actor: Actor, morning: Batch) -> None:
    """One patient's lesions, each by its last photo: a click gives it the picked photos."""
    if morning.patient_id is None:
        st.header("Whose are they?", anchor=False)
        if whose := moving.choose("Patient"):
            morning.patient_id = whose.id
            st.rerun()
        return
    patient, found = lesions.of_patient(
        serving.database(), actor=actor, patient_id=morning.patient_id
    )
    st.subheader(identity.patient(patient), anchor=False)
    chosen = picked(morning)
    label = f"Give it {count(len(chosen), 'photo')}"
    with st.container(horizontal=True, gap="small"):
        for one in found:
            with st.container(width=WIDTH, gap="xsmall"):
                thumbnails.show(
                    actor,
                    one.photo_id,
                    alt=f"Newest photo of {identity.plain_lesion(one.lesion)}",
                    width=WIDTH,
                )
                st.caption(f"**{identity.lesion(one.lesion)}**  \n{seen(one)}")
                if st.button(
                    label,
                    key=f"give-{one.lesion.id}",
                    disabled=not chosen,
                    help=identity.lesion(one.lesion),
                ):
                    give(actor, morning, chosen, Opened(patient, one.lesion))
    if not found:
        st.caption("This patient has no lesion yet.")
    with st.container(horizontal=True):
        if st.button("Another patient", icon=":material/person_search:"):
            morning.patient_id = None
            st.rerun()
        if st.button("A new lesion", icon=":material/add:", disabled=not chosen):
            choosing.forget()
            st.session_state[choosing.PATIENT] = patient.id
            add_lesion(morning, chosen)


@st.dialog("Lesion", width="large")
def add_lesion(morning: Batch, chosen: list[int]) -> None:
    """A lesion that is not in the records yet, or one that is after all."""
    opened = choosing.lesion()
    if opened:
        give(guard.require(CLINICIAN).actor, morning, chosen, opened)


def give(actor: Actor, morning: Batch, chosen: list[int], opened: Opened) -> None:
    """Gives the photos to the lesion, to be taken as the last ones were."""
    last = visits.last_settings(serving.database(), actor=actor, lesion_id=opened.lesion.id)
    items = [item for item in morning.tray.items if item.number in chosen]
    if against := morning.assign(chosen, opened, saving.as_taken(items, last)):
        st.session_state["batch-refused"] = against
    st.rerun()


def assigned(actor: Actor, morning: Batch) -> None:
    """The lesions with their new photos, and the one button that analyses and saves them."""
    if against := st.session_state.pop("batch-refused", ""):
        st.warning(f"Not given to that lesion. {markdown(against)}")
    st.header(count(len(morning.cases), "lesion"), anchor=False)
    for lesion_id, case in morning.cases.items():
        with st.container(border=True):
            one(morning, lesion_id, case)
    waits = morning.open
    if not waits:
        st.button("Put these away", on_click=morning.put_away, key="put-away")
        return
    analysed = not preferences.get(serving.database(), actor=actor, name=IMPRESSION_FIRST)
    today = datetime.date.today()
    day = today
    if any(item.taken_on is None for case in waits for item in case.items):
        day = st.date_input(
            "Photos without a date were taken on",
            today,
            max_value=today,
            format="YYYY-MM-DD",
            width=300,
        )
    if not analysed:
        st.caption(
            "Your clinic records an impression before each result, so the photos are saved without"
            " one. Analyse each lesion from its own page."
        )
    deed = "Analyse and save" if analysed else "Save"
    if st.button(f"{deed} {count(len(waits), 'lesion')}", type="primary", key="settle"):
        settle(waits, day, analysed)
        st.rerun()


def settle(waits: list[Case], day: datetime.date, analysed: bool) -> None:
    """One lesion after the other; what is done stays done, whatever becomes of the rest."""
    actor = guard.require(CLINICIAN).actor
    try:
        model, mix = serving.model(), serving.case_mix()
    except (InvalidModel, InvalidCaseMix) as error:
        for case in waits:
            case.problem = str(error)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0)
        st.button("Stop", key="stop-settling")
    for place, case in enumerate(waits):
        said = f"Lesion {place + 1} of {len(waits)}"

        def progress(share: float, text: str, done: int = place, said: str = said) -> None:
            bar.progress((done + share) / len(waits), f"{said}: {text}")

        progress(0.0, "reading its photos")
        batch.settle(case, actor, model, mix, day=day, analysed=analysed, progress=progress)


def one(morning: Batch, lesion_id: str, case: Case) -> None:
    """A lesion with its new photos, and what became of them."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        for item in case.items:
            with st.container(width=SMALL):
                picture(item, SMALL)
        with st.container(gap="xsmall", width="stretch"):
            st.markdown(
                f"**{identity.lesion(case.opened.lesion)}** of patient"
                f" {identity.patient(case.opened.patient)}"
            )
            if case.result and case.done:
                leading, *rest = outcome(case.result.analysis)
                st.write(leading)
                st.caption("  \n".join(rest))
            if case.done:
                st.caption(markdown(case.done))
                st.page_link(
                    "clinic/lesion.py", label="Open the lesion", query_params={"lesion": lesion_id}
                )
                return
            if case.problem:
                st.warning(markdown(case.problem))
            if case.question:
                st.warning(markdown(case.question))
                case.answered = st.checkbox(
                    "The right record is open: save it here as well", key=f"known-{lesion_id}"
                )
            with st.container(horizontal=True):
                with st.popover("How they were taken"):
                    case.how = filmstrip.ask(case.how, key=f"how-{case.save_key}")
                st.button(
                    "Take the photos back",
                    key=f"back-{lesion_id}",
                    on_click=morning.take_back,
                    args=(lesion_id,),
                    type="tertiary",
                )


def outcome(analysis: Analysis) -> list[str]:
    """A result in two lines; the lesion's page has all of it."""
    if not analysis.assessed:
        return ["Not assessed: this says nothing about whether the lesion is harmless."]
    shares = sorted(zip(analysis.probabilities[-1], analysis.codes, strict=True), reverse=True)
    share, code = shares[0]
    leading = output_diagnosis(code)
    lines = [
        f"{leading.name} ({leading.behaviour}) {percent(share)}."
        f" Malignant in total {percent(analysis.malignancy[-1])}."
    ]
    lines += [" ".join(sentences.alert(analysis))]
    return [*filter(None, lines), f"{DISCLAIMER}. Model {markdown(analysis.model_version)}."]


def seen(summary: LesionSummary) -> str:
    """When the lesion was seen last."""
    return f"Last on {long_date(summary.last_day)}" if summary.last_day else "No visit yet"


def picture(item: Item, width: int) -> None:
    """A photo, small."""
    small = item.photo.picture.copy()
    small.thumbnail((2 * width, 2 * width))
    st.image(small, width=width, output_format="JPEG", alt=f"Photo {item.name}")


page(guard.require(CLINICIAN).actor)

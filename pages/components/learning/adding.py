"""Bringing data in: where from, under which name, and what its licence is."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

import settings
from pages.components.frame import guard, oversize, serving
from pages.components.frame.words import markdown
from pages.components.learning import intakes, templates
from records import preferences
from records.access.actors import ADMIN
from records.errors import RecordError
from records.models import cases
from records.preferences import UNPROVEN
from skinmodel.reading.filenames import display_name
from training.data import clinic, datasets, intake, isic
from training.data.intake import Refused, Request
from training.data.manifest import InvalidData
from training.disk import TrainingFailed

INBOX, UPLOAD, ISIC, CLINIC = "From the inbox", "Upload a ZIP", "ISIC 2019", "This clinic's"


@st.dialog("Add data", width="medium")
def ask(first: str = INBOX) -> None:
    """The ways to bring data in."""
    ways = {INBOX: inbox, UPLOAD: upload, ISIC: fetch, CLINIC: own}
    way = st.segmented_control(
        "Where from", list(ways), default=first, required=True, key=f"way-{first}"
    )
    ways[way]()


def inbox() -> None:
    """A folder or ZIP that somebody has put beside the data sets."""
    found = _entries(serving.limits().data_dir / "inbox")
    st.caption(
        "Put a folder or ZIP into `inbox` in DermTrace's data folder on the server. Photos are"
        " taken over from there; the inbox can be emptied afterwards."
    )
    templates.offer()
    if not found:
        st.info("The inbox is empty.")
        return
    chosen = st.selectbox("Folder or ZIP", found, format_func=lambda one: display_name(one.name))
    name, licence = _words(display_name(chosen.stem), key=chosen.name)
    if st.button("Add", type="primary", key="add-inbox"):
        kind = "folder" if chosen.is_dir() else "zip"
        _begin(Request(kind, name, source=str(chosen), licence=licence))


def _entries(folder: Path) -> Sequence[Path]:
    """What lies in the inbox itself: folders and ZIPs, no links."""
    if not folder.is_dir():
        return []
    return sorted(
        one
        for one in folder.iterdir()
        if not one.is_symlink()
        and not one.name.startswith(".")
        and (one.is_dir() or one.suffix.lower() == ".zip")
    )


def upload() -> None:
    """A ZIP from the browser."""
    most = serving.limits().max_dataset_bytes
    for one in oversize.lost(photo=most, archive=most):
        st.warning(markdown(f"{display_name(one.name)}: {one.reason}"))
    file = st.file_uploader(
        "ZIP in ISIC 2019's layout", type="zip", max_upload_size=most >> 20, key="dataset-zip"
    )
    st.caption(f"Up to {most >> 20} MB; put larger ones into the inbox.")
    templates.offer()
    if file is None:
        return
    name, licence = _words(display_name(Path(file.name).stem), key=file.file_id)
    if st.button("Add", type="primary", key="add-upload"):
        _begin(Request("zip", name, licence=licence), sent=file)


def fetch() -> None:
    """The ISIC 2019 training set from the web."""
    loaded = serving.limits()
    st.write(
        "25,331 photos of the ISIC 2019 challenge, from three centres, in the eight diagnoses."
        f" Licence: {isic.LICENCE}, so not for commercial use."
    )
    st.caption(
        "About 9.8 GB are fetched, and twice that is needed on the disk meanwhile. It can be"
        " stopped, and goes on where it was."
    )
    if st.button("Fetch", type="primary", key="add-isic"):
        official = loaded.isic_url == settings.ISIC_URL
        wanted = isic.files(loaded.isic_url, official=official, sha256=loaded.isic_sha256)
        _begin(Request("isic", isic.NAME, licence=isic.LICENCE, files=wanted))


def own() -> None:
    """The lesions of this clinic whose diagnosis is confirmed."""
    st.write(
        "The photos of all lesions with a confirmed diagnosis, with the days between them. Made"
        " anew, it takes the place of the one before. Names and dates stay in the records."
    )
    database, store = serving.database(), serving.store()
    before = preferences.get(database, actor=guard.require(ADMIN).actor, name=UNPROVEN)
    unproven = st.toggle(
        "Also malignant diagnoses without histopathology",
        before,
        help="A diagnosis that nobody has proven teaches the model its maker's mistakes.",
    )
    st.caption("A run that learns from them makes them anew when it starts, by the same choice.")
    if not st.button("Make", type="primary", key="add-clinic"):
        return
    actor = guard.require(ADMIN).actor
    bar = st.progress(0.0, "Reading the records")
    try:
        preferences.change(database, actor=actor, name=UNPROVEN, value=unproven)
        found = cases.confirmed(
            database, actor=actor, codes=clinic.CODES, malignant=clinic.MALIGNANT_CODES
        )
        folder = clinic.prepare(
            serving.datasets(),
            found.photos,
            lambda photo: cases.read(database, store, actor=actor, photo=photo),
            notes=found.notes,
            by=actor.account_id,
            progress=lambda done, total: bar.progress(done / total, f"Photo {done} of {total}"),
        )
    except (Refused, InvalidData, TrainingFailed, RecordError) as refusal:
        bar.empty()
        st.warning(str(refusal))
        return
    intakes.note(actor, "data set asked for", clinic.ID, source="clinic")
    intake.start(folder)
    st.rerun()


def _words(suggested: str, *, key: str) -> tuple[str, str]:
    name = st.text_input("Name", suggested, max_chars=80, key=f"name-{key}")
    licence = st.text_input(
        "Licence", "", max_chars=200, placeholder="What it may be used for", key=f"licence-{key}"
    )
    return name.strip() or suggested, licence.strip()


def _begin(request: Request, *, sent: UploadedFile | None = None) -> None:
    """Asks for it, starts it, and shows how far it is on the page."""
    actor = guard.require(ADMIN).actor
    if request.name in {one.name for one in datasets.data_sets(serving.datasets())}:
        st.warning(f"There is a data set {markdown(request.name)} already. Choose another name.")
        return
    try:
        data = sent.getbuffer() if sent else None
        asked = replace(request, by=actor.account_id)
        folder = intake.begin(serving.datasets(), asked, upload=data)
    except Refused as refusal:
        st.warning(str(refusal))
        return
    except OSError:
        st.warning("It could not be stored. Is the disk full? Nothing was changed.")
        return
    if sent:
        serving.release([sent])
    intakes.note(actor, "data set asked for", request.id, source=request.kind)
    intake.start(folder)
    st.rerun()

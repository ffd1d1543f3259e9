"""A lesion taken away: everything as JSON, its visits as CSV, its photos as DICOM."""

import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from pages.components.frame import guard, saves, serving
from records import audit
from records.access.actors import CLINICIAN, Actor
from records.clinic import photos, series
from records.clinic.photos import Photo
from records.clinic.series import LesionPage
from records.clinic.visits import Visit
from records.errors import RecordError
from records.keeping.stripping import strip
from records.reports import dicom, extract
from records.reports.dicom import About
from skinmodel import scale
from skinmodel.images import InvalidImage
from skinmodel.reading.dicom_file import BURNED_IN
from skinmodel.scale import Scale

MADE = "export-made"
DICOM = "application/dicom"
COPY = "Upright copy, {} pixels on its longer side."
KINDS = {
    "json": "Everything as JSON",
    "csv": "Visits as CSV",
    "dicom": "Photos as DICOM",
}
MIMES = {"json": "application/json", "csv": "text/csv", "dicom": "application/zip"}
Progress = Callable[[float, str], object]


@dataclass(frozen=True)
class File:
    """What was made: bytes, and what could not be put into them."""

    kind: str
    data: bytes
    problems: tuple[str, ...] = ()


def offer(page: LesionPage) -> None:
    """The button that opens the dialog."""
    if st.button("Export", icon=":material/download:"):
        st.session_state.pop(MADE, None)
        ask(page.lesion.id)


@st.dialog("Export")
def ask(lesion_id: str) -> None:
    """Which form, the wait, and the download."""
    kind = st.radio("As", list(KINDS), format_func=KINDS.__getitem__, key="export-kind")
    if kind == "dicom":
        st.caption(
            "A ZIP of one file for each photo, with the clinic's patient id and the day, without"
            " name, and without what the camera or another program wrote into the file."
        )
    else:
        st.caption("Whose lesion it is stands in the file. Keep it where patients' data may be.")
    of, made = st.session_state.get(MADE, ("", None))
    if made and (of, made.kind) != (lesion_id, kind):
        made = None
    place = st.empty()
    if made is None and place.button("Prepare", type="primary", key="export-prepare"):
        bar = place.progress(0.0, "Reading the lesion")
        made = saves.attempt(lambda: make(lesion_id, kind, bar.progress))
        place.empty()
        if made:
            st.session_state[MADE] = (lesion_id, made)
    if made is None:
        return
    for problem in made.problems:
        st.warning(problem)
    suffix, mark = MIMES[kind].rpartition("/")[2], hashlib.sha256(made.data).hexdigest()[:8]
    st.download_button(
        f"Download ({len(made.data) / 1e6:.1f} MB)",
        made.data,
        f"dermtrace-lesion-{mark}.{suffix}",  # names nobody, and no older file
        MIMES[kind],
        type="primary",
        icon=":material/download:",
        on_click="ignore",
    )


def make(lesion_id: str, kind: str, progress: Progress) -> File:
    """A lesion in one of the forms; RecordError with a sentence where that fails."""
    actor, database = guard.require(CLINICIAN).actor, serving.database()
    if kind == "json":
        return File(kind, extract.as_json(database, actor=actor, lesion_id=lesion_id))
    if kind == "csv":
        return File(kind, extract.as_csv(database, actor=actor, lesion_id=lesion_id))
    return _dicoms(actor, lesion_id, progress)


def _dicoms(actor: Actor, lesion_id: str, progress: Progress) -> File:
    database = serving.database()
    page = series.page(database, actor=actor, lesion_id=lesion_id)
    every = [
        (number, one.visit, photo)
        for one in page.visits
        for number, photo in enumerate(one.photos, start=1)
    ]
    if not every:
        raise RecordError("This lesion has no photos.")
    file, problems = io.BytesIO(), []
    with zipfile.ZipFile(file, "w") as archive:  # photos are compressed already
        for place, (number, visit, photo) in enumerate(every):
            progress(place / len(every), f"Photo {place + 1} of {len(every)}")
            try:
                data = as_dicom(actor, page.patient.fields.clinic_id, visit, photo, number)
                archive.writestr(f"{place + 1:03}.dcm", data)
            except (RecordError, InvalidImage, ValueError) as error:
                problems.append(f"Photo {place + 1} is not in the file. {error}")
    if len(problems) == len(every):
        raise RecordError(" ".join(problems))
    detail = {"as": "dicom", "photos": len(every) - len(problems)}
    audit.note(database, actor=actor, kind="lesion exported", object_id=lesion_id, detail=detail)
    return File("dicom", file.getvalue(), tuple(problems))


def scale_of(visit: Visit, photo: Photo) -> Scale | None:
    """A photo's scale as a clinician has given it, of the upright photo's own pixels."""
    fields = visit.fields
    if photo.marks:
        return scale.marked(photo.marks.ends, photo.marks.millimetres, photo.size)
    if fields.field_mm and fields.field_within_mm:
        return scale.field_of_view(fields.field_mm, fields.field_within_mm, photo.size)
    return None


def as_dicom(actor: Actor, clinic_id: str, visit: Visit, photo: Photo, number: int) -> bytes:
    """One photo as DICOM: its own pixels where DICOM takes them, else an upright copy."""
    data = photos.read(serving.database(), serving.store(), actor=actor, photo_id=photo.id)
    known = scale_of(visit, photo)
    about = {
        "patient_id": clinic_id,
        "lesion_id": photo.lesion_id,
        "visit_id": visit.id,
        "number": number,
        "taken_on": visit.fields.day or photo.taken_on,
        "magnification": visit.fields.magnification,
        "mm_per_pixel": known.mm_per_pixel if known else None,
        "calibrated": known.source if known else "",
        "burned_in": BURNED_IN in photo.warnings,
    }
    if photo.media_type == DICOM:
        return dicom.from_dicom(data, About(**about))
    plain = strip(data, orientation=1)
    if plain and photo.orientation == 1 and dicom.is_baseline(plain):
        return dicom.from_jpeg(plain, About(**about))
    picture, file = serving.decoder().read(data).picture, io.BytesIO()
    picture.save(file, "JPEG", quality=97, subsampling=0)
    if known:
        about["mm_per_pixel"] = known.mm_per_pixel * photo.size[0] / picture.width
    copy = COPY.format(max(picture.size))
    return dicom.from_jpeg(file.getvalue(), About(**about, derived=copy))

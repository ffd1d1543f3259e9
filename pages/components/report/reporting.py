"""The report of a lesion as PDF: prepared when asked for, then downloaded."""

import datetime
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st
from PIL import Image

from pages.components.comparison import comparing
from pages.components.examination import keeping
from pages.components.frame import guard, saves, serving
from pages.components.report import changed, findings
from pages.components.report.visitlog import Material
from records.access import accounts
from records.access.actors import CLINICIAN, Actor
from records.clinic import assessments, photos, series
from records.clinic.assessments import Assessment
from records.clinic.series import LesionPage, VisitPhotos
from records.errors import RecordError
from records.reports import report
from records.reports.report import Report
from skinmodel.analysis import Analysis, SeriesPhoto
from skinmodel.export import long_date
from skinmodel.images import InvalidImage
from skinmodel.weights import InvalidModel

MOST = 12  # visits whose photos are shown: the first and the newest
MADE = "report-made"
Progress = Callable[[float, str], object]


def offer(page: LesionPage) -> None:
    """The button that opens the dialog."""
    if st.button("Report", icon=":material/description:"):
        st.session_state.pop(MADE, None)
        ask(page.lesion.id, named=bool(page.patient.fields.name), visits=len(page.visits))


@st.dialog("Report")
def ask(lesion_id: str, *, named: bool, visits: int) -> None:
    """What will be in it, the wait, and the download."""
    st.write(
        "A PDF to hand out or to file: photos, heat maps, the differential, what changed, the"
        " confirmed diagnosis, and how far the model can be trusted."
    )
    if visits > MOST:
        st.caption(f"Photos of the first and the {MOST - 1} newest visits are shown.")
    with_name = named and st.checkbox("With the patient's name", key="report-name")
    of, made = st.session_state.get(MADE, ("", None))
    if of != (lesion_id, with_name):
        made = None
    place = st.empty()
    if made is None and place.button("Prepare", type="primary", key="report-prepare"):
        bar = place.progress(0.0, "Reading the lesion")
        made = saves.attempt(lambda: prepare(lesion_id, with_name=with_name, progress=bar.progress))
        place.empty()
        if made:
            st.session_state[MADE] = ((lesion_id, with_name), made)
    if made is None:
        return
    st.download_button(
        f"Download ({len(made.pdf) / 1e6:.1f} MB)",
        made.pdf,
        f"dermtrace-report-{made.sha256[:8]}.pdf",  # names nobody, and no older file
        "application/pdf",
        type="primary",
        icon=":material/download:",
        on_click="ignore",
    )
    st.caption(f"SHA-256, also in the audit log: {made.sha256}")


def prepare(lesion_id: str, *, with_name: bool = False, progress: Progress) -> Report:
    """Makes the report of a lesion as it is now; RecordError with a sentence where that fails."""
    actor, database = guard.require(CLINICIAN).actor, serving.database()
    page = series.page(
        database, actor=actor, lesion_id=lesion_id, model_sha256=serving.model_sha256()
    )
    assessment = page.assessments[-1] if page.assessments else None
    shown, left_out = chosen(page)
    pictures, faults = read(actor, shown, progress)
    changes = changed.blocks(
        page, comparing.reader(actor), lambda done, text: progress(0.5 + 0.3 * done, text)
    )
    names = accounts.names(database, actor=actor)
    material = Material(
        page=page,
        names=names,
        pictures=pictures,
        shown=shown,
        left_out=left_out,
        faults=faults,
        assessment=assessment,
        analysis=restored(actor, assessment, pictures) if assessment else None,
        card=card(assessment) if assessment else None,
        changes=tuple(changes),
        made_by=names.get(actor.account_id, "somebody"),
        made_at=datetime.datetime.now(datetime.UTC),
        with_name=with_name,
    )
    progress(0.85, "Drawing the pages")
    made = report.make(database, actor=actor, lesion_id=lesion_id, sheets=findings.sheets(material))
    progress(1.0, "Done")
    return made


def chosen(page: LesionPage) -> tuple[tuple[VisitPhotos, ...], int]:
    """The visits whose photos are shown, and how many are left out."""
    with_photos = [one for one in page.visits if one.photos]
    if len(with_photos) <= MOST:
        return tuple(with_photos), 0
    return (with_photos[0], *with_photos[1 - MOST :]), len(with_photos) - MOST


def read(
    actor: Actor, visits: tuple[VisitPhotos, ...], progress: Progress
) -> tuple[dict[str, Image.Image], tuple[str, ...]]:
    """The visits' photos by SHA-256, and a sentence for each that cannot be read."""
    found: dict[str, Image.Image] = {}
    faults = []
    wanted = [(one, photo) for one in visits for photo in one.photos]
    for place, (one, photo) in enumerate(wanted):
        progress(0.5 * place / len(wanted), f"Reading photo {place + 1} of {len(wanted)}")
        try:
            data = photos.read(serving.database(), serving.store(), actor=actor, photo_id=photo.id)
            found[photo.sha256] = serving.decoder().read(data).picture
        except (RecordError, InvalidImage) as error:
            day = long_date(one.visit.fields.day) or "a visit of unknown day"
            faults.append(f"A photo of {day} is not shown. {error}")
    return found, tuple(faults)


def restored(actor: Actor, assessment: Assessment, pictures: Mapping[str, Image.Image]) -> Analysis:
    """The analysis as it was shown; photos that are not at hand are blank and never drawn."""
    kept = assessment.result
    days = {kept.photos[i]: day for day, indices in keeping.days(kept) for i in indices}
    blank = Image.new("RGB", (1, 1))
    every = {
        sha256: SeriesPhoto(pictures.get(sha256, blank), sha256, f"Photo {place}", days.get(sha256))
        for place, sha256 in enumerate((*kept.photos, *kept.left_out), start=1)
    }
    raw = None
    if assessment.has_maps:
        raw = assessments.maps(
            serving.database(), serving.store(), actor=actor, assessment_id=assessment.id
        )
    return keeping.restored(kept, every, raw)


def card(assessment: Assessment) -> Mapping[str, Any] | None:
    """The card of the model that made an assessment, if that model is the one in use."""
    try:
        model = serving.model()
    except InvalidModel:
        return None
    return model.card if model.sha256 == assessment.result.model_sha256 else None

"""A saved assessment as it was shown: its photos, differential and heat maps."""

import streamlit as st

from pages.components.examination import keeping, viewer
from pages.components.examination.tray import Result
from pages.components.frame import guard, serving
from pages.components.frame.words import markdown
from records.access.actors import CLINICIAN, Actor
from records.clinic import assessments, photos, series
from records.clinic.assessments import Assessment
from records.errors import RecordError
from skinmodel import sentences
from skinmodel.analysis import SeriesPhoto
from skinmodel.evidence import Stated
from skinmodel.export import DISCLAIMER, long_date, refusal
from skinmodel.images import InvalidImage

MOST = 24  # visits drawn, the last ones


@st.dialog("Assessment", width="large")
def show(assessment: Assessment) -> None:
    """Draws it with the photos that are still on the lesion; nothing is computed anew."""
    actor = guard.require(CLINICIAN).actor
    try:
        result = _restored(actor, assessment)
    except (RecordError, InvalidImage) as error:
        st.warning(markdown(str(error)))
        return
    analysis = result.analysis
    visits = range(len(analysis.visits))[-MOST:]
    withheld = not analysis.assessed
    made = f"Model {analysis.model_version}, analysed on {long_date(result.made_on)}."
    stated = Stated(**assessment.result.more.get("stated", {})).words()
    facts = [f"{DISCLAIMER}.", made if withheld else f"{made} {sentences.mix(analysis)}"]
    facts += [f"Stated: {stated}."] if stated else []
    why = refusal(analysis)
    said = {
        "notices": [*assessment.outdated, *([why] if why else [])],
        "warnings": sentences.together(result.warnings),
        "facts": [*facts, *analysis.notes],
    }
    data = viewer.describe(result, visits=visits, withheld=withheld)
    viewer.view(data | said, key=f"replay-{assessment.id}")


def _restored(actor: Actor, assessment: Assessment) -> Result:
    """The result from the records; RecordError where a photo is gone or damaged."""
    kept, database, store = assessment.result, serving.database(), serving.store()
    if assessment.gone:
        raise RecordError("Photos of this assessment are no longer on this lesion.")
    page = series.page(database, actor=actor, lesion_id=assessment.lesion_id)
    days = {kept.photos[i]: day for day, indices in keeping.days(kept) for i in indices}
    wanted = {*kept.photos, *kept.left_out}
    found: dict[str, SeriesPhoto] = {}
    for photo in (photo for one in page.visits for photo in one.photos):
        if photo.sha256 in wanted:
            data = photos.read(database, store, actor=actor, photo_id=photo.id)
            picture = serving.decoder().read(data, name=photo.name).picture
            day = days.get(photo.sha256)
            found[photo.sha256] = SeriesPhoto(picture, photo.sha256, photo.name, day)
    raw = None
    if assessment.has_maps:
        raw = assessments.maps(database, store, actor=actor, assessment_id=assessment.id)
    remarks = tuple((name, text) for name, text in kept.more.get("remarks", ()))
    analysis = keeping.restored(kept, found, raw)
    return Result(analysis, kept.made_at, remarks, (), drawn=False, mark=assessment.id[:8])

"""Similar confirmed cases: nearest by the network's features, and what they turned out to be."""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.components.comparison import comparing, indices
from pages.components.comparison.comparing import Reader
from pages.components.frame import guard, serving, thumbnails
from pages.components.frame.words import count, markdown
from pages.components.patient import confirming
from records.access.actors import CLINICIAN
from records.clinic import precedents
from records.clinic.precedents import ConfirmedCase
from records.clinic.series import LesionPage
from records.errors import RecordError
from skinmodel import neighbours
from skinmodel.bundle import Model
from skinmodel.deadline import Overdue
from skinmodel.diagnoses import diagnosis
from skinmodel.images import InvalidImage
from skinmodel.neighbours import Index, Neighbour
from skinmodel.weights import InvalidModel

WHY = (
    "Nearest by the network's own features. What it finds alike need not look alike to you, and"
    " none of this is a probability. Distance: 0 is the same, 1 is unrelated."
)
STRANGE = (
    "A photo of this lesion does not look like a dermoscopic photo of one of the eight diagnoses,"
    " so no similar cases are shown."
)
TOO_LATE = (
    "Going over the clinic's confirmed lesions takes longer than that. Nothing was lost: search"
    " again to go on."
)
WIDTH = 160  # pixels of a thumbnail
MOST = 12  # photos of the lesion that is searched for, the newest
KEPT = "similar"

log = logging.getLogger("dermtrace")


@dataclass(frozen=True)
class Found:
    """Neighbours by the data they are from; `problem` says why there are none."""

    groups: tuple[tuple[Index, tuple[Neighbour, ...]], ...] = ()
    problem: str = ""


@st.fragment
def show(page: LesionPage) -> None:
    """The button, and after it the cases; a fragment, so that searching reruns nothing else."""
    photos = [photo for one in page.visits for photo in one.photos if not photo.fault]
    if not photos:
        return
    st.header("Similar confirmed cases", anchor=False)
    try:
        model = serving.model()
    except InvalidModel as error:
        st.caption(markdown(str(error)))
        return
    key = (model.sha256, page.lesion.id, tuple(photo.id for photo in photos))
    kept = st.session_state.get(KEPT)
    if kept is None or kept[0] != key:
        place = st.empty()
        if not place.button("Find similar cases", icon=":material/search:"):
            return
        place.empty()
        kept = (key, _search(model, page))
        st.session_state[KEPT] = kept
    found: Found = kept[1]
    if found.problem:
        st.warning(markdown(found.problem))
        if st.button("Search again"):
            del st.session_state[KEPT]
            st.rerun(scope="fragment")
        return
    st.caption(WHY)
    # Asked anew each time: a case that was deleted or erased meanwhile is none any more.
    own = precedents.get(
        serving.database(),
        actor=guard.require(CLINICIAN).actor,
        lesion_ids=[one.case.key for one in found.groups[0][1]],
    )
    for index, near in found.groups:
        _group(page, index, near, own)
    for sentence in indices.others(model)[1]:
        st.caption(markdown(sentence))


def _group(
    page: LesionPage,
    index: Index,
    near: tuple[Neighbour, ...],
    own: Mapping[str, ConfirmedCase],
) -> None:
    """The cases of one source, side by side."""
    clinic = index.name == indices.CLINIC
    near = tuple(one for one in near if not clinic or one.case.key in own)
    total = count(len(index.cases), "confirmed lesion")
    st.markdown(f"**{markdown(index.name)}**, among {total}")
    if not near:
        st.caption("None yet. Lesions with a confirmed diagnosis and photos will be found here.")
        return
    with st.container(horizontal=True, gap="medium"):
        for one in near:
            with st.container(width=WIDTH, gap="xsmall"):
                if clinic:
                    _own(page, own[one.case.key])
                else:
                    _foreign(one)
                st.caption(f"Distance {one.distance:.2f}")
    if said := indices.said(index):
        st.caption(said)


def _own(page: LesionPage, case: ConfirmedCase) -> None:
    actor = guard.require(CLINICIAN).actor
    name = confirming.name(case.confirmation)
    thumbnails.show(actor, case.photos[0].id, alt=f"Photo of a {name.lower()}", width=WIDTH)
    st.markdown(f"**{markdown(name)}**")
    whose = ", this patient" if case.patient_id == page.patient.id else ""
    st.caption(f"{case.confirmation.fields.method.capitalize()}{whose}")


def _foreign(one: Neighbour) -> None:
    name = diagnosis(one.case.diagnosis).name
    small = _picture(one.case.photo)
    if small is None:
        st.caption("Its photo is not at hand.")
    else:
        st.image(small, width=WIDTH, alt=f"Photo of a {name.lower()}", output_format="JPEG")
    st.markdown(f"**{name}**")


@st.cache_data(show_spinner=False, max_entries=500, ttl=3600)
def _picture(path: str) -> bytes | None:
    """A photo's thumbnail from its own folder; None where it is no longer there."""
    try:
        picture = serving.decoder().read(Path(path).read_bytes()).picture
    except (OSError, InvalidImage):
        return None
    picture.thumbnail((thumbnails.SIDE, thumbnails.SIDE))
    return thumbnails.encoded(picture)


def _search(model: Model, page: LesionPage) -> Found:
    """The neighbours, found in another thread, or the sentence why there are none."""
    reader = comparing.reader(guard.require(CLINICIAN).actor)
    bar = st.progress(0.0, "Searching")
    try:
        return serving.places().run(
            lambda report: search(model, page, reader, report),
            seconds=serving.limits().max_analysis_seconds,
            progress=bar.progress,
        )
    except (RecordError, InvalidImage) as error:
        return Found(problem=str(error))
    except Overdue:
        return Found(problem=TOO_LATE)
    except Exception:
        reference = secrets.token_hex(2).upper()
        log.exception("Reference %s: a search for similar cases failed", reference)
        text = f"Something failed on our side. Nothing was lost. Reference {reference}"
        return Found(problem=text)
    finally:
        bar.empty()


def search(model: Model, page: LesionPage, reader: Reader, report: indices.Report) -> Found:
    """The five nearest of each source. RecordError or InvalidImage where a photo cannot be read."""
    report(0.0, "Reading this lesion's photos")
    photos = [photo for one in page.visits for photo in one.photos if not photo.fault][-MOST:]
    pictures = [reader.picture(photo) for photo in photos]
    pooled, early = neighbours.photo_features(model, pictures)
    if neighbours.is_strange(model, pooled, early):
        return Found(problem=STRANGE)
    vector = neighbours.vector(model, pooled)
    clinic, now = indices.clinic(model, reader, report, without=page.lesion.id)
    gone = {case.key for case in clinic.cases if case.key not in now}
    near = clinic.nearest(vector, without={page.lesion.id, *gone})
    others = [(index, index.nearest(vector)) for index in indices.others(model)[0]]
    report(1.0, "Done")
    return Found(((clinic, near), *others))

"""A lesion opened for examination: its earlier photos are the series that new ones join."""

import streamlit as st

from pages.components.examination import statement
from pages.components.examination import tray as trays
from pages.components.examination.tray import Opened, Tray
from pages.components.frame import guard, serving
from pages.components.frame.words import count, markdown
from pages.components.patient import banner
from records.access.actors import CLINICIAN, Actor
from records.clinic import photos, series
from records.clinic.series import LesionPage
from records.errors import NotFound, RecordError
from skinmodel.images import InvalidImage, Photo

MOST_READ = 64  # photos
WANTED = "analyse-opened"  # the lesion that is to be analysed as soon as it is open


def add_visit(page: LesionPage) -> None:
    """The button that leads to the Examine page with this lesion's photos."""
    if st.button("Add visit", type="primary", icon=":material/add_a_photo:"):
        go(page.lesion.id)


def go(lesion_id: str, *, analyse: bool = False) -> None:
    """Leads to the Examine page; asks first where photos there would be lost."""
    tray = trays.current()
    other = tray.opened is None or tray.opened.lesion.id != lesion_id
    if analyse:
        st.session_state[WANTED] = lesion_id
    if other and unsaved(tray):
        _leave(lesion_id, unsaved(tray))
        return
    if not unsaved(tray):
        trays.put(Tray(uploader=tray.uploader + 1))  # read anew, with all that is on the lesion
    st.switch_page("clinic/examine.py", query_params={"lesion": lesion_id})


def unsaved(tray: Tray) -> int:
    """How many photos would be lost."""
    return 0 if tray.drawn else len(tray.new)


@st.dialog("Photos that are not saved")
def _leave(lesion_id: str, photos: int) -> None:
    st.write(
        f"On the Examine page {count(photos, 'photo')} of another lesion"
        f" {'is' if photos == 1 else 'are'} not saved. Open this lesion all the same?"
    )
    if st.button("Forget them and open this lesion"):
        guard.require(CLINICIAN)
        trays.put(Tray(uploader=trays.current().uploader + 1))
        st.switch_page("clinic/examine.py", query_params={"lesion": lesion_id})
    if st.button("Go to those photos", type="primary"):
        st.session_state.pop(WANTED, None)
        st.switch_page("clinic/examine.py")


def follow(actor: Actor) -> Tray:
    """This session's tray, with the lesion that the page's address names.

    A tray with photos of another lesion stays, and the address changes instead: nothing is lost.
    """
    tray = trays.current()
    wanted = st.query_params.get("lesion")
    opened = tray.opened.lesion.id if tray.opened else None
    if wanted and wanted != opened and not unsaved(tray):
        try:
            tray = load(actor, wanted, uploader=tray.uploader + 1)
        except RecordError as error:
            st.error(markdown(str(error)))
            st.query_params.pop("lesion")
            return tray
        trays.put(tray)
        tray.wanted = st.session_state.pop(WANTED, None) == wanted and bool(tray.items)
        return tray
    if tray.opened:
        _refresh(actor, tray)
    opened = tray.opened.lesion.id if tray.opened else None
    if opened and wanted != opened:
        st.query_params["lesion"] = opened
    elif wanted and not opened:
        st.query_params.pop("lesion")
    return tray


def _refresh(actor: Actor, tray: Tray) -> None:
    """Looks whose lesion it is now: it may have been moved or deleted meanwhile."""
    assert tray.opened
    try:
        page = series.page(serving.database(), actor=actor, lesion_id=tray.opened.lesion.id)
    except NotFound as error:
        st.error(markdown(str(error)))
        tray.items = tray.new
        tray.opened, tray.shown = None, None
    else:
        tray.opened = Opened(page.patient, page.lesion)


def load(actor: Actor, lesion_id: str, *, uploader: int) -> Tray:
    """A lesion's photos as a tray; those whose original is damaged or missing are refused."""
    database, store = serving.database(), serving.store()
    page = series.page(database, actor=actor, lesion_id=lesion_id)
    stated = statement.known(page.patient, page.lesion)
    tray = Tray(opened=Opened(page.patient, page.lesion), stated=stated, uploader=uploader)
    kept = [(one.visit.fields.day, photo) for one in page.visits for photo in one.photos]
    waiting = st.empty()
    for place, (day, photo) in enumerate(kept):
        if not place % 4:
            waiting.progress(place / len(kept), f"Reading photo {place + 1} of {len(kept)}")
        try:
            data = photos.read(database, store, actor=actor, photo_id=photo.id)
            tray.add(_read(photo.sha256, photo.name, data), photo.name, day, kept=True)
        except (RecordError, InvalidImage) as error:
            tray.refuse(photo.name, str(error))
    if page.assessments:  # what was decided once is not asked again
        tray.set_aside(page.assessments[-1].result.more.get("set_aside", ()))
    waiting.empty()
    return tray


# Twelve earlier photos of 12 megapixels take as long to decode as the thirteenth to analyse. Of
# 1.4 MB each at most MOST_READ are kept; what is erased is out of memory, too, within the hour.
@st.cache_resource(show_spinner=False, max_entries=MOST_READ, ttl=3600)
def _read(sha256: str, name: str, _data: bytes) -> Photo:
    return serving.decoder().read(_data, name=name)


def show(tray: Tray) -> None:
    """Whose photos these are, where a lesion is open."""
    if tray.opened:
        banner.show(tray.opened.patient, tray.opened.lesion)

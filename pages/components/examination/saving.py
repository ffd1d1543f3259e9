"""Saving an examination to a lesion: its photos as they came, and what the model said of them."""

import datetime
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from pages.components.comparison import filmstrip
from pages.components.examination import keeping, opening, statement, uploads
from pages.components.examination.tray import Item, Opened, Result, Tray
from pages.components.frame import guard, saves, serving
from pages.components.frame.words import count, markdown
from pages.components.patient import choosing, identity
from records.access.actors import CLINICIAN, Actor
from records.clinic import series, visits
from records.clinic.assessments import Result as Kept
from records.clinic.photos import KnownPhoto
from records.clinic.series import NewVisit, Saved
from records.clinic.visits import VisitFields
from records.errors import RecordError


def bar(tray: Tray, result: Result | None) -> None:
    """Whose record this is, and whether the result is in it; `result` unless it is outdated."""
    opening.show(tray)
    if result is None or tray.drawn:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if said := tray.saved.get(result.mark):
            st.caption(said, width="content")
        else:
            what = "Not saved yet" if tray.opened else "Not saved to a lesion"
            st.caption(what, width="content")
            label = "Save to this lesion" if tray.opened else "Save to a lesion"
            if st.button(
                label, icon=":material/save:", on_click=saves.begin, args=("series",), key="save"
            ):
                choosing.forget()
                ask(tray, result)
        if tray.opened:
            st.page_link(
                "clinic/lesion.py",
                label="Open the lesion",
                query_params={"lesion": tray.opened.lesion.id},
            )


@st.dialog("Save to a lesion", width="medium")
def ask(tray: Tray, result: Result) -> None:
    """Where to, how the photos were taken, and whether they are known elsewhere."""
    if result.mark in tray.saved:  # by a click before this one
        st.rerun()
    opened = tray.opened or choosing.lesion()
    if opened is None:
        return
    actor = guard.require(CLINICIAN).actor
    st.write(f"**{identity.lesion(opened.lesion)}** of patient {identity.patient(opened.patient)}")
    undated = [item for item in tray.new if item.taken_on is None]
    day = None
    if undated and len(tray.items) == 1:
        today = datetime.date.today()
        day = st.date_input("Taken on", today, max_value=today, format="YYYY-MM-DD")
    elif undated:
        st.caption(f"{count(len(undated), 'photo')} without a date: a visit of unknown day each.")
    how = VisitFields()
    if tray.new:
        with st.expander("How the photos were taken"):
            last = visits.last_settings(serving.database(), actor=actor, lesion_id=opened.lesion.id)
            how = filmstrip.ask(as_taken(tray.new, last), key=f"how-{opened.lesion.id}")
    known = st.session_state.get("known-photo")
    if known:
        st.warning(markdown(known))
    although = bool(known) and st.checkbox("The right record is open: save it here as well")
    named = others(tray, opened)
    if named:
        st.warning(markdown(f"{' '.join(named)} Is the right record open?"))
    sure = not named or st.checkbox("The photos are of the patient whose record is open")
    if not st.button("Save", type="primary", key="save-now", disabled=not sure):
        return
    try:
        saved = save(
            actor,
            tray,
            result,
            opened,
            how=how,
            day=day,
            although_known=although,
            save_key=saves.key("series"),
        )
    except KnownPhoto as question:
        st.session_state["known-photo"] = str(question)
        st.rerun(scope="fragment")
    except RecordError as error:
        st.warning(markdown(str(error)))
    else:
        settle(tray, result, opened, saved)
        st.rerun()


def others(tray: Tray, opened: Opened) -> list[str]:
    """What the new files say of their patient that is not so of this one, a sentence each."""
    said = [uploads.contradictions(i.photo, opened.patient) for i in tray.new if not i.vouched]
    return sorted({sentence for sentences in said for sentence in sentences})


def as_taken(items: Sequence[Item], last: VisitFields | None) -> VisitFields:
    """How photos were taken: as the last ones, but for what all their files say alike.

    A field of view is that of one device and magnification.
    """
    how = last or VisitFields()
    devices = {item.photo.dicom.device for item in items if item.photo.dicom} - {""}
    powers = {item.photo.dicom.magnification for item in items if item.photo.dicom} - {None}
    if len(devices) == 1:
        how = replace(how, device=devices.pop())
    if len(powers) == 1:
        how = replace(how, magnification=powers.pop())
    if last and (how.device, how.magnification) != (last.device, last.magnification):
        how = replace(how, field_mm=None, field_within_mm=None)
    return how


def save(
    actor: Actor,
    tray: Tray,
    result: Result | None,
    opened: Opened,
    *,
    how: VisitFields,
    day: datetime.date | None,
    although_known: bool,
    save_key: str,
) -> Saved:
    """Hands over the new photos, by day, and the result unless the lesion has the very same."""
    database, lesion_id = serving.database(), opened.lesion.id
    kept = keeping.result(result, tray.stated) if result else None
    if kept and _is_there(actor, lesion_id, kept):
        kept = None
    return series.save(
        database,
        serving.store(),
        actor=actor,
        lesion_id=lesion_id,
        new=new_visits(tray, how, day),
        result=kept,
        maps=keeping.maps(result.analysis) if kept and result else None,
        impression_id=tray.impression if kept else None,
        although_known=although_known,
        save_key=save_key,
    )


def _is_there(actor: Actor, lesion_id: str, kept: Kept) -> bool:
    """Whether another tab has saved it; from this one it is the same save, which happens once."""
    there = series.page(
        serving.database(), actor=actor, lesion_id=lesion_id, model_sha256=kept.model_sha256
    ).assessments
    return any(
        not one.outdated
        and (one.result.photos, one.result.prior) == (kept.photos, kept.prior)
        and one.result.made_at != kept.made_at
        for one in there
    )


def new_visits(tray: Tray, how: VisitFields, day: datetime.date | None) -> list[NewVisit]:
    """The tray's new photos as visits: one for each day, and one for each photo without."""
    by_day: dict[object, list[NewVisit]] = {}
    for item in tray.new:
        taken_on = item.taken_on or day
        fields = replace(how, day=taken_on)
        photo = keeping.new_photo(item)
        joined = by_day.setdefault(taken_on or item.number, [])
        joined[:] = [NewVisit(fields, (*(p for one in joined for p in one.photos), photo))]
    return [one for joined in by_day.values() for one in joined]


def settle(tray: Tray, result: Result, opened: Opened, saved: Saved) -> None:
    """The tray's photos are the lesion's now."""
    for item in tray.items:
        item.kept, item.data = True, b""
    tray.opened, tray.impression = opened, None
    tray.stated = statement.known(opened.patient, opened.lesion)
    said = ["Saved to this lesion." if saved.assessment_id else "This result was saved already."]
    said += [markdown(sentence) for sentence in saved.already]
    tray.saved[result.mark] = " ".join(said)
    st.query_params["lesion"] = opened.lesion.id
    st.session_state.pop("known-photo", None)

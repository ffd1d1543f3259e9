"""A lesion's visits in time order: thumbnails, days and what lies between them."""

import datetime

import streamlit as st

from pages.components.comparison import pairs
from pages.components.frame import guard, paging, removing, saves, serving, thumbnails
from pages.components.frame.words import count, interval, markdown
from pages.components.patient import moving
from records.access.actors import CLINICIAN, Actor
from records.clinic import visits
from records.clinic.series import LesionPage, VisitPhotos
from records.clinic.visits import CONTACTS, POLARISATIONS, Visit, VisitFields
from skinmodel.export import long_date

PER_PAGE = 6  # one row on a wide screen
WIDTH = 160  # pixels of a thumbnail: two side by side on a phone


def show(actor: Actor, page: LesionPage) -> None:
    """The visits, the newest page of them first."""
    if not page.visits:
        st.write("No visit yet. Add one with its photos; they are analysed before they are saved.")
        return
    total = len(page.visits)
    seen = paging.turned("Visits", total, each=PER_PAGE, key="visits-page", newest=True)
    with st.container(horizontal=True, gap="medium"):
        before = page.visits[seen.start - 1] if seen.start else None
        for one in page.visits[seen]:
            with st.container(width=WIDTH, gap="xsmall"):
                _one(actor, one, before)
            before = one


def _one(actor: Actor, one: VisitPhotos, before: VisitPhotos | None) -> None:
    day = long_date(one.visit.fields.day) or "Day not known"
    st.markdown(f"**{day}**")
    st.caption(_interval(before, one))
    for place, photo in enumerate(one.photos, start=1):
        if photo.fault:
            st.caption(f":material/warning: {photo.fault}")
            continue
        thumbnails.show(actor, photo.id, alt=f"Photo {place}, {day}", width=WIDTH)
    st.caption(_settings(one.visit.fields) or count(len(one.photos), "photo"))
    with st.popover("More", help=f"Visit of {day}"):
        if st.button("Change day or settings", key=f"visit-{one.visit.id}", type="tertiary"):
            change(one.visit)
        if st.button("Delete this visit", key=f"delete-{one.visit.id}", type="tertiary"):
            removing.ask("visit", one.visit.id, name=f"the visit of {day}")
        for place, photo in enumerate(one.photos, start=1):
            name = f"photo {place} of {day}"
            if st.button(f"Move photo {place}", key=f"move-{photo.id}", type="tertiary"):
                moving.photo(photo.id, name=name)
            if st.button(f"Delete photo {place}", key=f"delete-{photo.id}", type="tertiary"):
                removing.ask("photo", photo.id, name=name)


def _interval(before: VisitPhotos | None, one: VisitPhotos) -> str:
    """How long after the visit before, as 3.1 months later."""
    if before is None:
        return "First visit"
    days = before.visit.fields.day, one.visit.fields.day
    if days[0] is None or days[1] is None:
        return "Interval not known"
    # One line below every day, or the thumbnails would stand at different heights.
    after = ", short-term" if pairs.short_term(days[0], days[1]) else " later"
    return interval(days[0], days[1]) + after


def _settings(fields: VisitFields) -> str:
    parts = [
        f"{fields.magnification:g} x" if fields.magnification else "",
        "" if fields.polarisation == "unknown" else fields.polarisation,
        "" if fields.contact == "unknown" else fields.contact,
        markdown(fields.device),
        markdown(fields.note),
    ]
    return ", ".join(part for part in parts if part)


def ask(was: VisitFields, *, key: str) -> VisitFields:
    """How the photos were taken: widgets for everything but the day and the note."""

    def choose(label: str, options: tuple[str, ...], now: str) -> str:
        return st.selectbox(
            label,
            options,
            index=options.index(now),
            format_func=lambda one: one.capitalize() if one != "unknown" else "Not known",
            key=f"{key}-{label}",
        )

    return VisitFields(
        magnification=st.number_input(
            "Magnification",
            1.0,
            400.0,
            was.magnification,
            step=1.0,
            placeholder="Not known",
            key=f"{key}-magnification",
        ),
        polarisation=choose("Polarisation", POLARISATIONS, was.polarisation),
        contact=choose("Contact", CONTACTS, was.contact),
        device=st.text_input("Device", was.device, max_chars=120, key=f"{key}-device"),
    )


@st.dialog("Visit")
def change(visit: Visit) -> None:
    """The changed fields of a visit."""
    was = visit.fields
    day = st.date_input(
        "Day", was.day, max_value=datetime.date.today(), format="YYYY-MM-DD", key="visit-day"
    )
    how = ask(was, key="visit")
    note = st.text_area("Note", was.note, max_chars=4000)
    fields = VisitFields(day, how.magnification, how.polarisation, how.contact, how.device, note)
    if not st.button("Save", type="primary", key="save-visit"):
        return
    actor, database = guard.require(CLINICIAN).actor, serving.database()
    if saves.attempt(
        lambda: visits.change(
            database, actor=actor, visit_id=visit.id, fields=fields, edition=visit.edition
        )
    ):
        st.rerun()

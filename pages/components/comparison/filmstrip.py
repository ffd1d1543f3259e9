"""A lesion's visits in time order: thumbnails, days and what lies between them."""

import datetime
from dataclasses import replace

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
FIELD_HELP = (
    "The millimetres along the longer side of an uncropped photo. A magnification alone does not"
    " say it, since it depends on the camera: photograph a ruler once, and read how much is seen."
)
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
    parts = [*how(fields), fields.note]
    return ", ".join(markdown(part) for part in parts if part)


def how(fields: VisitFields) -> list[str]:
    """How a visit's photos were taken, as far as it is known."""
    parts = (
        f"{fields.magnification:g} x" if fields.magnification else "",
        "" if fields.polarisation == "unknown" else fields.polarisation,
        "" if fields.contact == "unknown" else fields.contact,
        fields.device,
        field_of_view(fields),
    )
    return [part for part in parts if part]


def field_of_view(fields: VisitFields) -> str:
    """The field of view with how exactly it is known; "" where it is not."""
    if not fields.field_mm or not fields.field_within_mm:
        return ""
    return f"{fields.field_mm:g} \N{PLUS-MINUS SIGN} {fields.field_within_mm:g} mm across"


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

    taken = VisitFields(
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
    width, within = _across(was, taken, key)
    return replace(taken, field_mm=width, field_within_mm=within)


def _across(was: VisitFields, now: VisitFields, key: str) -> tuple[float | None, float | None]:
    """The field of view, and how exactly it is known; offered where it was entered before.

    It is that of one device and magnification: with another it begins blank.
    """
    of = f"{now.magnification}-{now.device}"
    names = f"{key}-field-{of}", f"{key}-within-{of}"
    kept = was if (was.magnification, was.device) == (now.magnification, now.device) else now
    known = None
    if st.session_state.get(names[0], kept.field_mm) is None:
        known = visits.field_of_view(
            serving.database(),
            actor=guard.require(CLINICIAN).actor,
            device=now.device,
            magnification=now.magnification,
        )
    if known:
        st.button(
            f"Use {field_of_view(known)}, as last with {markdown(known.device)} at"
            f" {known.magnification:g} x",
            key=f"{key}-known",
            on_click=lambda: st.session_state.update(
                dict(zip(names, (known.field_mm, known.field_within_mm), strict=True))
            ),
        )
    left, right = st.columns(2)
    width = left.number_input(
        "Field of view (mm)",
        1.0,
        500.0,
        kept.field_mm,
        step=0.1,
        placeholder="Not known",
        key=names[0],
        help=FIELD_HELP,
    )
    within = right.number_input(
        "Known to within (mm)",
        0.01,
        50.0,
        kept.field_within_mm,
        step=0.1,
        placeholder="Not known",
        key=names[1],
    )
    return width, within


@st.dialog("Visit")
def change(visit: Visit) -> None:
    """The changed fields of a visit."""
    was = visit.fields
    day = st.date_input(
        "Day", was.day, max_value=datetime.date.today(), format="YYYY-MM-DD", key="visit-day"
    )
    taken = ask(was, key="visit")
    note = st.text_area("Note", was.note, max_chars=4000)
    fields = replace(taken, day=day, note=note)
    if not st.button("Save", type="primary", key="save-visit"):
        return
    actor, database = guard.require(CLINICIAN).actor, serving.database()
    if saves.attempt(
        lambda: visits.change(
            database, actor=actor, visit_id=visit.id, fields=fields, edition=visit.edition
        )
    ):
        st.rerun()

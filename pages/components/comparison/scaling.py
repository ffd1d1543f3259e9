"""The scale of a photo, marked by hand: a known distance over the photo, in a dialog."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import streamlit as st

from pages.components.comparison import comparing, drawing
from pages.components.comparison.pairs import Shot
from pages.components.examination import viewer
from pages.components.frame import aside, browser, guard, saves, serving
from records.access.actors import CLINICIAN
from records.clinic import scales, visits
from records.clinic.scales import LEAST_APART, MILLIMETRES, MarkedScale
from records.clinic.visits import Visit
from skinmodel.changes import BOUND
from skinmodel.deadline import Progress
from skinmodel.scale import PLACED, PLANE, marked

FORM = "scale"
NONE = "No scale is marked in this photo."
ONE = "Also as the field of view of the whole visit"


@dataclass(frozen=True)
class Sheet:
    """What the browser draws on, in the picture's pixels; `also` asks about the visit.

    `replaces` is the scale that was current when it was opened. `least` is of the short side,
    `bounds` of the millimetres, `placed` and `plane` are the errors of skinmodel.scale.
    """

    id: str
    source: str
    size: tuple[int, int]
    ends: list[list[float]]
    millimetres: float
    alt: str
    replaces: str | None
    also: str
    least: float = LEAST_APART
    bounds: tuple[float, float] = MILLIMETRES
    placed: float = PLACED
    plane: float = PLANE


@st.cache_resource(show_spinner=False)
def _component() -> Callable[..., Any]:
    return browser.component(__file__)


def offer(shot: Shot) -> None:
    """A button for a photo's scale."""
    label = "Correct the scale of" if shot.photo.marks else "Mark the scale of"
    if drawing.offer(FORM, label, shot, icon=":material/straighten:"):
        mark(shot)


@st.dialog("Mark the scale", width="large", on_dismiss=drawing.leave)
@aside.part
def mark(shot: Shot) -> None:
    """The photo with a distance to mark; saving measures it anew. Call `drawing.begin` before."""
    actor = guard.require(CLINICIAN).actor
    photo = shot.photo
    every = scales.of_photo(serving.database(), actor=actor, photo_id=photo.id)
    sheet = drawing.opened(FORM, shot, _sheet(shot, drawing.standing(every)))
    if sheet is None:
        return
    state = _component()(
        key="scaling", data=asdict(sheet), on_saved_change=lambda: None, width="stretch"
    )
    st.caption(_history(every))
    given: dict[str, Any] | None = None
    if state.saved and state.saved.get("of") == sheet.id:
        given = state.saved
    if any(one.current and one.ends for one in every) and st.button(
        "Remove the scale", key="scale-remove"
    ):
        given = {"ends": [], "millimetres": 0.0}
    if given is None:
        return
    ends = comparing.rescaled(given["ends"], sheet.size, photo.size)
    millimetres = float(given["millimetres"])

    def save() -> MarkedScale:
        return scales.mark(
            serving.database(),
            actor=actor,
            photo_id=photo.id,
            ends=ends,
            millimetres=millimetres,
            replaces_id=sheet.replaces,
            save_key=saves.key(FORM),
        )

    if saves.attempt(save):
        if given.get("also") and not saves.attempt(lambda: _for_visit(shot, ends, millimetres)):
            st.caption("The photo's scale is saved.")
            return
        drawing.close(FORM)


def _for_visit(shot: Shot, ends: tuple[tuple[float, float], ...], millimetres: float) -> Visit:
    """The field of view that a photo's scale says, entered for its whole visit."""
    photo, visit = shot.photo, shot.visit
    scale = marked(ends, millimetres, photo.size)
    width = scale.mm_per_pixel * max(photo.size)
    fields = replace(
        visit.fields,
        field_mm=round(width, 2),
        field_within_mm=max(0.01, round(BOUND * scale.error * width, 2)),
    )
    return visits.change(
        serving.database(),
        actor=guard.require(CLINICIAN).actor,
        visit_id=visit.id,
        fields=fields,
        edition=visit.edition,
    )


def _sheet(shot: Shot, current: MarkedScale | None) -> Callable[[Progress], Sheet]:
    """Makes the sheet, in another thread."""
    photo = shot.photo
    reader = comparing.reader(guard.require(CLINICIAN).actor)

    def make(report: Progress) -> Sheet:
        report(0.2, "Reading the photo")
        picture = reader.read(photo, side=comparing.SHARP).picture
        ends = comparing.rescaled(current.ends if current else (), photo.size, picture.size)
        return Sheet(
            id=f"{photo.id} {current.id if current else ''}",
            source=viewer.address(picture),
            size=picture.size,
            ends=[*map(list, ends)],
            millimetres=current.millimetres if current else 0.0,
            alt=f"Photo of {shot.label}",
            replaces=current.id if current else None,
            also=_also(shot),
        )

    return make


def _also(shot: Shot) -> str:
    """The question whether all of the visit's photos have this field of view."""
    fields = shot.visit.fields
    if fields.device and fields.magnification:
        how = f"{fields.device} at {fields.magnification:g} x"
        return f"{ONE}, to be offered again for {how}"
    return ONE


def _history(every: list[MarkedScale]) -> str:
    """Who marked the scale that holds, and how many stood before."""
    current = drawing.standing(every)
    if current is None:
        return NONE
    by, before = drawing.signed(current), drawing.before(every, "scale")
    if not current.ends:
        return f"Removed by {by}.{before}"
    return f"{current.millimetres:g} mm, marked by {by}.{before}"

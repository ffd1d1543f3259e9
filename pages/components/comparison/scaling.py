"""The scale of a photo, marked by hand: a known distance over the photo, in a dialog."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import streamlit as st

from pages.components.comparison import comparing
from pages.components.comparison.pairs import Shot
from pages.components.examination import viewer
from pages.components.frame import aside, browser, guard, saves, serving
from pages.components.frame.aside import Task
from pages.components.frame.words import count, markdown
from records.access import accounts
from records.access.actors import CLINICIAN
from records.clinic import scales, visits
from records.clinic.scales import LEAST_APART, MILLIMETRES, MarkedScale
from records.clinic.visits import Visit
from skinmodel.changes import BOUND
from skinmodel.export import long_date
from skinmodel.scale import PLACED, PLANE, marked

OPEN = "scaling"  # what the dialog shows, from the click that opened it
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
    if st.button(
        f"{label} {shot.label}",
        key=f"scale-{shot.photo.id}",
        icon=":material/straighten:",
        type="tertiary",
        on_click=begin,
    ):
        mark(shot)


def begin() -> None:
    """The dialog is opened: it starts from what is current, and what it saves is new."""
    st.session_state.pop(OPEN, None)
    saves.begin("scale")


@st.dialog("Mark the scale", width="large")
@aside.part
def mark(shot: Shot) -> None:
    """The photo with a distance to mark; saving measures it anew. Call `begin` before."""
    actor = guard.require(CLINICIAN).actor
    photo = shot.photo
    every = scales.of_photo(serving.database(), actor=actor, photo_id=photo.id)
    sheet = _sheet(shot, every)
    if isinstance(sheet, Task):
        aside.watch(sheet)
        return
    if isinstance(sheet, str):
        st.warning(markdown(sheet))
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
    # A large photo is shown reduced.
    across, down = photo.size[0] / sheet.size[0], photo.size[1] / sheet.size[1]
    ends = tuple((float(x) * across, float(y) * down) for x, y in given["ends"])
    millimetres = float(given["millimetres"])

    def save() -> MarkedScale:
        return scales.mark(
            serving.database(),
            actor=actor,
            photo_id=photo.id,
            ends=ends,
            millimetres=millimetres,
            replaces_id=sheet.replaces,
            save_key=saves.key("scale"),
        )

    if saves.attempt(save):
        if given.get("also") and not saves.attempt(lambda: _for_visit(shot, ends, millimetres)):
            st.caption("The photo's scale is saved.")
            return
        st.session_state.pop(OPEN, None)
        st.rerun()


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


def _sheet(shot: Shot, every: list[MarkedScale]) -> Sheet | str | Task[Sheet]:
    photo = shot.photo
    of, kept = st.session_state.get(OPEN, ("", None))
    if kept and of == photo.id:
        return kept.answer or kept
    reader = comparing.reader(guard.require(CLINICIAN).actor)
    current = next((one for one in every if one.current), None)

    def make(report: Callable[[float, str], None]) -> Sheet:
        report(0.2, "Reading the photo")
        picture = reader.read(photo, side=comparing.SHARP).picture
        across, down = picture.width / photo.size[0], picture.height / photo.size[1]
        ends = current.ends if current else ()
        return Sheet(
            id=f"{photo.id} {current.id if current else ''}",
            source=viewer.address(picture),
            size=picture.size,
            ends=[[x * across, y * down] for x, y in ends],
            millimetres=current.millimetres if current else 0.0,
            alt=f"Photo of {shot.label}",
            replaces=current.id if current else None,
            also=_also(shot),
        )

    task = Task(make, "Opening")
    st.session_state[OPEN] = photo.id, task
    return task.answer or task


def _also(shot: Shot) -> str:
    """The question whether all of the visit's photos have this field of view."""
    fields = shot.visit.fields
    if fields.device and fields.magnification:
        how = f"{fields.device} at {fields.magnification:g} x"
        return f"{ONE}, to be offered again for {how}"
    return ONE


def _history(every: list[MarkedScale]) -> str:
    """Who marked the scale that holds, and how many stood before."""
    current = next((one for one in every if one.current), None)
    if current is None:
        return NONE
    names = accounts.names(serving.database(), actor=guard.require(CLINICIAN).actor)
    who = markdown(names.get(current.account_id, "somebody"))
    day = long_date(current.at.astimezone().date())
    earlier = f" {count(len(every) - 1, 'earlier scale')} kept." if len(every) > 1 else ""
    if not current.ends:
        return f"Removed by {who} on {day}.{earlier}"
    return f"{current.millimetres:g} mm, marked by {who} on {day}.{earlier}"

"""The outline of a lesion, corrected by hand: a polygon over the photo, in a dialog."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
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
from records.clinic import outlines
from records.clinic.outlines import DrawnOutline
from skinmodel.export import long_date
from skinmodel.measures import corners
from skinmodel.weights import InvalidModel

OPEN = "outlining"  # what the dialog shows, from the click that opened it
NO_OUTLINE = "The program found no outline. A circle to begin with is drawn."


@dataclass(frozen=True)
class Sheet:
    """What the browser draws on; `replaces` is the outline that was current when it was opened."""

    id: str
    source: str
    size: tuple[int, int]
    points: list[list[float]]
    alt: str
    found: bool
    replaces: str | None


@st.cache_resource(show_spinner=False)
def _component() -> Callable[..., Any]:
    return browser.component(__file__, heat=True)


def offer(shot: Shot) -> None:
    """A button for a photo's outline."""
    if st.button(
        f"Correct the outline of {shot.label}",
        key=f"outline-{shot.photo.id}",
        icon=":material/polyline:",
        type="tertiary",
        on_click=begin,
    ):
        correct(shot)


def begin() -> None:
    """The dialog is opened: it starts from what is current, and what it saves is new."""
    st.session_state.pop(OPEN, None)
    saves.begin("outline")


@st.dialog("Correct the outline", width="large")
@aside.part
def correct(shot: Shot) -> None:
    """The photo with its outline to move; saving measures it anew. Call `begin` before."""
    actor, photo = guard.require(CLINICIAN).actor, shot.photo
    every = outlines.of_photo(serving.database(), actor=actor, photo_id=photo.id)
    sheet = _sheet(shot, every)
    if isinstance(sheet, Task):
        aside.watch(sheet)
        return
    if isinstance(sheet, str):
        st.warning(markdown(sheet))
        return
    state = _component()(
        key="outlining", data=asdict(sheet), on_saved_change=lambda: None, width="stretch"
    )
    st.caption(_history(every) if sheet.found else NO_OUTLINE)
    given: list[list[float]] | None = None
    if state.saved and state.saved.get("of") == sheet.id:
        given = state.saved["points"]
    if any(one.current and one.points for one in every) and st.button(
        "Use the program's outline", key="outline-back"
    ):
        given = []
    if given is None:
        return
    # A large photo is shown reduced.
    across, down = photo.size[0] / sheet.size[0], photo.size[1] / sheet.size[1]
    points = [(float(x) * across, float(y) * down) for x, y in given]

    def save() -> DrawnOutline:
        return outlines.draw(
            serving.database(),
            actor=actor,
            photo_id=photo.id,
            points=points,
            replaces_id=sheet.replaces,
            save_key=saves.key("outline"),
        )

    if saves.attempt(save):
        st.session_state.pop(OPEN, None)
        st.rerun()


def _sheet(shot: Shot, every: list[DrawnOutline]) -> Sheet | str | Task[Sheet]:
    photo = shot.photo
    of, kept = st.session_state.get(OPEN, ("", None))
    if kept and of == photo.id:
        return kept.answer or kept
    try:
        model = serving.outline_model()
    except InvalidModel as error:
        return str(error)
    reader = comparing.reader(guard.require(CLINICIAN).actor)
    current = next((one for one in every if one.current), None)

    def make(report: Callable[[float, str], None]) -> Sheet:
        report(0.2, "Reading and outlining the photo")
        read = reader.read(photo)
        picture = read.picture
        seen = comparing.examined(reader, model, shot, read).outline
        across, down = picture.width / photo.size[0], picture.height / photo.size[1]
        drawn = [[x * across, y * down] for x, y in photo.outline]
        found = bool(seen.mask.any())
        return Sheet(
            id=f"{photo.id} {current.id if current else ''}",
            source=viewer.address(picture),
            size=picture.size,
            points=drawn or corners(seen).round(1).tolist(),
            alt=f"Photo of {shot.label}",
            found=found,
            replaces=current.id if current else None,
        )

    task = Task(make, "Opening")
    st.session_state[OPEN] = photo.id, task
    return task.answer or task


def _history(every: list[DrawnOutline]) -> str:
    """Who drew the outline that holds, and how many stood before."""
    current = next((one for one in every if one.current), None)
    if current is None:
        return "This is the program's outline. What you draw is kept beside it."
    names = accounts.names(serving.database(), actor=guard.require(CLINICIAN).actor)
    who = markdown(names.get(current.account_id, "somebody"))
    day = long_date(current.at.astimezone().date())
    earlier = f" {count(len(every) - 1, 'earlier outline')} kept." if len(every) > 1 else ""
    if not current.points:
        return f"The program's outline, by the choice of {who} on {day}.{earlier}"
    return f"Drawn by {who} on {day}.{earlier}"

"""The outline of a lesion, corrected by hand: a polygon over the photo, in a dialog."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from pages.components.comparison import comparing, drawing
from pages.components.comparison.pairs import Shot
from pages.components.examination import viewer
from pages.components.frame import aside, browser, guard, saves, serving
from records.access.actors import CLINICIAN
from records.clinic import outlines
from records.clinic.outlines import DrawnOutline
from skinmodel.deadline import Progress
from skinmodel.measures import corners
from skinmodel.outline_bundle import OutlineModel
from skinmodel.weights import InvalidModel

FORM = "outline"
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
    if drawing.offer(FORM, "Correct the outline of", shot, icon=":material/polyline:"):
        correct(shot)


@st.dialog("Correct the outline", width="large", on_dismiss=drawing.leave)
@aside.part
def correct(shot: Shot) -> None:
    """The photo with its outline to move; saving measures it anew. Call `drawing.begin` before."""
    actor, photo = guard.require(CLINICIAN).actor, shot.photo
    every = outlines.of_photo(serving.database(), actor=actor, photo_id=photo.id)
    try:
        model = serving.outline_model()
    except InvalidModel as error:
        st.error(str(error))
        return
    sheet = drawing.opened(FORM, shot, _sheet(model, shot, drawing.standing(every)))
    if sheet is None:
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
    points = comparing.rescaled(given, sheet.size, photo.size)

    def save() -> DrawnOutline:
        return outlines.draw(
            serving.database(),
            actor=actor,
            photo_id=photo.id,
            points=points,
            replaces_id=sheet.replaces,
            save_key=saves.key(FORM),
        )

    if saves.attempt(save):
        drawing.close(FORM)


def _sheet(
    model: OutlineModel, shot: Shot, current: DrawnOutline | None
) -> Callable[[Progress], Sheet]:
    """Makes the sheet, in another thread."""
    photo = shot.photo
    reader = comparing.reader(guard.require(CLINICIAN).actor)

    def make(report: Progress) -> Sheet:
        report(0.2, "Reading and outlining the photo")
        read = reader.read(photo)
        picture = read.picture
        seen = comparing.examined(reader, model, shot, read).outline
        drawn = comparing.rescaled(photo.outline, photo.size, picture.size)
        return Sheet(
            id=f"{photo.id} {current.id if current else ''}",
            source=viewer.address(picture),
            size=picture.size,
            points=[*map(list, drawn)] or corners(seen).round(1).tolist(),
            alt=f"Photo of {shot.label}",
            found=bool(seen.mask.any()),
            replaces=current.id if current else None,
        )

    return make


def _history(every: list[DrawnOutline]) -> str:
    """Who drew the outline that holds, and how many stood before."""
    current = drawing.standing(every)
    if current is None:
        return "This is the program's outline. What you draw is kept beside it."
    by, before = drawing.signed(current), drawing.before(every, "outline")
    if not current.points:
        return f"The program's outline, by the choice of {by}.{before}"
    return f"Drawn by {by}.{before}"

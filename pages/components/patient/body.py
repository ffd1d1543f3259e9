"""The body map, front and back: where a patient's lesions are, and where a new one is."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import streamlit as st

from pages.components.frame import browser
from pages.components.patient import identity
from records.clinic.lesions import SITES, VIEWS, Lesion, LesionFields


@dataclass(frozen=True)
class Place:
    """A place on the map: x and y in [0, 1] from the view's upper left corner; ISIC's site."""

    view: str
    x: float
    y: float
    site: str

    @classmethod
    def of(cls, fields: LesionFields) -> Self | None:
        """Where a lesion is, if it was ever marked."""
        if fields.map_x is None or fields.map_y is None:
            return None
        return cls(fields.map_view, fields.map_x, fields.map_y, fields.site)

    @classmethod
    def told(cls, values: Mapping[str, Any] | None) -> Self | None:
        """What the browser says, if it makes sense."""
        try:
            place = cls(values["view"], float(values["x"]), float(values["y"]), values["site"])  # type: ignore[index]
        except (KeyError, TypeError, ValueError):
            return None
        known = place.view in VIEWS[1:] and place.site in SITES
        return place if known and 0 <= place.x <= 1 and 0 <= place.y <= 1 else None


@st.cache_resource(show_spinner=False)
def _component() -> Callable[..., Any]:
    return browser.component(__file__)


def place(known: Place | None, *, key: str) -> Place | None:
    """The map to mark one lesion's place on; returns it once it is marked."""
    told = st.session_state.get(key)
    now = Place.told(told.placed if told else None) or known
    data = {"choosing": True, "keeps": True, "marks": [], "place": asdict(now) if now else None}
    state = _component()(
        key=key, data=data, default={"placed": None}, on_placed_change=lambda: None
    )
    return Place.told(state.placed) or known


def overview(lesions: Iterable[Lesion], *, key: str) -> tuple[str | None, Place | None]:
    """The map with a patient's lesions; returns the id of the one just opened, or a place."""
    marks = [
        {
            "id": lesion.id,
            "view": where.view,
            "x": where.x,
            "y": where.y,
            "label": lesion.fields.label,
            "alt": identity.plain_lesion(lesion),
        }
        for lesion in lesions
        if (where := Place.of(lesion.fields))
    ]
    state = _component()(
        key=key,
        data={"choosing": True, "keeps": False, "marks": marks, "place": None},
        on_placed_change=lambda: None,
        on_opened_change=lambda: None,
    )
    return state.opened, Place.told(state.placed)

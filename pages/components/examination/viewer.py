"""The lesion's photos with heat map and differential, drawn by the browser itself."""

import base64
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from pages.components.examination import differential
from pages.components.examination.tray import Result
from pages.components.frame import browser
from pages.components.frame.words import count, percent
from skinmodel import sentences
from skinmodel.analysis import Analysis
from skinmodel.export import long_date, output_diagnosis
from skinmodel.inferno import colour_table
from skinmodel.series import Series

THUMBNAIL = (176, 132)  # pixels
WAITING = 24  # photos in the film strip while they are analysed
NO_SHARES: dict[str, Any] = {"running": [], "alone": []}
HINT = "Arrow keys: left and right for visits, up and down for diagnoses. Space: heat map."
HINT_SINGLE = "Arrow keys up and down choose a diagnosis. Space: heat map."


@dataclass(frozen=True)
class Shown:
    """What the browser shows: a photo's index in the analysis, and the diagnosis explained."""

    photo: int
    code: str


@st.cache_resource(show_spinner=False)
def _component() -> Callable[..., Any]:
    return browser.component(__file__, heat=True)


def view(
    data: Mapping[str, Any], *, key: str, on_reveal: Callable[[], None] = lambda: None
) -> Shown:
    """Draws what `describe` or `waiting` prepared and says what the person looks at.

    `on_reveal` is called when the person wants to see the numbers of a refused result.
    """
    state = _component()(
        key=key,
        data=data,
        default={"shown": None},
        on_shown_change=lambda: None,
        on_reveal_change=on_reveal,
        width="stretch",
    )
    shown = state.shown or {}
    if shown.get("of") != data["id"]:  # chosen in an earlier result, which must not linger
        shown = {}
    start = data["photos"][data["photo"]].get("index", 0)
    return Shown(int(shown.get("photo", start)), str(shown.get("code", data["code"])))


def preload() -> None:
    """Draws nothing, so that the browser has fetched the component before the first answer."""
    _component()(key="preload", data=None)


def describe(result: Result, *, visits: range, withheld: bool) -> dict[str, Any]:
    """Everything the browser needs to draw these visits of a result, as plain values.

    Of a result that is `withheld`, these are the photos alone.
    """
    analysis, drawn = result.analysis, result.drawn
    indices = [photo for visit in visits for photo in analysis.visits[visit].photos]
    # Rounded up, so that a region too weak for 1/255 still counts as one.
    maps = np.ceil(analysis.maps[:, indices] * 255).astype(np.uint8)
    photos = [
        photo_values(
            analysis.photos[index].picture,
            label=_label(analysis, visit),
            alt=_alt(analysis, visit, drawn=drawn),
            frame=analysis.frames[index],
        )
        | {"index": index, "visit": place}
        for place, visit in enumerate(visits)
        for index in analysis.visits[visit].photos
    ]
    data = {"photos": photos, "photo": len(photos) - 1, "colours": colour_table()}
    if withheld:
        nothing = {"visits": [NO_SHARES] * len(visits), "code": "", "codes": [], "names": {"": ""}}
        data |= nothing | {"title": "Differential withheld", "hint": "", "withheld": True}
        return data | {"id": _digest(data)}
    data |= {
        "visits": [_shares(analysis, visit, drawn=drawn) for visit in visits],
        "code": differential.ranked(analysis, visits[-1])[0].diagnosis.code,
        "codes": analysis.codes,
        "names": {code: output_diagnosis(code).name for code in analysis.codes},
        "maps": {
            "height": maps.shape[2],
            "width": maps.shape[3],
            "values": base64.b64encode(maps.tobytes()).decode(),
        },
        "title": "Drawn, for practice" if drawn else "Differential",
        "hint": HINT if len(analysis.visits) > 1 else HINT_SINGLE,
    }
    return data | {"id": _digest(data)}


def waiting(series: Series) -> dict[str, Any]:
    """The last photo with an empty differential of the final size, shown while it is computed."""
    # Nothing that could be read as a diagnosis, not even for a moment.
    row = {"name": "-", "code": "-", "behaviour": "", "text": "-", "probability": 0.0}
    several = len(series.photos) > 1
    photos = [
        {
            "source": address(photo.picture) if photo is series.photos[-1] else "",
            "thumbnail": _thumbnail(photo.picture),
            "label": long_date(photo.taken_on) or (f"Photo {place}" if several else ""),
            "alt": "Photo being analysed",
            "frame": [0, 0, 1, 1],
            "visit": 0,
        }
        for place, photo in enumerate(series.photos, start=1)
    ]
    data = {
        "photos": photos[-WAITING:],
        "photo": len(photos[-WAITING:]) - 1,
        "visits": [{"running": [row] * 8, "alone": [row] * 8}] * min(2, len(series.visits)),
        "code": "",
        "codes": [],
        "names": {"": ""},
        "colours": colour_table(),
        "waiting": True,
        "title": f"Analysing {count(len(photos), 'photo')}",
        "hint": "",
        "notices": [],
        "warnings": [],
        "facts": [],
    }
    return data | {"id": _digest(data)}


def photo_values(
    picture: Image.Image, *, label: str, alt: str, frame: Sequence[float]
) -> dict[str, Any]:
    """A picture as the browser takes it: inside the message, so that no address leads to it."""
    return {
        "source": address(picture),
        "thumbnail": _thumbnail(picture),
        "label": label,
        "alt": alt,
        "frame": list(frame),
    }


def _thumbnail(picture: Image.Image) -> str:
    small = picture.copy()
    small.thumbnail(THUMBNAIL)
    return address(small)


def address(picture: Image.Image) -> str:
    """A picture inside the message, so that no address leads to it."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=92)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _label(analysis: Analysis, visit: int) -> str:
    taken_on = analysis.visits[visit].taken_on
    if taken_on:
        return long_date(taken_on)
    return f"Photo {visit + 1}" if len(analysis.visits) > 1 else ""


def _alt(analysis: Analysis, visit: int, *, drawn: bool) -> str:
    what = "Drawn lesion" if drawn else "Photo of the lesion"
    label = _label(analysis, visit)
    return f"{what}, {label}" if label else what


def _shares(analysis: Analysis, visit: int, *, drawn: bool) -> dict[str, Any]:
    single = len(analysis.codes) == 1
    totals = analysis.malignancy[visit], analysis.malignancy_alone[visit]
    return {
        "running": _rows(analysis, visit, alone=False),
        "alone": _rows(analysis, visit, alone=True),
        "running_total": "" if single else percent(float(totals[0])),
        "alone_total": "" if single else percent(float(totals[1])),
        "alert": sentences.alert(analysis, visit, drawn=drawn),
        "set": sentences.prediction_set(analysis, visit, drawn=drawn),
    }


def _rows(analysis: Analysis, visit: int, *, alone: bool) -> list[dict[str, Any]]:
    return [
        {
            "code": row.diagnosis.code,
            "name": row.diagnosis.name,
            "behaviour": row.diagnosis.behaviour,
            "probability": row.probability,
            "text": row.text,
        }
        for row in differential.ranked(analysis, visit, alone=alone)
    ]


def _digest(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(data.items())).encode()).hexdigest()[:16]

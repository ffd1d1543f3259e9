"""Taking a result away: as JSON, as CSV, and the photo shown with its heat map as PNG."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict

import streamlit as st

from pages.components.examination.tray import Result
from pages.components.examination.viewer import Shown
from skinmodel.evidence import Stated
from skinmodel.export import output_diagnosis, overlay_png, to_csv, to_dict


def export(result: Result, shown: Shown, *, stated: Stated, notices: Sequence[str]) -> None:
    """A menu of downloads of a result on screen; each is made when asked for, with the notices.

    The names carry the result's own hash, so that no older file of that name is taken for it.
    """
    with st.popover("Export", icon=":material/download:"):
        _files(result, shown, stated, notices)


@st.fragment
def _files(result: Result, shown: Shown, stated: Stated, notices: Sequence[str]) -> None:
    analysis = result.analysis
    photo = analysis.photos[shown.photo]
    heat = f"{result.mark}-{photo.sha256[:8]}-{shown.code}"
    name = output_diagnosis(shown.code).name
    _file(
        "Result as JSON",
        f"dermtrace-{result.mark}.json",
        "application/json",
        lambda: as_json(result, stated=stated, notices=notices),
    )
    _file(
        "Result as CSV",
        f"dermtrace-{result.mark}.csv",
        "text/csv",
        lambda: to_csv(
            analysis, notices=notices, remarks=result.remarks, anyway=True, drawn=result.drawn
        ).encode(),
    )
    # The page's own slider never tells the server where it stands; so the picture has its own.
    opacity = st.slider("Opacity of the heat map, in %", 10, 100, 60, step=10)
    _file(
        f"Photo with heat map for {name} as PNG",
        f"dermtrace-{heat}-{opacity}.png",
        "image/png",
        lambda: overlay_png(
            analysis,
            analysis.codes.index(shown.code),
            shown.photo,
            opacity=opacity / 100,
            remarks=[
                *notices,
                *(text for of, text in result.remarks if of == photo.name),
                *analysis.photo_warnings[shown.photo],
            ],
            drawn=result.drawn,
        ),
    )


def as_json(result: Result, *, stated: Stated, notices: Sequence[str]) -> bytes:
    """All that the screen says of a result, for other programs."""
    refused = [(refusal.name, refusal.reason) for refusal in result.refused]
    said = to_dict(
        result.analysis,
        notices=notices,
        remarks=result.remarks,
        refused=refused,
        anyway=True,
        drawn=result.drawn,
    )
    values = said | {
        "stated": asdict(stated),
        "analysed_on": result.made_on.isoformat(),
        "drawn_for_practice": result.drawn,
    }
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False).encode()


def _file(label: str, name: str, kind: str, make: Callable[[], bytes]) -> None:
    st.download_button(
        label, make, name, kind, on_click="ignore", type="tertiary", key=f"export-{name}"
    )

"""One model beside another: what was measured of both, what can be done, matrices and figures."""

import datetime
from pathlib import Path

import streamlit as st

from pages.components.frame.words import markdown
from pages.components.learning import runs
from pages.components.model import (
    beside,
    card,
    cellphotos,
    comparing,
    matrices,
    promoting,
)
from records.models.jobs import Job
from records.models.promotions import Promotion
from skinmodel.export import long_date
from skinmodel.registry import Registry
from skinmodel.weights import InvalidModel
from training.data.manifest import InvalidData
from training.measuring import compared
from training.measuring.compared import CANDIDATE, KINDS, OTHER, Comparison

KIND_NAMES = {"single_photos": "Single photos", "series": "Lesions, all their photos"}


def choose(models: Registry, active: Path) -> tuple[Path, Path]:
    """The model to look at, and the one beside it."""
    there = list(reversed(models.versions()))
    # The newest that might be promoted; where none is newer, the one in use.
    newest = there[0] if models.is_own(there[0]) else active.name
    with st.container(horizontal=True):
        first = st.selectbox("Model", there, index=there.index(newest), key="model", width=200)
        rest = [name for name in there if name != first]
        start = rest.index(active.name) if active.name in rest else 0
        second = st.selectbox("Beside", rest, index=start, key=f"beside-{first}", width=200)
    return models.folder(first), models.folder(second)


def look(
    candidate: Path,
    other: Path,
    *,
    active: Path,
    names: dict[str, str],
    waiting: list[Promotion],
    found: list[Job],
) -> None:
    """One model beside another, what can be done with it, and its card."""
    measured, why = comparison(candidate, other)
    if measured:
        data = measured.numbers["data"]
        st.subheader(f"Model {candidate.name} beside model {other.name}", anchor=False)
        st.write(
            f"On the same {data['lesions']:,} test lesions ({data['photos']:,} photos,"
            f" {data['melanomas']:,} melanomas), which neither has met."
        )
        st.caption(markdown(origin(measured)))
    else:
        st.subheader(f"Model {candidate.name}", anchor=False)
        st.write(markdown(why))
    comparing.offer(candidate, other, found, measured=measured is not None)
    if measured:
        sides = [
            (f"Model {folder.name}", measured.numbers["models"][side])
            for folder, side in ((candidate, CANDIDATE), (other, OTHER))
        ]
        card.part(beside.decisions, measured.numbers, sides)
    else:
        card.part(
            beside.cards,
            card.read_card(candidate),
            card.read_card(other),
            (candidate.name, other.name),
        )
    if candidate != active:
        promoting.offer(candidate, names, waiting)
    if measured:
        card.part(in_detail, measured, sides, candidate, other)


def in_detail(found: Comparison, sides: beside.Sides, candidate: Path, other: Path) -> None:
    """Matrices, photos of a cell, figures, curves and subgroups."""
    kind = st.segmented_control(
        "Measured on", KINDS, default=KINDS[1], required=True, format_func=KIND_NAMES.__getitem__,
        key="kind",
    )  # fmt: skip
    codes = list(found.numbers["classes"])
    key = f"{candidate.name}-{other.name}-{kind}"
    clicked = matrices.draw(
        codes,
        {
            side: (name, figures[kind]["confusion"])
            for side, (name, figures) in zip((CANDIDATE, OTHER), sides, strict=True)
        },
        key=key,
    )
    if clicked:
        side, cell = clicked
        folder = candidate if side == CANDIDATE else other
        rows = found.cases[found.cases["kind"] == kind]
        cellphotos.draw(rows, side, cell, folder, key=f"{side}-{key}")
    figures, plots, groups = st.tabs(["Figures", "Curves", "Subgroups"])
    with figures:
        card.part(beside.scores, found.numbers, sides, kind)
        card.part(beside.diagnoses, sides, kind)
        card.part(beside.several, sides)
    with plots:
        card.part(beside.curves, sides, kind)
    with groups:
        card.part(beside.subgroups, sides)


def comparison(candidate: Path, other: Path) -> tuple[Comparison | None, str]:
    """What was measured of two models together; else why there is nothing."""
    try:
        found = compared.find(candidate, other, runs.places().comparisons)
    except (InvalidData, InvalidModel) as error:
        return None, str(error)
    if found:
        return found, ""
    return None, f"It was not measured beside model {other.name} on the same lesions yet."


def origin(found: Comparison) -> str:
    """On which data a comparison was made, and when."""
    made = long_date(datetime.date.fromisoformat(found.numbers["made_on"]))
    sets = " + ".join(found.numbers["data"].get("sets", ()))
    return f"Measured on {sets}, {made}" if sets else f"Measured on {made}"

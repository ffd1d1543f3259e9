"""Models: which there are, how a candidate does beside another, and which one is used."""

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from pages.components.frame import guard, serving
from pages.components.frame.words import DASH, markdown
from pages.components.learning import livecurves, runs
from pages.components.model import (
    beside,
    card,
    cellphotos,
    inuse,
    matrices,
    measures,
    promoting,
    shipping,
    studies,
    wholecard,
)
from pages.components.model.card import interval
from records.access import accounts
from records.access.actors import ADMIN, Actor
from records.models import jobs, promotions
from records.models.jobs import Job
from records.models.promotions import DONE, OVERRIDE, PROMOTED, ROLLED_BACK, Promotion
from skinmodel.bundle import CARD
from skinmodel.export import long_date
from skinmodel.registry import Registry
from skinmodel.weights import InvalidModel
from training.data.manifest import InvalidData
from training.measuring import versus
from training.measuring.versus import CANDIDATE, KINDS, OTHER, Comparison

KIND_NAMES = {"single_photos": "Single photos", "series": "Lesions, all their photos"}
CARD_TAB, LEARNED, STUDIES = "Model card", "How it learned", "Folds and searches"
DEEDS = {PROMOTED: "Promoted", ROLLED_BACK: "Rolled back", OVERRIDE: "Promoted by override"}


def page(actor: Actor) -> None:
    """What is used and what there is; then one model beside another."""
    st.title("Models", anchor=False)
    if said := st.session_state.pop("models-said", ""):
        st.info(said)
    models = serving.registry()
    choice = models.choice()
    if choice.problem:
        st.error(markdown(choice.problem))
    found = jobs.everything(serving.database(), actor=actor)
    sets = {one.id: one.name for one in runs.sets()}
    if asked := studies.asked_for(found):
        studies.alone(asked, sets)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Model {markdown(choice.folder.name)} is in use.**", width="content")
        promoting.roll_back()
    past = promotions.history(serving.database(), actor=actor)
    names = accounts.names(serving.database(), actor=actor)
    versions(models, choice.folder, past)
    inuse.draw(actor, choice.folder, past)
    if len(models.versions()) > 1:
        st.header("Side by side", anchor=False)
        candidate, other = choose(models, choice.folder)
        waiting = promoting.requests(past)
        for request in waiting:
            if request.after.version != candidate.name:
                promoting.decide(request, names)
        look(candidate, other, active=choice.folder, names=names, waiting=waiting)
    else:
        st.write("There is no other model yet. Train one on this clinic's data, or import one.")
        if st.button("Go to the training", type="primary"):
            st.switch_page("admin/training.py")
        candidate = choice.folder
    more(candidate, choice.folder, found, sets)
    st.header("Import", anchor=False)
    shipping.take_in()
    if past:
        changes(past, names)


def versions(models: Registry, active: Path, past: list[Promotion]) -> None:
    """All versions, newest first."""
    done = [one for one in past if one.state == DONE]
    used = {*models.before(), *(name.version for one in done for name in (one.before, one.after))}
    rows = [(name, read_card(models.folder(name))) for name in reversed(models.versions())]
    measures.table(
        {
            "Version": [name for name, _ in rows],
            "Use": [
                "In use" if name == active.name else "Used before" if name in used else "Candidate"
                for name, _ in rows
            ],
            "From": ["Clinic" if models.is_own(name) else "Program" for name, _ in rows],
            "Made": [_made(values) for _, values in rows],
            "Balanced accuracy, lesions": [_own_figure(values) for _, values in rows],
        }
    )
    st.caption(
        "Each measured on its own test lesions; only a comparison on the same lesions tells two"
        " models apart."
    )


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
) -> None:
    """One model beside another, what can be done with it, and its card."""
    found, why = comparison(candidate, other)
    if found:
        data = found.numbers["data"]
        st.subheader(f"Model {candidate.name} beside model {other.name}", anchor=False)
        st.write(
            f"On the same {data['lesions']:,} test lesions ({data['photos']:,} photos,"
            f" {data['melanomas']:,} melanomas), which neither has met."
        )
    else:
        st.subheader(f"Model {candidate.name}", anchor=False)
        st.write(markdown(why))
    if found:
        sides = [
            (f"Model {found.numbers['models'][side]['version']}", found.numbers["models"][side])
            for side in (CANDIDATE, OTHER)
        ]
        card.part(beside.decisions, found.numbers, sides)
    else:
        card.part(
            beside.cards, read_card(candidate), read_card(other), (candidate.name, other.name)
        )
    if candidate != active:
        promoting.offer(candidate, names, waiting)
    if found:
        card.part(in_detail, found, sides, candidate, other)


def more(folder: Path, active: Path, found: list[Job], sets: dict[str, str]) -> None:
    """A model as a file, its card, how it learned, and what runs that make no model have found."""
    values = read_card(folder)
    with st.container(horizontal=True):
        shipping.hand_out(folder)
        shipping.hand_out_card(folder)
        own = serving.registry().is_own(folder.name) and folder != active
        if own and st.button("Delete this model …"):
            shipping.delete(folder)
    others = [] if studies.asked_for(found) else studies.there(found)
    tabs = [CARD_TAB, LEARNED, STUDIES] if others else [CARD_TAB, LEARNED]
    whole, learned, *rest = st.tabs(tabs)
    with whole:
        wholecard.describe(values)
    with learned:
        card.part(_learning, values)
    for tab in rest:
        with tab:
            made_by = next((job for job in found if job.version == folder.name), None)
            studies.draw(others, sets, folder.name, made_by)


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
        found = versus.read(candidate)
    except InvalidData as error:
        return None, str(error)
    mine, theirs = promoting.named(candidate), promoting.named(other)
    if found and found.of(mine.sha256, theirs.sha256):
        return found, ""
    return None, f"It was not measured beside model {other.name} on the same lesions."


def changes(past: list[Promotion], names: dict[str, str]) -> None:
    """Who put which model to use, and why; newest first."""
    st.header("Changes", anchor=False)
    done = [one for one in past if one.state == DONE]
    measures.table(
        {
            "When": [_day(one) for one in done],
            "What": [DEEDS[one.kind] for one in done],
            "From": [one.before.version for one in done],
            "To": [one.after.version for one in done],
            "By": [_people(one, names) for one in done],
            "Reason": [one.reason or DASH for one in done],
        }
    )


def _day(one: Promotion) -> str:
    return long_date((one.decided_at or one.asked_at).astimezone().date())


def _people(one: Promotion, names: dict[str, str]) -> str:
    people = dict.fromkeys((one.asked_by, one.decided_by))
    return ", approved by ".join(names.get(who, who) for who in people)


def read_card(folder: Path) -> dict[str, Any]:
    """A model's card as it is; empty where it cannot be read."""
    try:
        values = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _made(values: Mapping[str, Any]) -> str:
    try:
        return long_date(datetime.date.fromisoformat(str(values["created_on"])))
    except (KeyError, ValueError):
        return DASH


def _own_figure(values: Mapping[str, Any]) -> str:
    try:
        return interval(values["numbers"]["series"]["balanced_accuracy"], share=True)
    except (KeyError, TypeError, ValueError):
        return DASH


def _learning(values: Mapping[str, Any]) -> None:
    history = (values.get("training") or {}).get("history") or []
    epochs = [line for line in history if line.get("stage") == "epoch"]
    if not epochs:
        st.write("The card does not hold the history of the training.")
        return
    livecurves.draw(epochs, epochs=max(line["epoch"] for line in epochs), key="card")


try:
    page(guard.require(ADMIN).actor)
except InvalidModel as error:
    st.error(f"DermTrace has no model to use. {error}")
    shipping.take_in()

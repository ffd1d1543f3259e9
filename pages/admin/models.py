"""Models: which there are, how a candidate does beside another, and which one is used."""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from pages.components.frame import guard, serving
from pages.components.frame.words import DASH, markdown
from pages.components.learning import livecurves, runs
from pages.components.model import (
    card,
    inuse,
    measures,
    promoting,
    shipping,
    sidebyside,
    studies,
    wholecard,
)
from pages.components.model.card import interval, read_card
from records.access import accounts
from records.access.actors import ADMIN, Actor
from records.models import jobs, promotions
from records.models.jobs import Job
from records.models.promotions import DONE, OVERRIDE, PROMOTED, ROLLED_BACK, Promotion
from skinmodel.export import long_date
from skinmodel.registry import Registry
from skinmodel.weights import InvalidModel

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
        candidate, other = sidebyside.choose(models, choice.folder)
        waiting = promoting.requests(past)
        for request in waiting:
            if request.after.version != candidate.name:
                promoting.decide(request, names)
        sidebyside.look(
            candidate, other, active=choice.folder, names=names, waiting=waiting, found=found
        )
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

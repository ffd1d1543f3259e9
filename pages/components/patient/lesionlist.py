"""A patient's lesions: each with its newest photo, what was found, and what is planned."""

from collections.abc import Sequence

import streamlit as st

from pages.components.frame import paging, thumbnails
from pages.components.frame.words import count
from pages.components.patient import confirming, identity, planning
from records.access.actors import Actor
from records.clinic.lesions import LesionSummary
from skinmodel.export import long_date

PER_PAGE = 12
WIDTH = 120  # pixels of a thumbnail


def show(actor: Actor, found: Sequence[LesionSummary]) -> None:
    """The lesions, oldest first; many are turned over like pages."""
    if not found:
        st.write("No lesion yet. Add one, or click its place on the body map.")
        return
    for one in found[paging.turned("Lesions", len(found), each=PER_PAGE, key="lesions-page")]:
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            with st.container(width=WIDTH):
                thumbnails.show(
                    actor,
                    one.photo_id,
                    alt=f"Newest photo of {identity.plain_lesion(one.lesion)}",
                    width=WIDTH,
                )
            with st.container(gap="xsmall", width="stretch"):
                # Not a link: from the page to itself, it would leave the address as it is.
                if st.button(identity.lesion(one.lesion), key=f"open-{one.lesion.id}"):
                    st.switch_page("clinic/lesion.py", query_params={"lesion": one.lesion.id})
                for line in _facts(one):
                    st.caption(line)


def _facts(one: LesionSummary) -> list[str]:
    seen = count(one.visits, "visit")
    if one.last_day:
        seen += f", last on {long_date(one.last_day)}"
    facts = [seen]
    if one.lesion.fields.excised_on:
        facts.append(f"Excised on {long_date(one.lesion.fields.excised_on)}")
    if one.confirmation:
        facts.append(f"Confirmed: {confirming.words(one.confirmation)}")
    if one.plan:
        facts.append(f"Plan: {planning.words(one.plan)}")
    return facts

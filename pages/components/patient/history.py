"""Who did what to a lesion, from the audit log."""

import streamlit as st

from pages.components.frame import serving
from records import audit
from records.access import accounts
from records.access.actors import Actor
from records.clinic.series import LesionPage
from skinmodel.export import long_date


def show(actor: Actor, page: LesionPage) -> None:
    """Everything done to the lesion, its visits, photos and assessments, newest first."""
    with st.expander("History"):
        ids = [page.lesion.id, *(one.id for one in page.assessments)]
        ids += [one.visit.id for one in page.visits]
        ids += [photo.id for one in page.visits for photo in one.photos]
        found = audit.history(serving.database(), actor=actor, object_ids=ids)
        names = accounts.names(serving.database(), actor=actor)
        local = [(entry, entry.at.astimezone()) for entry in found]
        st.dataframe(
            {
                "When": [f"{long_date(at.date())}, {at:%H:%M}" for _, at in local],
                "Who": [names.get(one.account_id, one.account_id) for one, _ in local],
                "What": [one.kind.capitalize() for one, _ in local],
            },
            hide_index=True,
        )

"""Data: the data sets that models learn from; new ones, and what is in each."""

import streamlit as st

from pages.components.frame import guard, serving
from pages.components.frame.words import count, markdown
from pages.components.learning import adding, datareport, discarding, ended, intakes
from records.access.actors import ADMIN
from skinmodel.export import long_date
from training.data import datasets
from training.data.datasets import DataSet
from training.data.inspection import Inspection

KINDS = {
    "isic": "ISIC 2019",
    "folder": "Folder",
    "zip": "ZIP",
}
OPEN = "open-data-set"
ABSENT = "Its photos are not here, and backups keep none of a data set's. It cannot be used."


def page() -> None:
    """What there is; adding; the report of the one that is open."""
    st.title("Data", anchor=False)
    found = datasets.data_sets(serving.datasets())
    discarding.offer_back()
    if not found:
        st.write(
            "Models learn from photos whose diagnosis is known. Add a data set, look at what is in"
            " it, and then train on it."
        )
    if st.button("Add data", type="primary", icon=":material/add:"):
        adding.ask()
    intakes.watch()
    for one in found:
        row(one)


def row(data: DataSet) -> None:
    """One data set; opened, with its report."""
    is_open, absent = st.session_state.get(OPEN) == data.id, data.absent
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(gap=None):
                st.markdown(f"**{markdown(data.name)}**")
                st.caption(describe(data))
                if absent:
                    st.caption(f":material/warning: {ABSENT} {again(data)}")
            st.button(
                "Close" if is_open else "Report",
                key=f"open-{data.id}",
                on_click=lambda: st.session_state.update({OPEN: None if is_open else data.id}),
            )
            if not (data.fault or absent) and st.button("Train on it", key=f"train-{data.id}"):
                st.session_state[ended.AGAIN] = {"data": [data.id]}
                st.switch_page("admin/training.py")
            if data.kind == "clinic" and st.button("Make anew", key=f"anew-{data.id}"):
                adding.ask(adding.CLINIC)
            if st.button("Delete", key=f"delete-{data.id}", type="tertiary"):
                discarding.ask(data)
        if is_open and not data.fault:
            report = Inspection.read(data.folder)
            if report is None:
                st.caption("There is no report of it.")
            else:
                datareport.draw(data, report)


def again(data: DataSet) -> str:
    """How a data set's photos come back."""
    return "Make it anew." if data.kind == "clinic" else "Delete it, and bring it in again."


def describe(data: DataSet) -> str:
    """A data set in one line."""
    if data.fault:
        return f":material/warning: {markdown(data.fault)} It cannot be used."
    own = data.kind == "clinic"
    parts = [
        *([] if own else [KINDS[data.kind]]),
        count(data.photos, "photo"),
        count(data.lesions, "lesion"),
        f"{'made' if own else 'added'} on {long_date(data.created_on)}",
    ]
    if data.licence and not own:
        parts.append(markdown(data.licence))
    return " · ".join(parts)


guard.require(ADMIN)
page()

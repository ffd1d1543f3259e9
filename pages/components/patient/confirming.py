"""The confirmed diagnosis: how it was found, and what stood before a correction."""

import datetime

import streamlit as st

from pages.components.frame import guard, saves, serving
from pages.components.frame.words import markdown
from records.access import accounts
from records.access.actors import CLINICIAN
from records.clinic import confirmations
from records.clinic.confirmations import METHODS, OTHER, Confirmation, ConfirmationFields
from records.clinic.lesions import Lesion
from records.clinic.series import LesionPage
from skinmodel.diagnoses import CODES, diagnosis
from skinmodel.export import long_date


def words(known: Confirmation) -> str:
    """A confirmed diagnosis in a few words, safe in Markdown."""
    return markdown(plain_words(known))


def plain_words(known: Confirmation) -> str:
    """The same where no Markdown is understood."""
    fields = known.fields
    day = f", {long_date(fields.confirmed_on)}" if fields.confirmed_on else ""
    return f"{name(known)} ({fields.method}{day})"


def name(known: Confirmation) -> str:
    """The diagnosis alone, also one beside the model's eight."""
    fields = known.fields
    return fields.other if fields.code == OTHER else diagnosis(fields.code).name


def show(page: LesionPage) -> None:
    """What is confirmed, and what was believed before."""
    current = next((one for one in page.confirmations if one.current), None)
    st.header("Confirmed diagnosis", anchor=False)
    st.write(f"{words(current)}." if current else "None yet.")
    earlier = [one for one in page.confirmations if not one.current]
    if earlier:
        names = accounts.names(serving.database(), actor=guard.require(CLINICIAN).actor)
        following = {one.replaces_id: one for one in page.confirmations}
        for one in earlier:
            by = following[one.id]
            who = markdown(names.get(by.account_id, "somebody"))
            st.caption(
                f"Corrected on {long_date(by.at.astimezone().date())} by {who};"
                f" before: {words(one)}. Reason: {markdown(by.fields.reason)}"
            )
    label = "Correct the diagnosis" if current else "Confirm a diagnosis"
    if st.button(label, on_click=saves.begin, args=("confirmation",)):
        confirm(page.lesion, current)


@st.dialog("Confirmed diagnosis")
def confirm(lesion: Lesion, current: Confirmation | None) -> None:
    """A lesion's diagnosis, or a correction, which needs a reason."""
    if current:
        st.write(f"Now: {words(current)}. It stays readable as the earlier diagnosis.")
    code = st.selectbox(
        "Diagnosis",
        (*CODES, OTHER),
        index=None,
        placeholder="Choose",
        format_func=lambda one: "Another diagnosis" if one == OTHER else diagnosis(one).name,
    )
    other = st.text_input("Which", max_chars=200) if code == OTHER else ""
    method = st.segmented_control(
        "Confirmed by", METHODS, default=METHODS[0], required=True, format_func=str.capitalize
    )
    today = datetime.date.today()
    day = st.date_input("Day of the finding", value=None, max_value=today, format="YYYY-MM-DD")
    reason = st.text_input("Reason for the correction", max_chars=1000) if current else ""
    if not st.button("Save", type="primary", key="save-confirmation"):
        return
    if code is None:
        st.warning("Choose a diagnosis.")
        return
    actor = guard.require(CLINICIAN).actor
    if saves.attempt(
        lambda: confirmations.confirm(
            serving.database(),
            actor=actor,
            lesion_id=lesion.id,
            fields=ConfirmationFields(code, method, day, other, reason),
            replaces_id=current.id if current else None,
            codes=CODES,
            save_key=saves.key("confirmation"),
        )
    ):
        st.rerun()

"""What is to be done with a lesion: planned, carried out, replaced."""

import datetime

import streamlit as st

from pages.components.frame import guard, saves, serving
from pages.components.frame.words import markdown
from records.access.actors import CLINICIAN
from records.clinic import plans
from records.clinic.lesions import Lesion
from records.clinic.plans import ACTIONS, Plan, PlanFields
from skinmodel.export import long_date

NAMES = {
    "excise": "Excise",
    "biopsy": "Take a biopsy",
    "monitor": "Monitor",
    "discharge": "Discharge",
}


def words(plan: Plan) -> str:
    """A plan in a few words, safe in Markdown: monitor, due 12 Mar 2025."""
    return markdown(plain_words(plan))


def plain_words(plan: Plan) -> str:
    """The same where no Markdown is understood."""
    fields = plan.fields
    text = NAMES[fields.action].lower()
    if plan.done_on:
        text += f", done on {long_date(plan.done_on)}"
    elif fields.due_on:
        text += f", due {long_date(fields.due_on)}"
    return text + (f" ({fields.note})" if fields.note else "")


def show(lesion: Lesion, known: tuple[Plan, ...]) -> None:
    """The plan that holds, with what can be done about it."""
    current = next((plan for plan in known if plan.current), None)
    st.header("Plan", anchor=False)
    text = words(current) if current else "none yet"
    st.write(f"{text[0].upper()}{text[1:]}.")
    with st.container(horizontal=True):
        label = "Change the plan" if current else "Make a plan"
        if st.button(label, on_click=saves.begin, args=("plan",)):
            make(lesion)
        open_ = current and not current.done_on and current.fields.action != "discharge"
        if current and open_ and st.button("Carried out"):
            carry_out(current)


@st.dialog("Plan")
def make(lesion: Lesion) -> None:
    """A plan in place of the one that holds."""
    today = datetime.date.today()
    action = st.segmented_control(
        "What", ACTIONS, default="monitor", required=True, format_func=NAMES.__getitem__
    )
    due_on = None
    if action != "discharge":
        due_on = st.date_input(
            "Due on" if action == "monitor" else "Due on, if known",
            value=None,
            min_value=today,
            max_value=today + plans.FURTHEST,
            format="YYYY-MM-DD",
        )
    if action == "monitor":
        st.caption(
            "Short-term monitoring takes 2.5 to 4.5 months; not for raised or nodular lesions."
        )
    note = st.text_input("Note", max_chars=1000)
    if not st.button("Save", type="primary", key="save-plan"):
        return
    actor = guard.require(CLINICIAN).actor
    if saves.attempt(
        lambda: plans.make(
            serving.database(),
            actor=actor,
            lesion_id=lesion.id,
            fields=PlanFields(action, due_on, note),
            save_key=saves.key("plan"),
        )
    ):
        st.rerun()


@st.dialog("Carried out")
def carry_out(plan: Plan) -> None:
    """The day a plan was carried out."""
    today = datetime.date.today()
    st.write(f"{NAMES[plan.fields.action]}: on which day?")
    day = st.date_input("Day", today, max_value=today, format="YYYY-MM-DD")
    if plan.fields.action == "excise":
        st.caption("The lesion is marked as excised from that day.")
    if not st.button("Save", type="primary", key="save-done"):
        return
    actor = guard.require(CLINICIAN).actor
    if saves.attempt(
        lambda: plans.done(serving.database(), actor=actor, plan_id=plan.id, done_on=day)
    ):
        st.rerun()

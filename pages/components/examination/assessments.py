"""What the model said of a lesion, newest first; nothing is ever overwritten."""

import streamlit as st

from pages.components.examination import impression, opening, replay
from pages.components.frame import guard, serving, words
from pages.components.frame.words import count, markdown
from records.access import accounts
from records.access.actors import CLINICIAN
from records.clinic.assessments import Assessment
from records.clinic.series import LesionPage
from skinmodel.export import DISCLAIMER, long_date, output_diagnosis

LEADING = 3
EARLIER = 20


def show(page: LesionPage) -> None:
    """The newest assessment, with what has changed since, then the earlier ones."""
    st.header("Assessment", anchor=False)
    if not page.assessments:
        st.write("Not analysed yet.")
        if page.visits and st.button("Analyse"):
            opening.go(page.lesion.id, analyse=True)
        return
    *earlier, newest = page.assessments
    if newest.outdated:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(f"This assessment is outdated: {' '.join(newest.outdated)}")
            if st.button("Analyse again", type="primary"):
                opening.go(page.lesion.id, analyse=True)
    names = accounts.names(serving.database(), actor=guard.require(CLINICIAN).actor)
    one(newest, names)
    if earlier:
        with st.expander(count(len(earlier), "earlier assessment")):
            for before in reversed(earlier[-EARLIER:]):
                one(before, names)


def one(assessment: Assessment, names: dict[str, str]) -> None:
    """An assessment as it was shown: leading diagnoses, model, day and who saved it."""
    result = assessment.result
    day = long_date(result.made_at.astimezone().date())
    if not result.more.get("assessed", True):
        st.write("Not assessed: a photo does not look like a dermoscopic photo of these diagnoses.")
    else:
        shares = sorted(zip(result.probabilities[-1], result.codes, strict=True), reverse=True)
        st.table(
            {
                "Diagnosis": [output_diagnosis(code).name for _, code in shares[:LEADING]],
                "Behaviour": [output_diagnosis(code).behaviour for _, code in shares[:LEADING]],
                "Probability": [words.percent(share) for share, _ in shares[:LEADING]],
            },
            hide_index=True,
        )
        if len(result.codes) > 1:
            alerts = result.more.get("alerts") or [False]
            line = ", above the alert line" if alerts[-1] else ""
            st.write(f"Malignant in total {words.percent(result.malignancy[-1])}{line}.")
    if st.button("Show with photos and heat maps", key=f"show-{assessment.id}"):
        replay.show(assessment)
    if assessment.impression:
        st.caption(impression.words(assessment.impression, names))
    who = markdown(names.get(assessment.account_id, "somebody"))
    st.caption(
        f"{DISCLAIMER}. From {count(len(result.photos), 'photo')} of"
        f" {count(len(result.visits), 'visit')}. Model {markdown(result.model_version)}, analysed"
        f" on {day}, saved by {who}."
    )

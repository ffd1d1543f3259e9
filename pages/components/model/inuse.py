"""How the model in use does in the clinic: agreement with confirmed diagnoses, and the inputs."""

import datetime
from pathlib import Path

import streamlit as st

from pages.components.frame import serving
from pages.components.frame.words import DASH, count, markdown, percent
from pages.components.model import drift, measures, promoting
from pages.components.model.card import diagnosis_name, interval
from records.access.actors import Actor
from records.models import inuse
from records.models.inuse import Agreement, Month
from records.models.promotions import DONE, Promotion
from skinmodel.bundle import Model
from skinmodel.diagnoses import CODES, MALIGNANT
from training.measuring.metrics import proportion

YEAR = datetime.timedelta(days=365)
FEWEST = 20  # results before a month's, or lesions, below which nothing is concluded
FEW = 5  # cases below which no share is said
FARTHER = 0.15  # of the median distance, in [0, 1]


def draw(actor: Actor, active: Path, past: list[Promotion]) -> None:
    """Since when it is used, what was confirmed since, and what changed in the photos."""
    st.header("In use", anchor=False)
    since = next(
        (
            one.decided_at
            for one in past
            if one.state == DONE and one.after.version == active.name and one.decided_at
        ),
        datetime.datetime.min.replace(tzinfo=datetime.UTC),
    )
    database, now = serving.database(), datetime.datetime.now(datetime.UTC)
    found = inuse.agreement(
        database, actor=actor, model_sha256=promoting.named(active).sha256, since=since
    )
    seen = inuse.months(database, actor=actor, since=now - YEAR)
    for sentence in (*missed(found, serving.load(active)), *drifted(seen)):
        st.warning(markdown(sentence))
    if found:
        agreement(found)
    else:
        st.write(
            f"No diagnosis of a lesion that model {active.name} has assessed is confirmed yet."
        )
    if seen:
        inputs(seen)


def agreement(found: list[Agreement]) -> None:
    """By confirmed diagnosis, how often it was ranked first and flagged, and known before."""
    said = {
        "The clinician said so before": [
            _share(one.impression_right, one.with_impression) for one in found
        ]
    }
    measures.table(
        {
            "Confirmed diagnosis": [
                f"{diagnosis_name(one.code)} ({one.code})" if one.code in CODES else "Another"
                for one in found
            ],
            "Lesions": [f"{one.lesions:,}" for one in found],
            "It ranked first": [_share(one.ranked_first, one.lesions) for one in found],
            "Above the alert line": [_share(one.above_line, one.with_line) for one in found],
        }
        | (said if any(one.with_impression for one in found) else {})
    )
    st.caption(
        "Each lesion's last result of this model since it was promoted, as it was shown."
        " Confirmed lesions are not all lesions: those that look harmless are seldom excised."
    )


def inputs(seen: list[Month]) -> None:
    """Per month, how many results there were, and how unlike the training photos."""
    st.subheader("Photos, month by month", anchor=False)
    if len(seen) > 1:
        drift.draw(seen)
    with st.expander("In numbers", expanded=len(seen) == 1):
        measures.table(
            {
                "Month": [drift.month(one) for one in seen],
                "Results": [f"{one.results:,}" for one in seen],
                "Not assessed": [_share(one.not_assessed, one.results) for one in seen],
                "With a warning about a photo": [_share(one.warned, one.results) for one in seen],
                "Distance from the training photos, median": [
                    DASH if one.distance is None else f"{one.distance:.2f}" for one in seen
                ],
            }
        )


def missed(found: list[Agreement], model: Model) -> list[str]:
    """A sentence where the alert line finds surely fewer malignant lesions than it should."""
    line = model.calibration.alert
    malignant = [one for one in found if one.code in {CODES[place] for place in MALIGNANT}]
    cases = sum(one.with_line for one in malignant)
    above = sum(one.above_line for one in malignant)
    share = proportion(above, cases)
    if line is None or share is None or cases < FEWEST or share[2] >= line.sensitivity:
        return []
    return [
        f"It is time to look: {above} of {count(cases, 'confirmed malignant lesion')} lay above"
        f" the alert line, {percent(share[0])}; it was set to find {percent(line.sensitivity)}."
    ]


def drifted(seen: list[Month]) -> list[str]:
    """A sentence for each way in which the last month's photos are surely unlike those before."""
    if len(seen) < 2:
        return []
    *before, last = seen
    results = sum(one.results for one in before)
    if results < FEWEST or last.results < FEWEST:
        return []
    sentences = []
    ways = {"were not assessed": "not_assessed", "came with a warning about a photo": "warned"}
    for what, name in ways.items():
        now = proportion(getattr(last, name), last.results)
        then = proportion(sum(getattr(one, name) for one in before), results)
        if now and then and now[1] > then[2]:
            sentences.append(
                f"It is time to look: {percent(now[0])} of this month's results {what},"
                f" {percent(then[0])} of those before."
            )
    known = [(one.distance, one.results) for one in before if one.distance is not None]
    if known and last.distance is not None:
        usual = sum(far * number for far, number in known) / sum(number for _, number in known)
        if last.distance > usual + FARTHER:
            sentences.append(
                f"It is time to look: this month's photos lie farther from the training photos"
                f" ({last.distance:.2f}) than those before ({usual:.2f})."
            )
    return sentences


def _share(hits: int, cases: int) -> str:
    if 0 < cases < FEW:
        return f"{hits:,} of {cases:,}"  # a share would claim more than so few can tell
    found = proportion(hits, cases)
    return f"{hits:,} of {cases:,}, {interval(found, share=True)}" if found else DASH

"""Case mix: how frequent each diagnosis is in this clinic, which the shown probabilities assume."""

import streamlit as st

from pages.components.frame import guard, serving
from records import audit
from records.access.actors import ADMIN, Actor
from skinmodel.bundle import Model
from skinmodel.casemix import LEAST, CaseMix, InvalidCaseMix
from skinmodel.diagnoses import DIAGNOSES
from skinmodel.weights import InvalidModel

STEP = 0.5  # percent
WHY = f"""
How often does each diagnosis occur among the lesions that this clinic photographs? A probability
depends on it: the same photo is more likely to show a melanoma where melanomas are common. Until a
mix is set, probabilities are those of the model's training data, in which lesions were chosen.

- Take it from confirmed diagnoses of at least some hundred lesions, not from an impression.
- The eight shares add up to 100 %, and none is under {100 * LEAST:g} %: what is held to be rarer
  would hardly ever be shown, whatever is in the photo.
- It moves the shown probabilities, and with them their order. It does not move the alert line, the
  prediction sets, or which photos are not assessed.
"""


def page(actor: Actor, model: Model) -> None:
    """What it means, the eight shares, and their sum."""
    st.title("Case mix", anchor=False)
    st.markdown(WHY)
    try:
        now = serving.case_mix()
    except InvalidCaseMix as error:
        now = None
        st.error(f"{error} Until it is set anew, nothing is analysed.")
        forget(actor)
    else:
        st.markdown("**This mix is in use.**" if now else "**No mix is set.**")
        if now:
            forget(actor)
    shares = ask(now.shares if now else model.calibration.prior_training)
    total = round(sum(shares), 3)
    left = f" {abs(100 - total):g} % {'missing' if total < 100 else 'too much'}." * (total != 100)
    st.markdown(f"Together {total:g} %.{left}")
    if st.button("Set this mix", type="primary", disabled=total != 100):
        store(actor, shares)


def ask(start: tuple[float, ...]) -> list[float]:
    """The eight shares in percent; they begin with what is in use."""
    begin = [max(100 * LEAST, round(100 * share, 1)) for share in start]
    begin[begin.index(max(begin))] += round(100 - sum(begin), 1)  # what rounding left over
    with st.container(width=360, gap="xsmall"):
        return [
            st.number_input(
                f"{diagnosis.name} ({diagnosis.code}), %",
                min_value=100 * LEAST,
                max_value=100.0,
                value=share,
                step=STEP,
                format="%.1f",
                key=f"share-{diagnosis.code}",
            )
            for diagnosis, share in zip(DIAGNOSES, begin, strict=True)
        ]


def store(actor: Actor, shares: list[float]) -> None:
    """Stores the mix for everybody, and notes who set it."""
    try:
        mix = CaseMix(tuple(share / 100 for share in shares))
    except InvalidCaseMix as error:
        st.error(str(error))
        return
    shown = {code: f"{100 * share:.1f}" for code, share in mix.to_dict().items()}
    audit.note(serving.database(), actor=actor, kind="case mix set", detail=shown)
    serving.set_case_mix(mix)
    st.rerun()


def forget(actor: Actor) -> None:
    """The way back to the training mix."""
    if st.button("Go back to the training mix"):
        audit.note(serving.database(), actor=actor, kind="case mix forgotten")
        serving.set_case_mix(None)
        st.rerun()


person = guard.require(ADMIN)
try:
    page(person.actor, serving.model())
except InvalidModel as problem:
    st.error(f"DermTrace has no model to use. {problem}")

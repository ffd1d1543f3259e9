"""The clinician's own impression, asked for before the result where the clinic wants it so."""

import streamlit as st

from pages.components.examination.tray import Tray
from pages.components.frame import guard, saves, serving
from pages.components.frame.words import count, markdown
from records import preferences
from records.access.actors import CLINICIAN
from records.clinic import impressions
from records.clinic.impressions import Impression
from records.preferences import IMPRESSION_FIRST
from skinmodel.diagnoses import CODES, UNKNOWN
from skinmodel.export import long_date, output_diagnosis

NONE = "None of these eight"
SIDE = 1600  # pixels of the longer side
SURE = (None, 25, 50, 75, 90, 99)  # percent


def needed(tray: Tray) -> bool:
    """Whether no result may be shown yet."""
    if tray.drawn or tray.impression:
        return False
    actor = guard.require(CLINICIAN).actor
    return bool(preferences.get(serving.database(), actor=actor, name=IMPRESSION_FIRST))


def ask(tray: Tray) -> None:
    """The photos, and beside them what the clinician holds the lesion for; then it is analysed."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        _look(tray)
    with right:
        st.header("Your impression first", anchor=False)
        st.caption(
            "Your clinic records what you think before the model's result is shown."
            " It is kept with the result and enters no calculation."
        )
        code = st.radio("Most likely", [*CODES, UNKNOWN], index=None, format_func=name)
        confidence = st.select_slider("How sure", SURE, format_func=_sure)
        note = st.text_input("Why (optional)", max_chars=1000)
        with st.container(horizontal=True):
            if st.button(
                f"Record, and analyse {count(len(tray.items), 'photo')}",
                type="primary",
                disabled=code is None,
                key="record-impression",
            ):
                _record(tray, str(code), confidence, note)
            st.button("Cancel", on_click=setattr, args=(tray, "wanted", False), key="cancel")


def _look(tray: Tray) -> None:
    """The newest photo, large, and a way to the earlier ones."""
    photos = tray.ordered
    place = len(photos) - 1
    if len(photos) > 1:
        place = st.segmented_control(
            "Photo",
            range(len(photos)),
            default=place,
            required=True,
            format_func=lambda at: long_date(photos[at].taken_on) or f"Photo {at + 1}",
            label_visibility="collapsed",
        )
    shown = photos[place]
    small = shown.photo.picture.copy()
    small.thumbnail((SIDE, SIDE))
    st.image(small, width="stretch", output_format="JPEG", alt=f"Photo {shown.name}")


def _record(tray: Tray, code: str, confidence: int | None, note: str) -> None:
    actor = guard.require(CLINICIAN).actor

    def record() -> Impression:
        return impressions.record(
            serving.database(),
            actor=actor,
            lesion_id=tray.opened.lesion.id if tray.opened else None,
            code=code,
            confidence=confidence,
            note=note,
            codes=(*CODES, UNKNOWN),
            save_key=saves.key("impression"),
        )

    if made := saves.attempt(record):
        tray.impression = made.id
        saves.begin("impression")
        st.rerun()


def words(impression: Impression, names: dict[str, str]) -> str:
    """A recorded impression in one line, safe in Markdown."""
    sure = f", {impression.confidence} % sure" if impression.confidence is not None else ""
    who = markdown(names.get(impression.account_id, "somebody"))
    day = long_date(impression.at.astimezone().date())
    why = f" “{markdown(impression.note)}”" if impression.note else ""
    return f"Impression before the result: {name(impression.code)}{sure}.{why} {who}, {day}"


def name(code: str) -> str:
    """A diagnosis' full name, or that it is none of them."""
    return NONE if code == UNKNOWN else output_diagnosis(code).name


def _sure(percent: int | None) -> str:
    return "Not stated" if percent is None else f"{percent} %"

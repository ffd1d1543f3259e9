"""What the clinician may state of patient and lesion: it changes no number, only what is said."""

import datetime
from dataclasses import replace
from typing import Any

import streamlit as st

from pages.components.examination.tray import Tray
from records.clinic.lesions import Lesion
from records.clinic.patients import Patient
from skinmodel.evidence import PHOTOTYPES, SITES, Stated

OLDEST = 120
PLACES = {  # ISIC's sites in the words of a model's card
    "anterior torso": "trunk",
    "head/neck": "head or neck",
    "lateral torso": "trunk",
    "lower extremity": "arm or leg",
    "oral/genital": "mucosa",
    "posterior torso": "trunk",
    "upper extremity": "arm or leg",
}
WIDTH = 300  # pixels: the answer beside the photo stays in sight
WHY = (
    "Optional. It enters no calculation; it shows whether this lesion lies outside what the model"
    " was tested on."
)


def known(patient: Patient, lesion: Lesion) -> Stated:
    """What the records say of an open lesion; ISIC's palms/soles leaves the site open."""
    fields = patient.fields
    born = fields.year_of_birth
    return Stated(
        phototype=PHOTOTYPES[fields.phototype - 1] if fields.phototype else None,
        site=PLACES.get(lesion.fields.site),
        age=datetime.date.today().year - born if born else None,
    )


def ask(tray: Tray) -> None:
    """A small menu; nothing in it has to be filled in."""
    was = tray.stated
    with st.popover("Patient and site", icon=":material/person:"), st.container(width=WIDTH):
        st.caption(WHY)
        st.selectbox(
            "Phototype (Fitzpatrick)",
            PHOTOTYPES,
            index=PHOTOTYPES.index(was.phototype) if was.phototype else None,
            placeholder="Not stated",
            **_taking(tray, "phototype"),
        )
        st.selectbox(
            "Body site",
            SITES,
            index=SITES.index(was.site) if was.site else None,
            placeholder="Not stated",
            format_func=str.capitalize,
            **_taking(tray, "site"),
        )
        st.number_input(
            "Age in years",
            0,
            OLDEST,
            value=was.age,
            step=1,
            placeholder="Not stated",
            **_taking(tray, "age"),
        )


def _taking(tray: Tray, field: str) -> dict[str, Any]:
    """A widget's key and what it does: the answer is known before the page is drawn again."""
    key = f"stated-{field}-{tray.numbers}"  # with new photos new widgets, which begin as stated

    def take() -> None:
        tray.stated = replace(tray.stated, **{field: st.session_state[key]})

    return {"key": key, "on_change": take}

"""Drawn lesions to try the page with, when no photos are at hand."""

import datetime
import io

import streamlit as st
from PIL import Image

from pages.components import serving
from pages.components.tray import Tray
from skinmodel import drawn

SINGLE, SERIES = 11, 7  # seeds


def offer(tray: Tray) -> None:
    """Two buttons; what they bring is analysed at once."""
    st.caption("No photos at hand? These lesions are drawn, for practice; no patient is shown.")
    with st.container(horizontal=True):
        st.button("Try an example: one photo", on_click=_single, args=(tray,))
        st.button("Try an example: three visits", on_click=_series, args=(tray,))


def _single(tray: Tray) -> None:
    _fill(tray, [(drawn.draw_lesion(SINGLE), None)])


def _series(tray: Tray) -> None:
    _fill(tray, list(drawn.draw_series(SERIES)))


def _fill(tray: Tray, pictures: list[tuple[Image.Image, datetime.date | None]]) -> None:
    tray.replace(drawn=True)
    for place, (picture, taken_on) in enumerate(pictures, start=1):
        file = io.BytesIO()
        picture.save(file, "PNG")
        tray.add(serving.decoder().read(file.getvalue()), f"Drawn lesion {place}", taken_on)
    tray.wanted = True

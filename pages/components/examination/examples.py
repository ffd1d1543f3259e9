"""Drawn lesions to try the page with, when no photos are at hand."""

from pathlib import Path

import streamlit as st

from pages.components.examination.tray import Tray
from pages.components.frame import serving

# Made by skinmodel.drawn, which takes seconds for each; files are there at once.
FOLDER = Path(__file__).parents[3] / "assets" / "examples"
SINGLE = ("single.jpg",)
SERIES = ("visit-1.jpg", "visit-2.jpg", "visit-3.jpg")
EXAMPLES = (("Try an example: one photo", SINGLE), ("Try an example: three visits", SERIES))
WIDTH = 220  # pixels of an example's picture: two stand side by side


def offer(tray: Tray) -> None:
    """A picture and a button for each example; what it brings is analysed at once."""
    st.caption("No photos at hand? These lesions are drawn, for practice; no patient is shown.")
    with st.container(horizontal=True):
        for label, files in EXAMPLES:
            with st.container(width=WIDTH, gap="small"):
                # Told the format, Streamlit opens the picture once less.
                picture = FOLDER / files[-1]
                st.image(picture, alt="Drawn lesion", width="stretch", output_format="JPEG")
                st.button(label, on_click=_fill, args=(tray, files), width="stretch")


def _fill(tray: Tray, files: tuple[str, ...]) -> None:
    tray.replace(drawn=True)
    for place, file in enumerate(files, start=1):
        photo = serving.decoder().read((FOLDER / file).read_bytes())
        tray.add(photo, f"Drawn lesion {place}", photo.taken_on)
    tray.wanted = True

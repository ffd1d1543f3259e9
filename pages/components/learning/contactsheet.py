"""A data set's photos, small and side by side."""

import io

import numpy as np
import streamlit as st
from PIL import Image

from pages.components.frame import paging, serving
from pages.components.frame.words import count
from skinmodel.diagnoses import CODES, diagnosis
from skinmodel.images import InvalidImage
from training.data.datasets import DataSet
from training.data.inspection import Inspection
from training.data.manifest import InvalidData

SHEET, COLUMNS = 24, 4  # photos of a contact sheet, and of a row in it
TILE = (150, 112)  # pixels


def draw(data: DataSet, report: Inspection) -> None:
    """A contact sheet of one diagnosis at a time."""
    there = [code for code in CODES if report.diagnoses[code]]
    if not there:
        return
    st.markdown("**Photos**")
    code = st.segmented_control(
        "Diagnosis",
        there,
        default=there[0],
        required=True,
        format_func=lambda one: diagnosis(one).name,
        label_visibility="collapsed",
        key=f"sheet-{data.id}",
    )
    total = report.diagnoses[code]
    seen = paging.turned("Photos", total, each=SHEET, key=f"sheet-{data.id}-{code}")
    try:
        table = data.table()
    except InvalidData as error:
        st.warning(str(error))
        return
    paths = list(table["path"][table["diagnosis"] == code])[seen]
    halves = (paths[: SHEET // 2], paths[SHEET // 2 :])
    for column, half in zip(st.columns(2), halves, strict=True):  # below each other on a telephone
        if half:
            column.image(
                sheet(tuple(half), data.created_on.isoformat()),
                width="stretch",
                alt=f"{count(len(half), 'photo')} of {diagnosis(code).name.lower()}",
            )


# What is erased is out of memory, too, within the hour.
@st.cache_data(show_spinner="Reading photos", max_entries=64, ttl=3600)
def sheet(paths: tuple[str, ...], _made: str) -> bytes:
    """Photos side by side as one WebP; one that cannot be read stays blank."""
    rows = -(-len(paths) // COLUMNS)
    gap = 4
    width, height = TILE
    tiles = Image.new("RGBA", (COLUMNS * (width + gap) - gap, rows * (height + gap) - gap))
    for place, path in enumerate(paths):
        try:
            with open(path, "rb") as file:
                picture = serving.decoder().read(file.read()).picture
        except (OSError, InvalidImage):
            continue
        picture.thumbnail(TILE)
        left = place % COLUMNS * (width + gap) + (width - picture.width) // 2
        top = place // COLUMNS * (height + gap) + (height - picture.height) // 2
        tiles.paste(picture, (left, top))
    return _webp(tiles)


@st.cache_data(show_spinner=False, max_entries=128, ttl=3600)
def pair(paths: tuple[str, ...]) -> bytes:
    """Two photos beside each other."""
    tiles = []
    for path in paths:
        tile = Image.new("RGBA", TILE)
        try:
            with open(path, "rb") as file:
                picture = serving.decoder().read(file.read()).picture
            picture.thumbnail(TILE)
            tile.paste(picture, (0, 0))
        except (OSError, InvalidImage):
            pass
        tiles.append(np.asarray(tile))
    return _webp(Image.fromarray(np.concatenate(tiles, axis=1)))


def _webp(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=85)
    return file.getvalue()

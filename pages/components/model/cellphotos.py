"""The photos of one cell of a confusion matrix, with the heat map of what ranked first."""

import io
from pathlib import Path

import pandas as pd
import streamlit as st
from PIL import Image

from pages.components.frame import paging, serving
from pages.components.frame.words import count, percent
from pages.components.model.card import diagnosis_name
from pages.components.model.matrices import Cell
from skinmodel.analysis import AnalysisFailed, SeriesPhoto, analyse
from skinmodel.export import overlay
from skinmodel.images import InvalidImage
from skinmodel.weights import InvalidModel

AT_ONCE = 4
WIDTH = 480  # pixels


def draw(rows: pd.DataFrame, side: str, cell: Cell, folder: Path, *, key: str) -> None:
    """The photos of a comparison's rows that lie in a cell; no name stands beside any."""
    truth, ranked = cell
    own = rows[(rows["diagnosis"] == truth) & (rows[f"first_{side}"] == ranked)]
    st.subheader(
        f"{diagnosis_name(truth)}, ranked first: {diagnosis_name(ranked).lower()}", anchor=False
    )
    if own.empty:
        st.write("No photo lies here.")
        return
    own = own.sort_values(f"probability_{side}", ascending=False)
    seen = paging.turned("Photos", len(own), each=AT_ONCE, key=f"page-{key}-{truth}-{ranked}")
    for column, row in zip(st.columns(AT_ONCE), own.iloc[seen].itertuples(), strict=False):
        with column:
            _photo(Path(str(row.path)), folder, ranked)
            of = f", of {count(int(str(row.photos)), 'photo')}" if row.kind == "series" else ""
            shown = percent(float(str(getattr(row, f"probability_{side}"))))
            st.caption(f"{diagnosis_name(ranked)} {shown}{of}")
    st.caption(f"Heat map: what raised the score for {diagnosis_name(ranked).lower()}.")


def _photo(path: Path, folder: Path, code: str) -> None:
    """A photo as it is, and with its heat map."""
    try:
        st.image(_as_it_is(path, path.stat().st_mtime_ns), width="stretch")
        st.image(_explained(path, path.stat().st_mtime_ns, folder, code), width="stretch")
    except OSError:
        st.caption("This photo is no longer there.")
    except (InvalidImage, InvalidModel, AnalysisFailed) as error:
        st.caption(str(error))


@st.cache_data(show_spinner=False, max_entries=64)
def _as_it_is(path: Path, changed_at: int) -> bytes:
    """A JPEG of the photo."""
    return _jpeg(serving.decoder().read(path.read_bytes()).picture)


@st.cache_data(show_spinner="Drawing heat maps", max_entries=64)
def _explained(path: Path, changed_at: int, folder: Path, code: str) -> bytes:
    """A JPEG of the photo with the heat map of one diagnosis, from the model in a folder."""
    photo = serving.decoder().read(path.read_bytes())
    found = analyse(serving.load(folder), [SeriesPhoto(photo.picture, photo.sha256, "", None)])
    heat = found.maps[found.codes.index(code) if code in found.codes else 0, 0]
    return _jpeg(overlay(photo.picture, heat, found.frames[0]))


def _jpeg(picture: Image.Image) -> bytes:
    small = picture.copy()
    small.thumbnail((WIDTH, WIDTH))
    stored = io.BytesIO()
    small.convert("RGB").save(stored, "JPEG", quality=88)
    return stored.getvalue()

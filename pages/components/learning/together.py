"""Whether data sets can be learned from together, and what should be known about that before."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from pages.components.frame.words import markdown
from training.data.datasets import ABOUT, MANIFEST, DataSet, combined
from training.data.inspection import REPORT, cautions
from training.data.manifest import InvalidData
from training.data.splits import assign, lacking

FILES = (ABOUT, MANIFEST, REPORT)


def check(sets: Sequence[DataSet], *, binary: bool = False) -> bool:
    """Says what stands against training on these; whether nothing forbids it.

    `binary` is for a network that only tells malignant from benign.
    """
    folders = tuple((str(one.folder), _changed(one.folder)) for one in sets)
    forbidden, known = _found(folders, binary)
    for text in forbidden or known:
        st.warning(markdown(text), icon=":material/warning:")
    return not forbidden


# Tens of thousands of rows are read: once for each choice, not at every click.
@st.cache_data(show_spinner=False, max_entries=64)
def _found(folders: tuple[tuple[str, float], ...], binary: bool) -> tuple[list[str], list[str]]:
    sets = [DataSet.read(Path(folder)) for folder, _ in folders]
    try:
        manifest = combined(sets)
    except InvalidData as error:
        return error.problems, []
    return lacking(assign(manifest.table), binary=binary), cautions(sets)


def _changed(folder: Path) -> float:
    return max(
        (file.stat().st_mtime for name in FILES if (file := folder / name).exists()), default=0
    )

"""Photos of a data set that look the same."""

import csv
import io
from collections.abc import Sequence

import streamlit as st

from pages.components.frame import paging, serving
from pages.components.frame.words import count, markdown
from pages.components.learning import contactsheet
from skinmodel.diagnoses import diagnosis
from skinmodel.export import safe_cell
from training.data.datasets import DataSet
from training.data.inspection import Inspection, Pair
from training.data.manifest import InvalidData

AT_ONCE = 6  # pairs shown


def draw(data: DataSet, report: Inspection) -> None:
    """Pairs of photos that look the same though their lesions differ."""
    st.markdown("**Photos that look the same**")
    st.caption(_twin_words(report))
    if not report.twins:
        return
    seen = paging.turned("Pairs", len(report.twins), each=AT_ONCE, key=f"twins-{data.id}")
    try:
        table = data.table()
    except InvalidData:
        return
    known = dict(zip(table["image"], table["path"], strict=True))
    with st.container(horizontal=True, gap="medium"):
        for pair in report.twins[seen]:
            paths = tuple(known.get(image, "") for image in pair.images)
            with st.container(width=310, gap="xsmall"):
                st.image(
                    contactsheet.pair(paths), width="stretch", alt="Two photos that look the same"
                )
                st.caption(_pair_words(pair, named=data.kind != "clinic"))
    if data.kind != "clinic":
        st.download_button(
            "All pairs as CSV",
            lambda: pairs_csv(report.twins),
            "pairs.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            key=f"pairs-{data.id}",
        )


def _twin_words(report: Inspection) -> str:
    parts = []
    if report.twin_count:
        parts.append(
            f"{count(report.twin_count, 'pair')} of two lesions, {report.leaks} of them on two"
            " sides of the split."
        )
    else:
        parts.append("No two lesions share one.")
    if report.repeats:
        parts.append(f"{count(report.repeats, 'pair')} of one lesion, which does no harm.")
    parts += [
        f"{count(n, 'photo')} also in {markdown(data_set_name(other))}."
        for other, n in report.across.items()
    ]
    return " ".join(parts) + " Copies that were cropped or turned are not found."


def data_set_name(data_set: str) -> str:
    """A data set's name by its id, which may be gone."""
    found = DataSet.read(serving.datasets() / data_set)
    return "a data set that was deleted" if found.fault else found.name


def _pair_words(pair: Pair, *, named: bool) -> str:
    one, two = (diagnosis(code).name for code in pair.diagnoses)
    text = f"{one} · {pair.sides[0]}, {two.lower()} · {pair.sides[1]}"
    return f"{markdown(' / '.join(pair.images))}  \n{text}" if named else text


def pairs_csv(pairs: Sequence[Pair]) -> bytes:
    """The pairs as CSV; no cell can run as a formula in a spreadsheet."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("image", "other_image", "diagnosis", "other_diagnosis", "side", "other_side"))
    for pair in pairs:
        writer.writerow(map(safe_cell, (*pair.images, *pair.diagnoses, *pair.sides)))
    return file.getvalue().encode()

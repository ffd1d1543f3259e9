"""The layout that a data set is expected in, with empty tables to fill in."""

import io

import streamlit as st

from training.data.manifest import METADATA_COLUMNS, TRUTH_COLUMNS

LAYOUT = (
    "Expected is ISIC 2019's layout: a folder *Input with photos as .jpg, a table *GroundTruth.csv"
    " with one diagnosis for each photo, and perhaps a table *Metadata.csv with lesion, patient,"
    " day, site, age and sex."
)


def offer(*, key: str = "") -> None:
    """The layout that is expected, and empty tables; `key` where a page offers them twice."""
    with st.expander("Layout and templates"):
        st.write(LAYOUT)
        with st.container(horizontal=True):
            for table, columns in (
                ("GroundTruth", (*TRUTH_COLUMNS, "UNK")),
                ("Metadata", ("image", *METADATA_COLUMNS)),
            ):
                st.download_button(
                    f"{table}.csv",
                    io.BytesIO((",".join(columns) + "\n").encode()),
                    f"Template_{table}.csv",
                    "text/csv",
                    on_click="ignore",
                    icon=":material/download:",
                    key=f"template-{table}-{key}",
                )

"""Many of a kind, turned over like pages."""

import math

import streamlit as st

from pages.components.frame.words import span


def turned(what: str, total: int, *, each: int, key: str, newest: bool = False) -> slice:
    """The part of a list that is shown: all of it where there are no more than `each`.

    `what` they are stands beside the numbers. The last page is a full one; `newest`: it is the
    first to be seen.
    """
    pages = math.ceil(total / each)
    if pages <= 1:
        return slice(0, total)
    with st.container(gap="xsmall"):  # beside anything else, the widget hides page numbers
        # A key for each number of pages, because one that is gone cannot be chosen.
        page = st.pagination(pages, default=pages if newest else 1, key=f"{key}-of-{pages}")
        start = min((page - 1) * each, total - each)
        st.caption(f"{what} {span(start, each, total)} of {total}")
    return slice(start, start + each)

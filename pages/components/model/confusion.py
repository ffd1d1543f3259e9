"""Which diagnosis is taken for which: counts as a matrix."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.components.frame.words import percent
from pages.components.model.card import diagnosis_name

HEIGHT = 420  # pixels
MIDDLE = 0.179  # the luminance on which black and white are read equally well


def draw(report: Mapping[str, Any], key: str) -> None:
    """The confusion matrix of one report: of each confirmed diagnosis, what ranked first."""
    codes, matrix = list(report["per_diagnosis"]), report["confusion"]
    st.subheader("What ranked first", anchor=False)
    st.plotly_chart(
        figure(codes, matrix, theme=st.context.theme.type or "light"),
        width="stretch",
        config={"displayModeBar": False, "scrollZoom": False},
        alt=sentence(codes, matrix),
        key=f"confusion-{key}",
    )
    st.caption(
        "Rows: the confirmed diagnosis. Columns: what ranked first, all diagnoses held equally"
        " frequent. Numbers are counts; the stronger the shade, the larger the share of its row."
    )


def figure(codes: Sequence[str], matrix: Sequence[Sequence[int]], *, theme: str) -> go.Figure:
    """Counts (K, K), shaded by their share of the row."""
    names = [diagnosis_name(code) for code in codes]
    shares = [[count / (sum(row) or 1) for count in row] for row in matrix]
    said = [
        [f"{names[i]}, ranked as {names[j].lower()}: {percent(share)}" for j, share in enumerate(r)]
        for i, r in enumerate(shares)
    ]
    return shaded(codes, shares, text=matrix, said=said, darkest=1, theme=theme)


def shaded(
    codes: Sequence[str],
    depths: Sequence[Sequence[float]],
    *,
    text: Sequence[Sequence[object]],
    said: Sequence[Sequence[str]],
    darkest: float,
    theme: str,
) -> go.Figure:
    """A matrix (K, K) of cells with a text, shaded from 0 to `darkest`; `said` on hovering."""
    paper, ink = (st.get_option(f"theme.{theme}.{c}Color") for c in ("background", "text"))
    words = [
        [
            f'<span style="color:{legible(min(1, depth / darkest), paper, ink)}">{word}</span>'
            for depth, word in zip(*row, strict=True)
        ]
        for row in zip(depths, text, strict=True)
    ]
    chart = go.Figure(
        go.Heatmap(
            x=list(codes),
            y=list(codes),
            z=depths,
            text=words,
            texttemplate="%{text}",
            textfont={"size": 12},  # else it counts the tags as letters, and makes them tiny
            customdata=said,
            hovertemplate="%{customdata}<extra></extra>",
            colorscale=[[0, paper], [1, ink]],
            zmin=0,
            zmax=darkest,
            showscale=False,
            xgap=1,
            ygap=1,
        )
    )
    chart.update_xaxes(side="top", fixedrange=True, showgrid=False)
    chart.update_yaxes(autorange="reversed", fixedrange=True, showgrid=False)
    chart.update_layout(height=HEIGHT, margin={"l": 0, "r": 0, "t": 24, "b": 0})
    return chart


def legible(depth: float, paper: str, ink: str) -> str:
    """Black or white, whichever is read better on the mixture of two colours, as #rrggbb.

    Its contrast is 4.5 or more, after WCAG 2.2's relative luminance.
    """
    mixed = [
        (1 - depth) * a + depth * b for a, b in zip(*map(_channels, (paper, ink)), strict=True)
    ]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in mixed]
    return "#000000" if np.dot((0.2126, 0.7152, 0.0722), linear) > MIDDLE else "#ffffff"


def _channels(colour: str) -> list[float]:
    """Red, green and blue, from 0 to 1."""
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def sentence(codes: Sequence[str], matrix: Sequence[Sequence[int]]) -> str:
    """What the matrix shows, for those who do not see it."""
    parts = []
    for i, row in enumerate(matrix):
        name = diagnosis_name(codes[i])
        part = f"{name}: {row[i]} of {sum(row)} ranked first"
        wrong = max((j for j in range(len(row)) if j != i), key=lambda j: row[j])
        if row[wrong]:
            part += f", {row[wrong]} taken for {diagnosis_name(codes[wrong]).lower()}"
        parts.append(part)
    return "Confusion matrix. " + ". ".join(parts) + "."

"""Two confusion matrices side by side, as counts, by row, or their difference; a cell is chosen."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.components.frame.words import percent
from pages.components.model import confusion
from pages.components.model.card import diagnosis_name

COUNTS, BY_ROW, DIFFERENCE = "Counts", "By row", "Difference"
WAYS = (COUNTS, BY_ROW, DIFFERENCE)
HEIGHT = 380  # pixels
Matrix = Sequence[Sequence[int]]
Cell = tuple[str, str]  # confirmed diagnosis, what ranked first


def draw(
    codes: Sequence[str], sides: Mapping[str, tuple[str, Matrix]], *, key: str
) -> tuple[str, Cell] | None:
    """The matrices of two models (side: title and counts); the side and cell just clicked."""
    way = st.segmented_control("Show", WAYS, default=COUNTS, required=True, key=f"way-{key}")
    if way == DIFFERENCE:
        (first, mine), (second, others) = sides.values()
        st.markdown(f"**{first} minus {second}**, in points of each row")
        _chart(difference(codes, mine, others), f"difference-{key}", "Difference of the matrices.")
        return None
    clicked = None
    for column, (side, (title, matrix)) in zip(st.columns(2), sides.items(), strict=True):
        with column:
            st.markdown(f"**{title}**")
            chart = figure(codes, matrix, shares=way == BY_ROW)
            cell = _chart(chart, f"{way}-{side}-{key}", confusion.sentence(codes, matrix))
            clicked = (side, cell) if cell else clicked
    st.caption(
        "Rows: the confirmed diagnosis. Columns: what ranked first, all diagnoses held equally"
        " frequent. The stronger the shade, the larger the share of its row."
        " Click a number to see those photos."
    )
    return clicked


def figure(codes: Sequence[str], matrix: Matrix, *, shares: bool) -> go.Figure:
    """Counts (K, K), or their shares of the row, over which lie marks that can be clicked."""
    chart = confusion.figure(codes, matrix, theme=st.context.theme.type or "light")
    if shares:
        said = [[percent(n / sum(row)) if sum(row) else "" for n in row] for row in matrix]
        chart.data[0].text = [["" if "<" in text else text for text in row] for row in said]
    cells = [(truth, ranked) for truth in codes for ranked in codes]
    chart.add_scatter(
        x=[ranked for _, ranked in cells],
        y=[truth for truth, _ in cells],
        mode="markers",
        # A heat map's cells cannot be selected, marks can; nearly clear, for clear ones cannot.
        marker={"size": 30, "symbol": "square", "opacity": 0.01},
        selected={"marker": {"opacity": 0.01}},
        unselected={"marker": {"opacity": 0.01}},
        customdata=[text for row in chart.data[0].customdata for text in row],
        hovertemplate="%{customdata}<extra></extra>",
        showlegend=False,
    )
    last = len(codes) - 0.5  # without the room that marks would get
    chart.update_xaxes(range=[-0.5, last])
    chart.update_yaxes(range=[last, -0.5], autorange=False)
    chart.update_layout(height=HEIGHT, clickmode="event+select", dragmode=False)
    return chart


def difference(codes: Sequence[str], mine: Matrix, others: Matrix) -> go.Figure:
    """Shares of the rows, first minus second, in points: more is dark, fewer is hatched by sign."""
    points = [
        [100 * (a / (sum(first) or 1) - b / (sum(second) or 1)) for a, b in zip(*rows, strict=True)]
        for rows in zip(mine, others, strict=True)
        for first, second in [rows]
    ]
    written = [
        [f"{value:+.0f}".replace("-", "\N{MINUS SIGN}") if round(value) else "" for value in row]
        for row in points
    ]
    said = [
        [
            f"{diagnosis_name(codes[i])}, ranked as {diagnosis_name(codes[j]).lower()}:"
            f" {value:+.1f} points"
            for j, value in enumerate(row)
        ]
        for i, row in enumerate(points)
    ]
    depths = [[abs(value) for value in row] for row in points]
    theme = st.context.theme.type or "light"
    chart = confusion.shaded(codes, depths, text=written, said=said, darkest=40, theme=theme)
    return chart.update_layout(height=HEIGHT)


def _chart(chart: go.Figure, key: str, alt: str) -> Cell | None:
    event: Any = st.plotly_chart(
        chart,
        width="stretch",
        config={"displayModeBar": False, "scrollZoom": False},
        alt=alt,
        key=key,
        on_select="rerun",
        selection_mode="points",
    )
    points = event["selection"]["points"]
    return (str(points[0]["y"]), str(points[0]["x"])) if points else None

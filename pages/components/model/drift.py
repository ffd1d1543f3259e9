"""The photos of each month, as pictures: how many were not assessed, warned about, and far off."""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from records.models.inuse import Month
from skinmodel.export import long_date
from training.measuring.metrics import proportion

HEIGHT = 180  # pixels


def draw(seen: Sequence[Month]) -> None:
    """Three small charts over the same months."""
    theme = st.context.theme.type or "light"
    shares = {
        "Not assessed": [proportion(one.not_assessed, one.results) for one in seen],
        "With a warning about a photo": [proportion(one.warned, one.results) for one in seen],
    }
    columns = st.columns(3, gap="medium")
    for column, (title, values) in zip(columns, shares.items(), strict=False):
        with column:
            _chart(title, figure(seen, values, theme=theme, share=True))
    with columns[2]:
        far = [None if one.distance is None else [one.distance] * 3 for one in seen]
        _chart("Distance from the training photos", figure(seen, far, theme=theme, share=False))


def figure(
    seen: Sequence[Month],
    values: Sequence[Sequence[float] | None],
    *,
    theme: str,
    share: bool,
) -> go.Figure:
    """A dot a month, with its 95 % interval where it has one; [value, low, high] each."""
    ink, quiet = (st.get_option(f"theme.{theme}.{c}Color") for c in ("text", "grayText"))
    known = [(one, value) for one, value in zip(seen, values, strict=True) if value]
    chart = go.Figure(
        go.Scatter(
            x=[month(one) for one, _ in known],
            y=[value[0] for _, value in known],
            error_y={
                "type": "data",
                "array": [value[2] - value[0] for _, value in known],
                "arrayminus": [value[0] - value[1] for _, value in known],
                "color": quiet,
                "thickness": 1.5,
                "width": 0,
            },
            mode="markers",
            marker={"color": ink, "size": 7},
            customdata=[one.results for one, _ in known],
            hovertemplate=f"%{{x}}: %{{y:{'.0%' if share else '.2f'}}}, %{{customdata}} results"
            "<extra></extra>",
        )
    )
    chart.update_xaxes(
        type="category",
        categoryarray=[month(one) for one in seen],
        range=[-0.5, len(seen) - 0.5],
        nticks=4,
        tickangle=0,
        fixedrange=True,
        showgrid=False,
    )
    chart.update_yaxes(range=[0, 1.02], nticks=3, fixedrange=True)
    if share:
        chart.update_yaxes(tickformat=".0%")
    chart.update_layout(height=HEIGHT, margin={"l": 0, "r": 8, "t": 8, "b": 0}, showlegend=False)
    return chart


def month(one: Month) -> str:
    """A month as Mar 2025."""
    return long_date(one.first_day).split(" ", 1)[1]


def _chart(title: str, chart: go.Figure) -> None:
    st.markdown(f"**{title}**")
    st.plotly_chart(
        chart,
        width="stretch",
        config={"displayModeBar": False, "scrollZoom": False},
        alt=f"{title}, month by month; the numbers stand in the table below.",
        key=f"drift-{title}",
    )

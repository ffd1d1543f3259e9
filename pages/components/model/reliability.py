"""Are the shown probabilities true: how often the leading diagnosis was right."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.components.frame.words import percent

HEIGHT = 420  # pixels
Bin = Sequence[float]  # mean probability, share right, cases


def draw(
    calibration: Mapping[str, Any] | None, key: str, title: str = "Probability and truth"
) -> None:
    """The reliability diagram of one report; a sentence where the card has none."""
    st.subheader(title, anchor=False)
    bins = (calibration or {}).get(key, {}).get("bins")
    if not bins:
        st.write("This model's card has no reliability diagram.")
        return
    st.plotly_chart(
        figure(bins, theme=st.context.theme.type or "light"),
        width="stretch",
        config={"displayModeBar": False, "scrollZoom": False},
        alt=sentence(bins),
        key=f"reliability-{key}",
    )
    st.caption(
        "Each point is a fifteenth of the cases. On the line, a leading diagnosis shown with 70 %"
        " is right in 70 of 100 cases; below it, the model is too sure."
    )


def figure(bins: Sequence[Bin], *, theme: str) -> go.Figure:
    """Share right over shown probability, and the line on which both are equal."""
    ink, quiet = (st.get_option(f"theme.{theme}.{c}Color") for c in ("text", "grayText"))
    chart = go.Figure()
    line = {"color": quiet, "width": 1, "dash": "dot"}
    chart.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=line, hoverinfo="skip")
    chart.add_scatter(
        x=[mean for mean, _, _ in bins],
        y=[right for _, right, _ in bins],
        customdata=[cases for _, _, cases in bins],
        mode="lines+markers",
        line={"color": ink, "width": 1},
        marker={"color": ink, "size": 8},
        hovertemplate="shown %{x:.0%}, right %{y:.0%}, %{customdata:.0f} cases<extra></extra>",
    )
    axis = {"range": [0, 1.02], "tickformat": ".0%", "nticks": 6, "fixedrange": True}
    chart.update_xaxes(title="Shown probability of the leading diagnosis", **axis)
    chart.update_yaxes(title="Share that was right", **axis)
    chart.update_layout(height=HEIGHT, margin={"l": 0, "r": 8, "t": 8, "b": 0}, showlegend=False)
    return chart


def sentence(bins: Sequence[Bin]) -> str:
    """What the diagram shows, for those who do not see it."""
    parts = (f"shown {percent(mean)}, right {percent(right)}" for mean, right, _ in bins)
    return "Reliability diagram, from the least to the most probable: " + "; ".join(parts) + "."

"""Values with their 95 % intervals, as dots on lines: which differ, and which only seem to."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
import streamlit as st

from pages.components.frame.words import count, percent

ROW, FRAME = 30, 60  # pixels: of one value, and around them all


@dataclass(frozen=True)
class Range:
    """A share with its interval, and the number of cases it is from; `name` as it is shown."""

    name: str
    share: float
    low: float
    high: float
    cases: int

    @property
    def text(self) -> str:
        """The range in words."""
        between = f"{percent(self.low)} to {percent(self.high)}"
        return f"{self.name}: {percent(self.share)} ({between}), {count(self.cases, 'case')}"


def draw(title: str, ranges: Sequence[Range], *, key: str, least: float | None = None) -> None:
    """The chart under its title; `least` is the share that is wanted."""
    if not ranges:
        return
    st.markdown(f"**{title}**")
    st.plotly_chart(
        figure(ranges, theme=st.context.theme.type or "light", least=least),
        width="stretch",
        config={"displayModeBar": False, "scrollZoom": False},
        alt=f"{title}. " + "; ".join(one.text for one in ranges) + ".",
        key=f"ranges-{key}",
    )


def figure(ranges: Sequence[Range], *, theme: str, least: float | None = None) -> go.Figure:
    """One row a value, the first on top; all on one scale of shares up to 100 %."""
    ink, quiet = (st.get_option(f"theme.{theme}.{c}Color") for c in ("text", "grayText"))
    shares = [one.share for one in ranges]
    chart = go.Figure(
        go.Scatter(
            x=shares,
            y=[one.name for one in ranges],
            error_x={
                "type": "data",
                "array": [one.high - one.share for one in ranges],
                "arrayminus": [one.share - one.low for one in ranges],
                "color": quiet,
                "thickness": 2,
                "width": 0,
            },
            mode="markers",
            marker={"color": ink, "size": 9},
            customdata=[one.text for one in ranges],
            hovertemplate="%{customdata}<extra></extra>",
        )
    )
    lowest = min([one.low for one in ranges] + ([least] if least else []))
    start = max(0.0, int(lowest * 20 - 0.5) / 20)
    chart.update_xaxes(range=[start, 1.02], tickformat=".0%", nticks=5, fixedrange=True)
    chart.update_yaxes(
        range=[len(ranges) - 0.5, -0.5], fixedrange=True, showgrid=False, automargin=True
    )
    if least:
        chart.add_vline(x=least, line={"color": quiet, "width": 1, "dash": "dot"})
    chart.update_layout(
        height=FRAME + ROW * len(ranges), margin={"l": 0, "r": 8, "t": 8, "b": 0}, showlegend=False
    )
    return chart

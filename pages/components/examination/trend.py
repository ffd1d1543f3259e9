"""The leading diagnoses from visit to visit: each visit alone, and all photos so far."""

import plotly.graph_objects as go
import streamlit as st

from pages.components.examination import differential, influence
from pages.components.frame.words import percent
from skinmodel.analysis import Analysis
from skinmodel.calibration import Probabilities
from skinmodel.export import long_date

LEADING = 3  # diagnoses shown; more lines could not be told apart
HEIGHT = 280  # pixels
MARKED = 40  # visits; more marks would hide the line
FEW = 5  # dates that all find room below the chart
TITLES = ("Each visit alone", "All photos up to each visit")


def draw(analysis: Analysis, *, theme: str) -> None:
    """Two charts on one scale, for an analysis of several visits."""
    st.header("From visit to visit", anchor=False)
    sides = zip(st.columns(2), TITLES, (analysis.alone, analysis.probabilities), strict=True)
    for column, title, shares in sides:
        column.markdown(f"**{title}**")
        column.plotly_chart(
            figure(analysis, shares, theme=theme),
            width="stretch",
            config={"displayModeBar": False, "scrollZoom": False},
            alt=sentence(analysis, title, shares),
            key=f"trend-{title}",
        )
    if said := influence.sentence(
        analysis.codes,
        analysis.probabilities[-1],
        analysis.without_each,
        [visit.taken_on for visit in analysis.visits],
    ):
        st.caption(said)


def figure(analysis: Analysis, shares: Probabilities, *, theme: str) -> go.Figure:
    """One chart; lines are told apart by mark and name, colour says how a lesion behaves."""
    chart = go.Figure()
    dates = [visit.taken_on for visit in analysis.visits]
    places = dates if all(dates) else list(range(1, len(dates) + 1))
    for row in _leading(analysis):
        behaviour = row.diagnosis.behaviour
        colour = st.get_option(f"theme.{theme}.{differential.COLOURS[behaviour]}")
        chart.add_scatter(
            x=places,
            y=shares[:, analysis.codes.index(row.diagnosis.code)],
            name=f"{row.diagnosis.name} ({behaviour})",
            mode="lines+markers" if len(dates) <= MARKED else "lines",
            line={"color": colour, "width": 2, "dash": _dash(analysis, row)},
            marker={"symbol": differential.MARKS[behaviour], "size": 10},
            hovertemplate="%{y:.0%}",
            cliponaxis=False,
        )
    chart.update_yaxes(range=[0, 1], tickformat=".0%", nticks=5, fixedrange=True)
    chart.update_xaxes(fixedrange=True, tickangle=0)
    chart.update_xaxes(tickvals=places if len(dates) <= FEW else None)
    if all(dates):
        chart.update_xaxes(tickformat="%-d %b<br>%Y", hoverformat="%-d %b %Y")
    else:
        chart.update_xaxes(tickprefix="Photo ", tickformat="d", nticks=FEW)
    chart.update_layout(
        height=HEIGHT,
        margin={"l": 0, "r": 16, "t": 8, "b": 0},
        legend={"orientation": "h", "y": -0.25, "itemclick": False, "itemdoubleclick": False},
        hovermode="x unified",
    )
    return chart


def sentence(analysis: Analysis, title: str, shares: Probabilities) -> str:
    """What a chart shows, for those who do not see it."""
    ends = analysis.visits[0].taken_on, analysis.visits[-1].taken_on
    span = (
        f"from {long_date(ends[0])} to {long_date(ends[1])}" if ends[0] and ends[1] else "in order"
    )
    parts = []
    for row in _leading(analysis):
        output = analysis.codes.index(row.diagnosis.code)
        values = ", ".join(percent(float(share)) for share in shares[:, output])
        parts.append(f"{row.diagnosis.name}: {values}")
    return f"{title}, {len(analysis.visits)} visits {span}. " + ". ".join(parts) + "."


def _leading(analysis: Analysis) -> tuple[differential.Row, ...]:
    return differential.ranked(analysis, -1)[:LEADING]


def _dash(analysis: Analysis, row: differential.Row) -> str:
    """A dash of its own for the second and third line of one colour."""
    alike = [
        r.diagnosis.code
        for r in _leading(analysis)
        if r.diagnosis.behaviour == row.diagnosis.behaviour
    ]
    return ("solid", "dash", "dot")[alike.index(row.diagnosis.code)]

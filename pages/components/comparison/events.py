"""What happened to a lesion besides its visits: other models, its confirmed diagnosis, excision."""

import datetime
from dataclasses import dataclass
from itertools import pairwise

import plotly.graph_objects as go

from pages.components.frame.words import markdown
from pages.components.patient import confirming
from records.clinic.series import LesionPage
from skinmodel.export import long_date

AFTER = 0.2  # of the visits' span: an event later than that would squeeze them


@dataclass(frozen=True)
class Event:
    """A day and what happened, in a few words that are safe in Markdown."""

    day: datetime.date
    text: str


def of(page: LesionPage) -> list[Event]:
    """All events in time order."""
    found = [
        Event(
            after.result.made_at.astimezone().date(),
            f"model {markdown(after.result.model_version)} in place of"
            f" {markdown(before.result.model_version)}",
        )
        for before, after in pairwise(page.assessments)
        if before.result.model_sha256 != after.result.model_sha256
    ]
    found += [
        Event(
            one.fields.confirmed_on or one.at.astimezone().date(),
            f"confirmed: {confirming.words(one)}",
        )
        for one in page.confirmations
        if one.current
    ]
    if page.lesion.fields.excised_on:
        found.append(Event(page.lesion.fields.excised_on, "excised"))
    return sorted(found, key=lambda one: one.day)


def sentence(events: list[Event]) -> str:
    """All of them in one line; empty without any."""
    if not events:
        return ""
    said = (f"({place}) {long_date(one.day)}, {one.text}" for place, one in enumerate(events, 1))
    return f"Events: {'; '.join(said)}."


def mark(chart: go.Figure, events: list[Event], days: list[datetime.date], *, colour: str) -> None:
    """Draws a chart's time axis over these days, with a line and a number for each event on it."""
    span = max((days[-1] - days[0]).days, 1)
    last = days[-1] + datetime.timedelta(days=AFTER * span)
    near = [one for one in events if days[0] <= one.day <= last]
    ends = [days[0], max([days[-1], *(one.day for one in near)])]
    margin = datetime.timedelta(days=max(1.0, 0.04 * span))
    chart.update_xaxes(range=[ends[0] - margin, ends[1] + margin])
    for one in near:
        chart.add_shape(
            type="line",
            x0=one.day,
            x1=one.day,
            y0=0,
            y1=1,
            yref="paper",
            line={"color": colour, "width": 1, "dash": "dot"},
        )
        chart.add_annotation(
            x=one.day,
            y=1,
            yref="paper",
            yanchor="bottom",
            showarrow=False,
            text=f"{events.index(one) + 1}",
        )

"""A search for settings: how it went from trial to trial, and which settings did well."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.components.frame.words import DASH, count, percent
from pages.components.model import measures

HEIGHT, SMALL = 280, 200  # pixels
STEPS = 6  # values of a setting below which each gets a place of its own
Trials = Sequence[Mapping[str, Any]]


def draw(found: Mapping[str, Any], *, key: str) -> None:
    """The course of the search, each setting against the result, and every trial as a row."""
    trials, theme = found["trials"], st.context.theme.type or "light"
    st.markdown("**Trial by trial**")
    _chart(course(trials, theme=theme), sentence(found), f"course-{key}")
    st.caption("Dots are trials, open ones were cut off or failed; the line is the best so far.")
    st.markdown("**Setting by setting**")
    with st.container(horizontal=True, gap="medium"):
        for name in found["searched"]:
            with st.container(width=300, gap="xsmall"):
                st.caption(headed(name))
                _chart(
                    slices(trials, name, theme=theme),
                    f"{headed(name)} of each trial against its balanced accuracy.",
                    f"slice-{name}-{key}",
                )
    rows = sorted(trials, key=lambda row: -(row["balanced_accuracy"] or 0))
    with st.expander("Every trial, the best first"):
        measures.table(
            {"Trial": [str(row["trial"]) for row in rows]}
            | {
                "Balanced accuracy": [
                    DASH if row["balanced_accuracy"] is None else percent(row["balanced_accuracy"])
                    for row in rows
                ],
                "Epochs": [str(row["epochs"]) for row in rows],
            }
            | {
                headed(name): [written(row["settings"][name]) for row in rows]
                for name in found["searched"]
            }
        )
    st.caption(str(found["how"]))


def course(trials: Trials, *, theme: str) -> go.Figure:
    """Balanced accuracy of each trial in its order, and the best so far."""
    ink, quiet = (st.get_option(f"theme.{theme}.{c}Color") for c in ("text", "grayText"))
    so_far, best = [], 0.0
    for one in trials:
        best = max(best, (one["balanced_accuracy"] or 0.0) if one["whole"] else 0.0)
        so_far.append(best or None)
    chart = go.Figure()
    chart.add_scatter(
        x=[one["trial"] for one in trials], y=so_far, mode="lines", hoverinfo="skip",
        line={"color": ink, "width": 1.5, "shape": "hv"},
    )  # fmt: skip
    _dots(chart, trials, [one["trial"] for one in trials], ink=ink, quiet=quiet)
    chart.update_xaxes(title="Trial", tickformat="d", nticks=10, fixedrange=True, showgrid=False)
    chart.update_yaxes(title="Balanced accuracy", tickformat=".0%", nticks=5, fixedrange=True)
    chart.update_layout(height=HEIGHT, margin={"l": 0, "r": 8, "t": 8, "b": 0}, showlegend=False)
    return chart


def slices(trials: Trials, name: str, *, theme: str) -> go.Figure:
    """Balanced accuracy over one setting."""
    ink, quiet = (st.get_option(f"theme.{theme}.{c}Color") for c in ("text", "grayText"))
    values = [one["settings"][name] for one in trials]
    chart = go.Figure()
    number = all(isinstance(value, int | float) for value in values)
    steps = not number or len(set(values)) < STEPS
    wide = number and not steps and min(values) > 0 and name == "learning_rate"
    shown = [written(value) for value in values] if steps else values
    _dots(chart, trials, shown, ink=ink, quiet=quiet)
    if wide:
        marks = [digit * 10.0**power for power in range(-6, 1) for digit in (1, 3)]
        ticks = [f"{mark:g}" for mark in marks]
        chart.update_xaxes(type="log", tickvals=marks, ticktext=ticks)
    elif steps:
        chart.update_xaxes(
            type="category",
            categoryorder="array",
            categoryarray=[written(value) for value in sorted(set(values))],
        )
    chart.update_xaxes(fixedrange=True, showgrid=False)
    chart.update_yaxes(tickformat=".0%", nticks=4, fixedrange=True)
    chart.update_layout(height=SMALL, margin={"l": 0, "r": 8, "t": 4, "b": 0}, showlegend=False)
    return chart


def sentence(found: Mapping[str, Any]) -> str:
    """The result in a line."""
    best = found["best"]["balanced_accuracy"]
    settings = ", ".join(
        f"{called(name)} {written(value)}" for name, value in found["best"]["settings"].items()
    )
    trials = count(len(found["trials"]), "trial")
    return f"Best balanced accuracy of {trials}: {percent(best)}, with {settings}."


def called(name: str) -> str:
    """A setting as people say it, within a sentence."""
    return name.replace("_", " ").replace("lstm", "LSTM")


def headed(name: str) -> str:
    """A setting as a heading."""
    return called(name)[0].upper() + called(name)[1:]


def written(value: Any) -> str:
    """A setting's value with the digits it deserves."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _dots(chart: go.Figure, trials: Trials, x: Sequence[Any], *, ink: str, quiet: str) -> None:
    """A dot a trial: the best in ink, those that were cut off open."""
    whole = [one["balanced_accuracy"] or 0 for one in trials if one["whole"]]
    best = max(whole, default=None)
    chart.add_scatter(
        x=list(x),
        y=[one["balanced_accuracy"] for one in trials],
        mode="markers",
        marker={
            "size": 9,
            "color": [
                ink if one["whole"] and one["balanced_accuracy"] == best else quiet
                for one in trials
            ],
            "symbol": ["circle" if one["whole"] else "circle-open" for one in trials],
        },
        customdata=[one["trial"] for one in trials],
        hovertemplate="trial %{customdata}: %{y:.0%}<extra></extra>",
    )


def _chart(chart: go.Figure, alt: str, key: str) -> None:
    st.plotly_chart(
        chart,
        width="stretch",
        config={"displayModeBar": False, "scrollZoom": False},
        alt=alt,
        key=key,
    )

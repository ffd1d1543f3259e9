"""A cross-validation: how far its results spread from fold to fold."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.components.frame.words import DASH, percent
from pages.components.model import confusion, measures
from pages.components.model.card import title

KINDS = {"single_photos": "Single photos", "series": "Lesions, all their photos"}
METRICS = ("balanced_accuracy", "accuracy", "macro_precision", "macro_f1", "macro_auroc")
ROW, FRAME = 34, 60  # pixels: of one metric, and around them all


def draw(found: Mapping[str, Any], *, key: str) -> None:
    """Each fold's figures as dots with their mean, and the matrix of all folds together."""
    kind = st.segmented_control(
        "Measured on", KINDS, default="series", required=True, format_func=KINDS.__getitem__,
        key=f"folds-kind-{key}",
    )  # fmt: skip
    theme = st.context.theme.type or "light"
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Each fold, and their mean**")
        st.plotly_chart(
            figure(found, kind, theme=theme),
            width="stretch",
            config={"displayModeBar": False, "scrollZoom": False},
            alt=sentence(found, kind),
            key=f"folds-{kind}-{key}",
        )
        table(found, kind)
    with right:
        st.markdown("**All folds together**")
        codes, matrix = found["classes"], found["confusion"][kind]
        st.plotly_chart(
            confusion.figure(codes, matrix, theme=theme),
            width="stretch",
            config={"displayModeBar": False, "scrollZoom": False},
            alt=confusion.sentence(codes, matrix),
            key=f"folds-confusion-{kind}-{key}",
        )
        st.caption("Rows: the confirmed diagnosis. Columns: what ranked first.")
    st.caption(str(found["how"]))


def table(found: Mapping[str, Any], kind: str) -> None:
    """Mean and standard deviation over the folds."""
    spread = found["mean_and_sd"][kind]
    measures.table(
        {"Measure": [title(name) for name in METRICS]}
        | {"Mean": [_number(spread[name], 0) for name in METRICS]}
        | {"Standard deviation": [_number(spread[name], 1) for name in METRICS]}
    )


def figure(found: Mapping[str, Any], kind: str, *, theme: str) -> go.Figure:
    """A row a metric: a dot a fold, a line at the mean."""
    ink, quiet = (st.get_option(f"theme.{theme}.{c}Color") for c in ("text", "grayText"))
    names = [title(name) for name in METRICS]
    chart = go.Figure()
    for fold in found["folds"]:
        values = [fold[kind][name] for name in METRICS]
        chart.add_scatter(
            x=values,
            y=names,
            mode="markers",
            marker={"color": quiet, "size": 9, "opacity": 0.7},
            hovertemplate=f"fold {fold['fold']}: %{{x:.2f}}<extra></extra>",
        )
    spread = found["mean_and_sd"][kind]
    chart.add_scatter(
        x=[spread[name][0] if spread[name] else None for name in METRICS],
        y=names,
        mode="markers",
        marker={
            "color": ink, "size": 18, "symbol": "line-ns", "line": {"color": ink, "width": 2}
        },
        hovertemplate="mean: %{x:.2f}<extra></extra>",
    )  # fmt: skip
    chart.update_xaxes(range=[0, 1.02], nticks=6, fixedrange=True)
    chart.update_yaxes(autorange="reversed", fixedrange=True, showgrid=False, automargin=True)
    chart.update_layout(
        height=FRAME + ROW * len(names), margin={"l": 0, "r": 8, "t": 8, "b": 0}, showlegend=False
    )
    return chart


def sentence(found: Mapping[str, Any], kind: str) -> str:
    """The result in a line, as a run's entry and those who do not see the chart get it."""
    mean = found["mean_and_sd"][kind]["balanced_accuracy"]
    if mean is None:
        return f"{len(found['folds'])} folds."
    values = [fold[kind]["balanced_accuracy"] for fold in found["folds"]]
    return (
        f"Balanced accuracy over {len(values)} folds: {percent(mean[0])} in the mean,"
        f" from {percent(min(values))} to {percent(max(values))}."
    )


def _number(spread: list[float] | None, place: int) -> str:
    return f"{spread[place]:.3f}" if spread else DASH

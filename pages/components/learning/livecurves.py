"""Loss and balanced accuracy of a run, epoch by epoch, as they come in."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

HEIGHT = 220  # pixels
CURVES = {
    "Loss": (("Training", "loss", "solid"), ("Validation", "log_loss", "dot")),
    "Balanced accuracy": (("Validation", "balanced_accuracy", "solid"),),
}
History = Sequence[Mapping[str, Any]]


def draw(history: History, *, epochs: int, key: str) -> None:
    """Two charts side by side, of their final size from the first epoch on."""
    for column, (title, lines) in zip(st.columns(2), CURVES.items(), strict=True):
        with column:
            st.markdown(f"**{title}**")
            st.plotly_chart(
                figure(history, lines, epochs=epochs, share=title != "Loss"),
                width="stretch",
                config={"displayModeBar": False, "scrollZoom": False},
                alt=sentence(title, history, lines),
                key=f"{title}-{key}",
            )


def figure(
    history: History, lines: Sequence[tuple[str, str, str]], *, epochs: int, share: bool
) -> go.Figure:
    """One chart over the epochs; curves are told apart by name and dash."""
    theme = st.context.theme.type or "light"
    ink = st.get_option(f"theme.{theme}.textColor")
    chart = go.Figure()
    for name, value, dash in lines:
        chart.add_scatter(
            x=[line["epoch"] for line in history],
            y=[line[value] for line in history],
            name=name,
            mode="lines+markers" if len(history) < 30 else "lines",
            line={"color": ink, "width": 1.5, "dash": dash},
            marker={"size": 5},
            hovertemplate="%{y:.0%}" if share else "%{y:.3f}",
        )
    chart.update_xaxes(
        range=[0.5, max(2, epochs) + 0.5], tickformat="d", nticks=8, title="Epoch", fixedrange=True
    )
    chart.update_yaxes(fixedrange=True, nticks=5, rangemode="tozero")
    if share:
        chart.update_yaxes(range=[0, 1], tickformat=".0%")
    if not history:
        chart.update_yaxes(showticklabels=share)
        chart.add_annotation(
            text="No epoch is finished yet.", x=0.5, y=0.5, xref="paper", yref="paper",
            showarrow=False, font={"color": st.get_option(f"theme.{theme}.grayTextColor")},
        )  # fmt: skip
    chart.update_layout(
        height=HEIGHT,
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        showlegend=len(lines) > 1,
        legend={"orientation": "h", "y": 1.15, "x": 1, "xanchor": "right"},
        hovermode="x unified",
    )
    return chart


def sentence(title: str, history: History, lines: Sequence[tuple[str, str, str]]) -> str:
    """What a chart shows, for those who do not see it."""
    if not history:
        return f"{title}: no epoch is finished yet."
    last = history[-1]
    values = ", ".join(f"{name.lower()} {last[value]:.3f}" for name, value, _ in lines)
    return f"{title} after epoch {last['epoch']}: {values}."

"""A candidate beside another model on the same lesions: figures, curves, subgroups."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.components.frame.words import DASH, count
from pages.components.model import reliability
from pages.components.model.card import Part, diagnosis_name, interval, title
from pages.components.model.measures import SHARES, table
from training.measuring.promotion import points

METRICS = (
    "balanced_accuracy", "accuracy", "macro_precision", "macro_f1", "macro_auroc",
    "malignancy_auroc", "log_loss",
)  # fmt: skip
PAIRED = {
    "melanoma_sensitivity": "Melanomas above the alert line",
    "malignant_sensitivity": "Malignant lesions above the alert line",
    "specificity": "Others below the alert line",
    "ranked_first": "Confirmed diagnosis ranked first",
}
HEIGHT = 320  # pixels
DASHES = ("solid", "dot")
Sides = Sequence[tuple[str, Part]]  # name and figures of the candidate, then of the other


def decisions(numbers: Part, sides: Sides) -> None:
    """What matters at the alert line, lesion by lesion, and the sets."""
    paired = numbers["paired"]
    rows = [name for name in PAIRED if paired.get(name)]
    table(
        {"One case a lesion, all its photos": [PAIRED[name] for name in rows]}
        | {"Lesions": [f"{paired[name]['cases']:,}" for name in rows]}
        | {name: [_share(figures, row) for row in rows] for name, figures in sides}
        | {
            "Difference": [_points(paired[row]["difference"]) for row in rows],
            "Only one of them": [
                f"{paired[row]['only_candidate']} / {paired[row]['only_other']}" for row in rows
            ],
            "McNemar's p": [_p(paired[row]["mcnemar_p"]) for row in rows],
        }
    )
    st.caption(
        "Differences with Tango's 95 % interval for pairs. Only one of them: lesions that only the"
        " candidate, and that only the other got right."
    )
    if all(figures.get("sets") for _, figures in sides):
        table(
            {"Prediction sets": ["Held the diagnosis", "Diagnoses in a set, mean"]}
            | {
                name: [
                    interval(figures["sets"]["coverage"], share=True),
                    interval(figures["sets"]["mean_size"]),
                ]
                for name, figures in sides
            }
        )


def cards(mine: Part, other: Part, names: Sequence[str]) -> None:
    """Two models that were never measured together: what the card of each says."""
    found = [
        (name, values["numbers"]["series"])
        for name, values in zip(names, (mine, other), strict=True)
    ]
    table(
        {"Lesions, all their photos": ["Test lesions", *(title(metric) for metric in METRICS)]}
        | {
            f"Model {name}": [
                f"{report['lesions']:,}",
                *(interval(report.get(m), share=m in SHARES) for m in METRICS),
            ]
            for name, report in found
        }
    )
    st.caption("Each on test lesions of its own: which of the two does better cannot be read here.")


def scores(numbers: Part, sides: Sides, kind: str) -> None:
    """The summary metrics of both and their differences, resampled together."""
    apart = numbers["difference"][kind]
    table(
        {"Measure": [title(metric) for metric in METRICS]}
        | {
            name: [interval(figures[kind].get(m), share=m in SHARES) for m in METRICS]
            for name, figures in sides
        }
        | {"Difference": [_apart(apart.get(m), share=m in SHARES) for m in METRICS]}
    )


def diagnoses(sides: Sides, kind: str) -> None:
    """Recall, precision, F1 and AUROC of each diagnosis, both models in a row."""
    metric = st.segmented_control(
        "Of each diagnosis",
        ("recall", "precision", "f1", "auroc"),
        default="recall",
        required=True,
        format_func=title,
        key=f"metric-{kind}",
    )
    rows = sides[0][1][kind]["per_diagnosis"]
    table(
        {"Diagnosis": [f"{diagnosis_name(code)} ({code})" for code in rows]}
        | {"Cases": [f"{row['cases']:,}" for row in rows.values()]}
        | {
            name: [
                interval(row.get(metric), share=metric != "auroc")
                for row in figures[kind]["per_diagnosis"].values()
            ]
            for name, figures in sides
        }
    )


def several(sides: Sides) -> None:
    """A series against a single photo, on the lesions with several."""
    found = [(name, figures["several_photos"]) for name, figures in sides]
    if not all(report.get("lesions") for _, report in found):
        st.caption("No test lesion has several photos.")
        return
    arms = list(found[0][1]["arms"])
    st.markdown(f"**Several photos of one lesion** ({count(found[0][1]['lesions'], 'lesion')})")
    table(
        {"Balanced accuracy": [arm[:1].upper() + arm[1:] for arm in arms]}
        | {
            name: [
                interval(report["arms"][arm].get("balanced_accuracy"), share=True) for arm in arms
            ]
            for name, report in found
        }
    )


def curves(sides: Sides, kind: str) -> None:
    """ROC curves of one diagnosis and the reliability diagrams, both models in each."""
    codes = [c for c, curve in sides[0][1]["curves"][kind].items() if curve]
    code = st.selectbox(
        "ROC curve of", codes, format_func=diagnosis_name, key=f"roc-{kind}", width=320
    )
    left, right = st.columns(2, gap="large")
    with left:
        lines = {name: figures["curves"][kind][code]["roc"] for name, figures in sides}
        _lines(lines, "1 \N{MINUS SIGN} specificity", "Sensitivity", key=f"roc-chart-{kind}")
        areas = (
            f"{name}: {interval(figures[kind]['per_diagnosis'][code]['auroc'])}"
            for name, figures in sides
        )
        st.caption(f"AUROC. {'; '.join(areas)}.")
    with right:
        bins = {
            name: [(mean, share) for mean, share, _ in figures["reliability"][kind]["bins"]]
            for name, figures in sides
        }
        _lines(bins, "Shown probability", "Share that was right", key=f"rel-{kind}", reference=True)
        errors = (
            f"{name}: {interval(figures['reliability'][kind]['calibration_error'], digits=3)}"
            for name, figures in sides
        )
        st.caption(f"Calibration error. {'; '.join(errors)}.")
    with st.expander("In words"):
        for name, figures in sides:
            st.write(f"{name}. {reliability.sentence(figures['reliability'][kind]['bins'])}")


def subgroups(sides: Sides) -> None:
    """The groups by sex, age and site, both models."""
    groups = sides[0][1]["subgroups"]["groups"]
    table(
        {
            "Group": [f"{g['kind']}: {g['group']}" for g in groups],
            "Lesions": [f"{g['lesions']:,}" for g in groups],
        }
        | {
            f"Accuracy, {name}": [
                interval(g.get("accuracy"), share=True) for g in figures["subgroups"]["groups"]
            ]
            for name, figures in sides
        }
        | {
            f"AUROC, malignant or not, {name}": [
                interval(g.get("malignancy_auroc")) for g in figures["subgroups"]["groups"]
            ]
            for name, figures in sides
        }
    )
    fewest = sides[0][1]["subgroups"]["fewest_lesions"]
    st.caption(f"A dash: fewer than {fewest} lesions of that kind.")


def _lines(
    lines: Mapping[str, Sequence[Sequence[float]]],
    x: str,
    y: str,
    *,
    key: str,
    reference: bool = True,
) -> None:
    theme = st.context.theme.type or "light"
    ink, quiet = (st.get_option(f"theme.{theme}.{c}Color") for c in ("text", "grayText"))
    chart = go.Figure()
    if reference:
        line = {"color": quiet, "width": 1, "dash": "dashdot"}
        chart.add_scatter(
            x=[0, 1], y=[0, 1], mode="lines", line=line, hoverinfo="skip", showlegend=False
        )
    for (name, found), dash in zip(lines.items(), DASHES, strict=False):
        chart.add_scatter(
            x=[point[0] for point in found],
            y=[point[1] for point in found],
            name=name,
            mode="lines",
            line={"color": ink, "width": 1.5, "dash": dash},
            hovertemplate="%{x:.0%}, %{y:.0%}",
        )
    axis = {"range": [0, 1.02], "tickformat": ".0%", "nticks": 6, "fixedrange": True}
    chart.update_xaxes(title=x, **axis)
    chart.update_yaxes(title=y, **axis)
    chart.update_layout(
        height=HEIGHT,
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        legend={"orientation": "h", "y": 1.12, "x": 0},
    )
    st.plotly_chart(
        chart,
        width="stretch",
        config={"displayModeBar": False, "scrollZoom": False},
        alt=f"{y} over {x} of {' and '.join(lines)}.",
        key=key,
    )


def _share(figures: Part, row: str) -> str:
    """A model's own share with its interval, where the decisions measure it."""
    alert: Any = figures.get("alert") or {}
    value = {
        "melanoma_sensitivity": (alert.get("sensitivity_melanoma") or {}).get("share"),
        "malignant_sensitivity": (alert.get("sensitivity_malignant") or {}).get("share"),
        "specificity": alert.get("specificity"),
        "ranked_first": figures["series"].get("accuracy"),
    }[row]
    return interval(value, share=True)


def _points(value: list[float] | None) -> str:
    return DASH if value is None else points(value)


def _apart(value: list[float] | None, *, share: bool) -> str:
    if value is None or None in value:
        return DASH
    if share:
        return points(value)
    middle, low, high = (f"{v:+.3f}".replace("-", "\N{MINUS SIGN}") for v in value)
    return f"{middle} ({low} to {high})"


def _p(value: float) -> str:
    return "under 0.001" if value < 0.001 else f"{value:.3f}"

"""What is in a data set, as pictures and tables: the report that was made when it came in."""

from collections.abc import Mapping

import plotly.graph_objects as go
import streamlit as st

from pages.components.frame.words import count, markdown
from pages.components.learning import contactsheet, twins
from skinmodel.diagnoses import CODES, diagnosis
from training.data.datasets import DataSet
from training.data.inspection import Inspection, across_words

BAR = 26  # pixels of a chart's height for each bar
SIDES = ("train", "validation", "calibration", "test")


def draw(data: DataSet, report: Inspection) -> None:
    """Warnings first, then counts, photos, and what is there twice."""
    across = [
        across_words(photos, data.name, twins.data_set_name(other))
        for other, photos in report.across_leaks.items()
    ]
    for text in (*report.warnings, *across):
        st.warning(markdown(text), icon=":material/warning:")
    for text in report.notes:
        st.caption(markdown(text))
    if report.shortcut and not report.shortcut.predicts:
        st.caption(report.shortcut.sentence)
    names = {code: diagnosis(code).name for code in CODES}
    left, right = st.columns(2, gap="large")
    with left:
        _bars("Photos per diagnosis", {names[c]: n for c, n in report.diagnoses.items()}, data.id)
        _bars("Body site", report.sites, data.id)
    with right:
        series = {count(int(n), "photo"): lesions for n, lesions in report.series.items()}
        _bars("Lesions by their number of photos", series, data.id)
        _bars("Age", _by_age(report.ages), data.id)
    _sides(report)
    contactsheet.draw(data, report)
    twins.draw(data, report)


def _bars(title: str, values: Mapping[str, int], key: str) -> None:
    """A histogram lying down, so that names find room on a telephone."""
    st.markdown(f"**{title}**")
    shown = dict(list(values.items())[:12])
    theme = st.context.theme.type or "light"
    chart = go.Figure(
        go.Bar(
            x=list(shown.values()),
            y=[name[0].upper() + name[1:] for name in shown],
            orientation="h",
            text=[f"{n:,}" for n in shown.values()],
            textposition="outside",
            textangle=0,
            cliponaxis=False,
            marker={"color": st.get_option(f"theme.{theme}.grayColor")},
            hoverinfo="skip",
        )
    )
    chart.update_yaxes(autorange="reversed", fixedrange=True)
    longest = max(shown.values(), default=1)
    chart.update_xaxes(visible=False, fixedrange=True, range=[0, 1.12 * longest])
    chart.update_layout(height=BAR * len(shown) + 16, margin={"l": 0, "r": 0, "t": 0, "b": 8})
    said = ", ".join(f"{name} {n:,}" for name, n in shown.items())
    st.plotly_chart(
        chart,
        width="stretch",
        config={"displayModeBar": False, "scrollZoom": False, "staticPlot": True},
        alt=f"{title}: {said}.",
        key=f"{title}-{key}",
    )


def _by_age(ages: Mapping[str, int]) -> dict[str, int]:
    """Ages in steps of twenty years, unknown ones last."""
    steps = {f"{low} to {low + 19}": 0 for low in range(0, 80, 20)} | {"80 and more": 0}
    unknown = 0
    for text, photos in ages.items():
        try:
            age = float(text)
        except ValueError:
            unknown += photos
        else:
            low = int(age) // 20 * 20
            steps["80 and more" if low >= 80 else f"{low} to {low + 19}"] += photos
    return steps | ({"Unknown": unknown} if unknown else {})


def _sides(report: Inspection) -> None:
    """Lesions and photos per diagnosis, and on which side of the split they fall."""
    rows = [
        {
            "Diagnosis": diagnosis(code).name,
            "Lesions": report.lesions[code],
            "Photos": report.diagnoses[code],
            **{side.capitalize(): report.sides.get(side, {}).get(code, 0) for side in SIDES},
        }
        for code in CODES
    ]
    st.markdown("**Where photos go**")
    st.dataframe(rows, hide_index=True, height="content")
    sources = ", ".join(f"{name} {n:,}" for name, n in report.sources.items() if name != "unknown")
    text = "A lesion's side follows from its patient or its id, and never changes."
    if sources:
        text += f" Photos by collection, as lesions' ids name it: {sources}."
    dated = f" {count(report.dated, 'photo')} with a known day." if report.dated else ""
    st.caption(markdown(text + dated))

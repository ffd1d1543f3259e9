"""A lesion from visit to visit: its leading diagnoses, its measures, and what else happened."""

import datetime
from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from pages.components.comparison import changelist, comparing, courses, events, pairs
from pages.components.comparison.courses import Course
from pages.components.comparison.events import Event
from pages.components.comparison.pairs import Shot
from pages.components.examination import differential, influence, keeping
from pages.components.frame import aside, guard, serving
from pages.components.frame.aside import Task
from pages.components.frame.words import NARROW_SPACE, count, markdown, percent
from records.access.actors import CLINICIAN
from records.clinic.assessments import Assessment
from records.clinic.series import LesionPage
from skinmodel.export import output_diagnosis
from skinmodel.outline_bundle import OutlineModel
from skinmodel.weights import InvalidModel

UNASKED = 12  # visits measured without being asked; more take a while
MARKED = 40  # visits; more marks would hide the line
LEADING = 3  # diagnoses shown; more lines could not be told apart
FEW = 5  # days that all find room below the chart
HEIGHT = 280  # pixels
DASHES = ("solid", "dash", "dot")
MILLIMETRES = "millimetres"  # of the longest diameter, where a scale is known
SHOWN = {name: changelist.NAMES[name] for name in ("area", "longest", "asymmetry", "irregularity")}
SHOWN[MILLIMETRES] = changelist.MILLIMETRES["longest"]


@st.fragment
@aside.part
def show(page: LesionPage) -> None:
    """Both charts, for a lesion with photos of at least two days."""
    shots = [
        Shot(one.visit, next(photo for photo in one.photos if not photo.fault))
        for one in pairs.usable(page)
        if one.visit.fields.day
    ]
    if len({shot.day for shot in shots}) < 2:
        return
    theme = st.context.theme.type or "light"
    happened = events.of(page)
    st.header("From visit to visit", anchor=False)
    left, right = st.columns(2, gap="large")
    with left:
        _diagnoses(page.assessments, happened, theme)
    st.caption(events.sentence(happened))
    with right:
        _measures(page, shots, happened, theme)


def _diagnoses(assessments: Sequence[Assessment], happened: list[Event], theme: str) -> None:
    st.markdown("**Probabilities, each visit alone**")
    newest = next((one for one in reversed(assessments) if _charted(one)), None)
    if newest is None:
        withheld = any(not one.result.more.get("assessed", True) for one in assessments)
        st.write(
            "The assessment was withheld, and has no probabilities to show."
            if withheld
            else "No assessment of several dated visits yet."
        )
        return
    result = newest.result
    days = [day for day, _ in keeping.days(result) if day]
    leading = sorted(range(len(result.codes)), key=lambda k: -result.probabilities[-1][k])
    chart, said = go.Figure(), []
    for rank, output in enumerate(leading[:LEADING]):
        of = output_diagnosis(result.codes[output])
        shares = [row[output] for row in result.alone]
        before = [output_diagnosis(result.codes[k]).behaviour for k in leading[:rank]]
        chart.add_scatter(
            x=days,
            y=shares,
            name=f"{of.name} ({of.behaviour})",
            mode="lines+markers" if len(days) <= MARKED else "lines",
            line={
                "color": st.get_option(f"theme.{theme}.{differential.COLOURS[of.behaviour]}"),
                "dash": DASHES[before.count(of.behaviour)],
            },
            marker={"symbol": differential.MARKS[of.behaviour], "size": 10},
            hovertemplate="%{y:.0%}",
            cliponaxis=False,
        )
        said.append(f"{of.name}: {', '.join(percent(share) for share in shares)}")
    chart.update_yaxes(range=[0, 1], tickformat=".0%", nticks=5)
    _draw(chart, days, happened, theme, key="course-diagnoses", alt=". ".join(said))
    st.caption(
        f"Model {markdown(result.model_version)}. "
        + influence.sentence(
            result.codes, result.probabilities[-1], result.more.get("without_each", ()), days
        )
    )


def _charted(one: Assessment) -> bool:
    """Whether an assessment is of several dated visits, and was not withheld."""
    visits = keeping.days(one.result)
    return (
        len(visits) > 1 and all(day for day, _ in visits) and one.result.more.get("assessed", True)
    )


def _measures(page: LesionPage, shots: list[Shot], happened: list[Event], theme: str) -> None:
    try:
        model = serving.outline_model()
    except InvalidModel as error:
        st.error(str(error))
        return
    st.markdown("**Change since the first visit**")
    kept: dict[str, Task[Course]] = st.session_state.setdefault("courses", {})
    key = repr((page.lesion.id, model.sha256, shots))
    wanted = st.session_state.setdefault("courses-wanted", set())
    if len(shots) > UNASKED and key not in wanted:
        st.button(f"Measure {len(shots)} visits", on_click=wanted.add, args=(key,))
        return
    task = kept[key] = kept.get(key) or _work(model, shots, None)
    answer = task.answer  # looked at once: it may come at any moment
    if isinstance(answer, Course) and len(answer.points) < len(shots):
        task, answer = _work(model, shots, answer), None
        kept[key] = task
    if isinstance(answer, str):
        st.warning(markdown(answer))
        st.button("Try again", key="courses-again", on_click=kept.pop, args=(key,))
        return
    if found := answer or task.so_far:
        _course(found, happened, theme)
    if answer is None:
        aside.watch(task)


def _work(model: OutlineModel, shots: list[Shot], so_far: Course | None) -> Task[Course]:
    reader = comparing.reader(guard.require(CLINICIAN).actor)
    return Task(
        lambda report: courses.follow(reader, model, shots, so_far, report),
        "Measuring",
        so_far=so_far,
    )


def _course(found: Course, happened: list[Event], theme: str) -> None:
    """The chosen measure against the first visit, with what photographing again can change."""
    reference = found.reference
    if reference is None:
        st.caption(f"Nothing could be measured. {_not_measured(found)}")
        return
    place = st.container()
    in_mm = any(point.sizes for point in found.points)
    name = st.segmented_control(
        "Measure",
        [one for one in SHOWN if in_mm or one != MILLIMETRES],
        default="area",
        required=True,
        format_func=SHOWN.__getitem__,
        label_visibility="collapsed",
    )
    chart = go.Figure()
    curve = courses.millimetres(found) if name == MILLIMETRES else courses.changes(found, name)
    days, values, limits = curve.days, curve.values, curve.bounds
    many = len(days) > MARKED
    colour = st.get_option(f"theme.{theme}.textColor")
    if many:  # two hundred bars would hide the line: a band instead
        ends = [v + e for v, e in zip(values, limits, strict=True)]
        ends += [v - e for v, e in zip(values[::-1], limits[::-1], strict=True)]
        chart.add_scatter(
            x=days + days[::-1],
            y=ends,
            fill="toself",
            mode="lines",
            line={"color": st.get_option(f"theme.{theme}.grayColor"), "width": 0},
            opacity=0.3,
            hoverinfo="skip",
            showlegend=False,
        )
    chart.add_scatter(
        x=days,
        y=values,
        error_y={"array": limits, "width": 5, "thickness": 1.5, "visible": not many},
        mode="lines" if many else "lines+markers",
        line={"color": colour, "width": 2},
        marker={"size": 8},
        hovertemplate=f"%{{y:{_format(name)}}}<extra></extra>",
        showlegend=False,
        cliponaxis=False,
    )
    chart.update_yaxes(tickformat=_format(name), nticks=5, zeroline=name != MILLIMETRES)
    chart.update_yaxes(labelalias={"+0%": "0%", "+0.00": "0"})  # no change has no sign
    all_days = [point.shot.day for point in found.points if point.shot.day]
    bars = "Band" if many else "Bars"
    outline = f"Outline model {markdown(found.outline_version)}."
    if name == MILLIMETRES:
        alt = f"{SHOWN[name]}: {'; '.join(curve.said)}"
        told = f"Longest diameter in millimetres. {bars}: 95{NARROW_SPACE}% bounds. {outline}"
    else:
        alt = f"{SHOWN[name]} against {reference.label}: {'; '.join(curve.said)}"
        told = (
            f"{SHOWN[name]}, change since {reference.label}. {bars}: an unchanged lesion"
            f" photographed again stays within 95 times of 100. {outline}"
            f" {_not_measured(found, name)}"
        )
    with place:
        _draw(chart, all_days, happened, theme, key="course-measures", alt=alt)
    st.caption(told)


def _format(name: str) -> str:
    """How a chart writes a measure's values."""
    return ".1f" if name == MILLIMETRES else "+.0%" if name in changelist.SIZES else "+.2f"


def _not_measured(found: Course, name: str = "") -> str:
    """The visits without a value of a measure, the first few with the reason; safe in Markdown."""
    points = [
        one
        for one in found.points
        if one.refusal and name not in [change.measure for change in one.changes]
    ]
    if not points:
        return ""
    said = " ".join(f"{one.shot.label}: {one.refusal}" for one in points[:3])
    return markdown(f"{count(len(points), 'visit')} not measured. {said}")


def _draw(
    chart: go.Figure,
    days: list[datetime.date],
    happened: list[Event],
    theme: str,
    *,
    key: str,
    alt: str,
) -> None:
    """One chart over the visits' days, with the numbered events."""
    events.mark(chart, happened, days, colour=st.get_option(f"theme.{theme}.grayColor"))
    chart.update_yaxes(fixedrange=True)
    chart.update_xaxes(fixedrange=True, tickangle=0, tickformat="%-d %b<br>%Y")
    chart.update_xaxes(hoverformat="%-d %b %Y", tickvals=days if len(days) <= FEW else None)
    chart.update_layout(
        height=HEIGHT,
        margin={"l": 0, "r": 16, "t": 20, "b": 0},
        legend={"orientation": "h", "y": -0.35, "itemclick": False, "itemdoubleclick": False},
        hovermode="x unified",
    )
    st.plotly_chart(
        chart,
        width="stretch",
        config={"displayModeBar": False, "scrollZoom": False},
        alt=alt,
        key=key,
    )

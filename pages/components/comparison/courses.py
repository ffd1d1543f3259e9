"""A lesion's measures from visit to visit against its first, made away from the page's thread."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import streamlit as st

from pages.components.comparison import changelist, comparing
from pages.components.comparison.comparing import Reader
from pages.components.comparison.pairs import Pair, Shot
from records.clinic import comparability
from records.errors import RecordError
from skinmodel.changes import Change
from skinmodel.comparison import compare_photos, repeatability_of
from skinmodel.images import InvalidImage
from skinmodel.outline_bundle import OutlineModel
from skinmodel.sizes import Size, sizes

AT_ONCE = 24  # visits: a few seconds, after which the chart shows them


@dataclass(frozen=True)
class Point:
    """One visit's changes against the reference, or one sentence why there are none.

    `sizes` in millimetres are empty where the photo's scale is not known.
    """

    shot: Shot
    changes: tuple[Change, ...]
    refusal: str
    sizes: Mapping[str, Size] = field(default_factory=dict)


@dataclass(frozen=True)
class Course:
    """Points in time order, those measured so far; `reference` is what they are compared with."""

    reference: Shot | None
    points: tuple[Point, ...]
    outline_version: str


@dataclass(frozen=True)
class Curve:
    """A measure over the days it is known of, 95 % bounds of each value, and values in words."""

    days: list[datetime.date | None]
    values: list[float]
    bounds: list[float]
    said: list[str]


def changes(course: Course, name: str) -> Curve:
    """A measure's changes since the reference, which there is."""
    assert course.reference is not None
    curve = Curve([course.reference.day], [0.0], [0.0], [])
    for point in course.points:
        for one in point.changes:
            if one.measure == name:
                curve.days.append(point.shot.day)
                curve.values.append(one.value)
                curve.bounds.append(one.limit)
                curve.said.append(f"{point.shot.label} {changelist.row(one)['value']}")
    return curve


def millimetres(course: Course) -> Curve:
    """The longest diameters in millimetres, where they are known."""
    there = [(point.shot, point.sizes["longest"]) for point in course.points if point.sizes]
    return Curve(
        [shot.day for shot, _ in there],
        [size.value for _, size in there],
        [size.within for _, size in there],
        [f"{shot.label} {size.value:.1f}" for shot, size in there],
    )


def follow(
    reader: Reader,
    model: OutlineModel,
    shots: Sequence[Shot],
    so_far: Course | None,
    report: Callable[[float, str], None],
) -> Course:
    """The next few shots against the first that can be measured, after what there is so far.

    Each is worked on once per server.
    """
    reference = so_far.reference if so_far else None
    points = list(so_far.points) if so_far else []
    start = len(points)
    for place, shot in enumerate(shots[start : start + AT_ONCE], start):
        report(place / len(shots), f"Measuring visit {place + 1} of {len(shots)}")
        points.append(_point(reader, model, reference, shot))
        if reference is None and not points[-1].refusal:
            reference = shot
    return Course(reference, tuple(points), model.version)


def _point(reader: Reader, model: OutlineModel, reference: Shot | None, shot: Shot) -> Point:
    """A shot against the reference; against none, whether it can be the reference."""
    try:
        changes, refusal, measured = _changes(
            _seen(reference) if reference else None,
            _seen(shot),
            model.sha256,
            reader,
            model,
            reference,
            shot,
        )
    except (RecordError, InvalidImage) as error:
        return Point(shot, (), str(error))
    return Point(shot, changes, refusal, measured)


def _seen(shot: Shot) -> tuple[object, ...]:
    """All of a shot that its measures and their comparison depend on."""
    photo = shot.photo
    return photo.sha256, photo.outline, photo.marks, replace(shot.visit.fields, note="")


# Small values, kept where outlines are too large to be: a next visit costs itself alone.
@st.cache_resource(show_spinner=False, max_entries=5000, ttl=3600)
def _changes(
    before: tuple[object, ...] | None,
    after: tuple[object, ...],
    model_sha256: str,
    _reader: Reader,
    _model: OutlineModel,
    _reference: Shot | None,
    _shot: Shot,
) -> tuple[tuple[Change, ...], str, dict[str, Size]]:
    known = repeatability_of(_model)
    seen = comparing.examined(_reader, _model, _shot)
    measured = sizes(seen, known)
    if _reference is None:
        return (), seen.refusal or "", measured
    pair = Pair(_reference, _shot, ())
    found = compare_photos(
        comparing.examined(_reader, _model, _reference),
        seen,
        known,
        like_optics=pair.like_optics,
    )
    fields = _reference.visit.fields, _shot.visit.fields
    if others := comparability.differences(*fields, scaled=found.by_scale):
        return (), " ".join((*others, comparability.WITHHELD)), measured
    return found.changes, found.refusal or "", measured

"""A lesion's measures from visit to visit against its first, made away from the page's thread."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from pages.components.comparison import comparing
from pages.components.comparison.comparing import Reader
from pages.components.comparison.pairs import Shot
from records.clinic import comparability
from records.clinic.outlines import Points
from records.errors import RecordError
from skinmodel.changes import Change
from skinmodel.comparison import compare_photos, repeatability_of
from skinmodel.images import InvalidImage
from skinmodel.outline_bundle import OutlineModel

AT_ONCE = 24  # visits: a few seconds, after which the chart shows them


@dataclass(frozen=True)
class Point:
    """One visit's changes against the reference, or one sentence why there are none."""

    shot: Shot
    changes: tuple[Change, ...]
    refusal: str


@dataclass(frozen=True)
class Course:
    """Points in time order, those measured so far; `reference` is what they are compared with."""

    reference: Shot | None
    points: tuple[Point, ...]
    outline_version: str


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
        try:
            if reference is None:
                found = comparing.examined(reader, model, shot.photo)
                if found.refusal is None:
                    reference = shot
                changes, refusal = (), found.refusal or ""
            else:
                changes, refusal = _against(reader, model, reference, shot)
        except (RecordError, InvalidImage) as error:
            changes, refusal = (), str(error)
        points.append(Point(shot, changes, refusal))
    return Course(reference, tuple(points), model.version)


def _against(
    reader: Reader, model: OutlineModel, reference: Shot, shot: Shot
) -> tuple[tuple[Change, ...], str]:
    others = comparability.differences(reference.visit.fields, shot.visit.fields)
    if others:
        return (), " ".join((*others, comparability.WITHHELD))
    return _changes(_seen(reference), _seen(shot), model.sha256, reader, model, reference, shot)


def _seen(shot: Shot) -> tuple[str, Points]:
    return shot.photo.sha256, shot.photo.outline


# Small values, kept where outlines are too large to be: a next visit costs itself alone.
@st.cache_resource(show_spinner=False, max_entries=5000, ttl=3600)
def _changes(
    before: tuple[str, Points],
    after: tuple[str, Points],
    model_sha256: str,
    _reader: Reader,
    _model: OutlineModel,
    _reference: Shot,
    _shot: Shot,
) -> tuple[tuple[Change, ...], str]:
    found = compare_photos(
        comparing.examined(_reader, _model, _reference.photo),
        comparing.examined(_reader, _model, _shot.photo),
        repeatability_of(_model),
    )
    return found.changes, found.refusal or ""

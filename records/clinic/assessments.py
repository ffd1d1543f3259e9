"""Assessments: what the model said, whole and for ever. Clinicians only.

The page turns the model's analysis into a Result of plain values; heat maps are bytes to us. An
assessment is never overwritten: photos, days or a model that have changed since make it outdated,
and it says so.
"""

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from records import audit, lookup
from records.access.actors import CLINICIAN, Actor
from records.clinic.impressions import Impression, read_impression
from records.database import Database
from records.errors import InvalidRecord, NotFound, RecordError
from records.keeping import blobs
from records.keeping.store import Store
from records.preferences import IMPRESSION_FIRST, chosen
from records.tables import AssessmentRow, ImpressionRow, LesionRow, PhotoRow, VisitRow

NO_RESULT = "There is no complete result to save."


@dataclass(frozen=True)
class Result:
    """A model's analysis as plain values: T visits, N photos, K codes.

    `codes` (K) are the model's outputs; `probabilities` (T, K) are from all photos up to each
    visit, `alone` (T, K) from that visit's, `malignancy` and `malignancy_alone` (T) their sums over
    malignant diagnoses. `photos` (N) are SHA-256s in the order of the maps, `visits` (T) the day
    of each visit with the indices of its photos, `frames` (N, 4) the box each map covers.
    `left_out` are SHA-256s of photos without a place in time. `prior` says which frequencies the
    probabilities assume. `maps_settings` say how the heat maps were made (method, layer, scaling).
    `more` takes whatever else the analysis tells (prediction sets, alert line, unknown score).
    """

    codes: tuple[str, ...]
    probabilities: tuple[tuple[float, ...], ...]
    alone: tuple[tuple[float, ...], ...]
    malignancy: tuple[float, ...]
    malignancy_alone: tuple[float, ...]
    photos: tuple[str, ...]
    visits: tuple[tuple[str | None, tuple[int, ...]], ...]
    left_out: tuple[str, ...]
    frames: tuple[tuple[float, float, float, float], ...]
    model_version: str
    model_sha256: str
    prior: str
    made_at: datetime.datetime
    timings: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    maps_settings: Mapping[str, str | int | float] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Assessment:
    """A saved result. `outdated` are sentences; none, if it is still of today's photos and model.

    `gone` are the SHA-256s of photos that it used and that are no longer on this lesion: their
    heat maps must not be shown.
    """

    id: str
    lesion_id: str
    result: Result
    has_maps: bool
    impression: Impression | None
    saved_at: datetime.datetime
    account_id: str
    outdated: tuple[str, ...]
    gone: frozenset[str]


def attach(
    database: Database,
    session: Session,
    store: Store,
    *,
    actor: Actor,
    lesion: LesionRow,
    result: Result,
    maps: bytes | None,
    impression_id: str | None,
) -> AssessmentRow:
    """Adds an assessment of photos that are on the lesion; the store has the maps already."""
    _check(result)
    photos = {
        row.sha256: (row.id, day)
        for row, day in session.execute(
            select(PhotoRow, VisitRow.day)
            .join(VisitRow, PhotoRow.visit_id == VisitRow.id)
            .where(
                PhotoRow.lesion_id == lesion.id,
                PhotoRow.sha256.in_(result.photos),
                PhotoRow.deleted_at.is_(None),
                VisitRow.deleted_at.is_(None),
            )
        )
    }
    if missing := set(result.photos) - photos.keys():
        raise RecordError(
            f"{len(missing)} of the result's photos are not on this lesion. Nothing was saved."
            " Please analyse again."
        )
    _check_impression(session, lesion, result, impression_id)
    row = AssessmentRow(
        lesion_id=lesion.id,
        impression_id=impression_id,
        model_version=result.model_version,
        model_sha256=result.model_sha256,
        result=_to_json(result),
        photos=[[photos[sha256][0], sha256, _iso(photos[sha256][1])] for sha256 in sorted(photos)],
        maps_sha256=blobs.keep(database, session, store, maps) if maps else None,
        made_at=result.made_at,
        saved_at=database.now(),
        account_id=actor.account_id,
    )
    session.add(row)
    session.flush()
    audit.did(
        database,
        session,
        actor=actor,
        kind="assessment saved",
        object_id=row.id,
        detail={"lesion": lesion.id, "model": result.model_sha256, "photos": len(photos)},
    )
    return row


def of_lesion(
    session: Session, lesion_id: str, *, model_sha256: str | None = None
) -> list[Assessment]:
    """All assessments of a lesion, oldest first; `model_sha256` is the model in use."""
    today = {
        row.id: (row.sha256, _iso(day))
        for row, day in session.execute(
            select(PhotoRow, VisitRow.day)
            .join(VisitRow, PhotoRow.visit_id == VisitRow.id)
            .where(
                PhotoRow.lesion_id == lesion_id,
                PhotoRow.deleted_at.is_(None),
                VisitRow.deleted_at.is_(None),
            )
        )
    }
    rows = session.execute(
        select(AssessmentRow, ImpressionRow)
        .outerjoin(ImpressionRow, AssessmentRow.impression_id == ImpressionRow.id)
        .where(AssessmentRow.lesion_id == lesion_id)
        .order_by(AssessmentRow.made_at, AssessmentRow.saved_at, AssessmentRow.id)
    )
    return [
        Assessment(
            id=row.id,
            lesion_id=row.lesion_id,
            result=_from_json(row.result),
            has_maps=row.maps_sha256 is not None,
            impression=read_impression(impression) if impression else None,
            saved_at=row.saved_at,
            account_id=row.account_id,
            outdated=tuple(_changes(row, today, model_sha256)),
            gone=frozenset(str(sha256) for one, sha256, _ in row.photos if one not in today),
        )
        for row, impression in rows
    ]


def maps(database: Database, store: Store, *, actor: Actor, assessment_id: str) -> bytes:
    """The heat maps of an assessment, as they were handed in; NotFound if it has none.

    PhotoUnusable if the file is missing or changed.
    """
    actor.require(CLINICIAN)
    with database.read() as session:
        row = session.get(AssessmentRow, assessment_id)
        if row is None or row.maps_sha256 is None:
            raise NotFound
        lookup.lesion(session, row.lesion_id)
    return blobs.read(database, store, row.maps_sha256)


def _changes(
    row: AssessmentRow, today: Mapping[str, tuple[str, str | None]], model_sha256: str | None
) -> list[str]:
    used = {str(one): day for one, _, day in row.photos}
    left_out = set(row.result["left_out"])
    sentences = []
    added = [one for one, (sha, _) in today.items() if one not in used and sha not in left_out]
    gone = [one for one in used if one not in today]
    moved = [one for one, day in used.items() if one in today and today[one][1] != day]
    if added:
        sentences.append(f"{_photos(added)} added since.")
    if gone:
        sentences.append(f"{_photos(gone)} removed since.")
    if moved:
        sentences.append(f"{_photos(moved)} given another day since.")
    if model_sha256 is not None and row.model_sha256 != model_sha256:
        sentences.append("Another model is in use since.")
    return sentences


def _photos(ids: Sequence[str]) -> str:
    return "1 photo was" if len(ids) == 1 else f"{len(ids)} photos were"


def _check(result: Result) -> None:
    """A result that is not whole is not saved: never half of one, never a default."""
    visits, outputs = len(result.visits), len(result.codes)
    rows = (*result.probabilities, *result.alone)
    sums = (*result.malignancy, *result.malignancy_alone)
    sound = (
        bool(visits and outputs and result.photos)
        and len(result.probabilities) == len(result.alone) == visits
        and len(result.malignancy) == len(result.malignancy_alone) == visits
        and all(len(row) == outputs for row in rows)
        and all(math.isfinite(p) and 0 <= p <= 1 for row in (*rows, sums) for p in row)
        and (outputs == 1 or all(abs(sum(row) - 1) < 1e-3 for row in rows))
        and len(set(result.photos)) == len(result.photos) == len(result.frames)
        and sorted(i for _, photos in result.visits for i in photos)
        == list(range(len(result.photos)))
        and bool(result.model_version and result.model_sha256)
    )
    if not sound:
        raise RecordError(f"{NO_RESULT} Please analyse again.")


def _check_impression(
    session: Session, lesion: LesionRow, result: Result, impression_id: str | None
) -> None:
    if impression_id is None:
        if chosen(session, IMPRESSION_FIRST):
            raise InvalidRecord(
                {"impression": "Record your own impression before the result is shown."}
            )
        return
    impression = session.get(ImpressionRow, impression_id)
    if impression is None or impression.lesion_id not in {None, lesion.id}:
        raise NotFound
    if impression.at > result.made_at:
        raise InvalidRecord({"impression": "This impression was recorded after the result."})
    impression.lesion_id = lesion.id


def _to_json(result: Result) -> dict[str, Any]:
    return asdict(result) | {"made_at": result.made_at.isoformat()}


def _from_json(values: Mapping[str, Any]) -> Result:
    def rows(name: str) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(row) for row in values[name])

    return Result(
        **{
            **values,
            "codes": tuple(values["codes"]),
            "probabilities": rows("probabilities"),
            "alone": rows("alone"),
            "malignancy": tuple(values["malignancy"]),
            "malignancy_alone": tuple(values["malignancy_alone"]),
            "photos": tuple(values["photos"]),
            "visits": tuple((day, tuple(photos)) for day, photos in values["visits"]),
            "left_out": tuple(values["left_out"]),
            "frames": rows("frames"),
            "made_at": datetime.datetime.fromisoformat(values["made_at"]),
            "warnings": tuple(values["warnings"]),
            "notes": tuple(values["notes"]),
        }
    )


def _iso(day: datetime.date | None) -> str | None:
    return day.isoformat() if day else None

"""The model in use against what was confirmed since, and what photos it was given. Admins only.

Counts alone: no patient, lesion or photo leaves here.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from sqlalchemy import select

from records.access.actors import ADMIN, Actor
from records.database import Database
from records.tables import AssessmentRow, ConfirmationRow, ImpressionRow, LesionRow


@dataclass(frozen=True)
class Agreement:
    """Lesions of one confirmed diagnosis, by the model's last saved result of each.

    How often the diagnosis ranked first, how many results had an alert line, how many lay above;
    before how many a clinician had said what it was, and how often rightly.
    """

    code: str
    lesions: int
    ranked_first: int
    with_line: int
    above_line: int
    with_impression: int = 0
    impression_right: int = 0


@dataclass(frozen=True)
class Month:
    """The results saved in a month: how many, not assessed, with a warning about a photo.

    `distance` is the median of how far the photos' features lie from the training photos', in
    [0, 1]; None where no model said so.
    """

    first_day: datetime.date
    results: int
    not_assessed: int
    warned: int
    distance: float | None


def agreement(
    database: Database, *, actor: Actor, model_sha256: str, since: datetime.datetime
) -> list[Agreement]:
    """By confirmed diagnosis, from each lesion's last result of this model since a moment."""
    actor.require(ADMIN)
    with database.read() as session:
        rows = session.execute(
            select(
                ConfirmationRow.code,
                AssessmentRow.lesion_id,
                AssessmentRow.result,
                ImpressionRow.code.label("impression"),
            )
            .outerjoin(ImpressionRow, ImpressionRow.id == AssessmentRow.impression_id)
            .join(ConfirmationRow, ConfirmationRow.lesion_id == AssessmentRow.lesion_id)
            .join(LesionRow, LesionRow.id == AssessmentRow.lesion_id)
            .where(
                ConfirmationRow.current,
                LesionRow.deleted_at.is_(None),
                AssessmentRow.model_sha256 == model_sha256,
                AssessmentRow.made_at >= since,
            )
            .order_by(AssessmentRow.made_at)
        )
        last = {row.lesion_id: (row.code, row.result, row.impression) for row in rows}
    found: dict[str, list[tuple[Mapping[str, Any], str | None]]] = {}
    for code, result, impression in last.values():
        found.setdefault(code, []).append((result, impression))
    return [_agreement(code, results) for code, results in sorted(found.items())]


def months(database: Database, *, actor: Actor, since: datetime.datetime) -> list[Month]:
    """The months with saved results since a moment, oldest first, whatever the model was."""
    actor.require(ADMIN)
    with database.read() as session:
        rows = session.execute(
            select(AssessmentRow.made_at, AssessmentRow.result)
            .join(LesionRow, LesionRow.id == AssessmentRow.lesion_id)
            .where(AssessmentRow.made_at >= since, LesionRow.deleted_at.is_(None))
            .order_by(AssessmentRow.made_at)
        )
        found: dict[datetime.date, list[Mapping[str, Any]]] = {}
        for at, result in rows:
            found.setdefault(at.astimezone().date().replace(day=1), []).append(result["more"])
    return [_month(day, results) for day, results in found.items()]


def _agreement(code: str, cases: list[tuple[Mapping[str, Any], str | None]]) -> Agreement:
    results = [result for result, _ in cases]
    said = [impression for _, impression in cases if impression is not None]
    alerts = [one["more"]["alerts"][-1] for one in results if one["more"].get("alerts")]
    return Agreement(
        code=code,
        lesions=len(results),
        ranked_first=sum(_first(one) == code for one in results),
        with_line=len(alerts),
        above_line=sum(map(bool, alerts)),
        with_impression=len(said),
        impression_right=said.count(code),
    )


def _first(result: Mapping[str, Any]) -> str | None:
    """What the result showed first; nothing where it was not assessed."""
    if result["more"].get("assessed") is False:
        return None
    last = result["probabilities"][-1]
    return str(result["codes"][last.index(max(last))])


def _month(day: datetime.date, results: list[Mapping[str, Any]]) -> Month:
    distances = [far for one in results for far in one.get("unknown_by_photo") or ()]
    return Month(
        first_day=day,
        results=len(results),
        not_assessed=sum(one.get("assessed") is False for one in results),
        warned=sum(any(one.get("photo_warnings") or ()) for one in results),
        distance=median(distances) if distances else None,
    )

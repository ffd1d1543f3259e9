"""Outlines that clinicians drew by hand: kept beside the photo, corrected but never overwritten.

Clinicians only.
"""

import datetime
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import isfinite

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from records import editions, lookup
from records.access.actors import CLINICIAN, Actor
from records.database import Database
from records.errors import InvalidRecord
from records.tables import OutlineRow, PhotoRow

MOST_POINTS = 400
UNUSABLE = "This outline cannot be used: it needs at least 3 points inside the photo."

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class DrawnOutline:
    """A polygon in the upright photo's pixels; without points the program's own outline holds.

    `current` unless a later one replaces it.
    """

    id: str
    photo_id: str
    points: Points
    replaces_id: str | None
    current: bool
    at: datetime.datetime
    account_id: str


def draw(
    database: Database,
    *,
    actor: Actor,
    photo_id: str,
    points: Sequence[tuple[float, float]],
    replaces_id: str | None,
    save_key: str,
) -> DrawnOutline:
    """Keeps an outline, or with no points gives the photo back to the program's own.

    `replaces_id` names the one that is current, None for the first; Conflict if somebody else has
    drawn meanwhile, InvalidRecord if the points make no outline of this photo.
    """
    actor.require(CLINICIAN)
    with database.write() as session:
        photo = lookup.photo(session, photo_id)
        checked = _checked(points, (photo.width, photo.height))
        content = {"form": "outline", "photo": photo_id, "points": checked, "replaces": replaces_id}
        row = editions.keep(
            database,
            session,
            OutlineRow(photo_id=photo_id, points=checked, replaces_id=replaces_id),
            actor=actor,
            among=OutlineRow.photo_id == photo_id,
            about=photo_id,
            kind="outline drawn" if checked else "outline withdrawn",
            key=save_key,
            content=content,
        )
        return _value(row)


def of_photo(database: Database, *, actor: Actor, photo_id: str) -> list[DrawnOutline]:
    """Every outline drawn on a photo, the replaced ones too, oldest first."""
    actor.require(CLINICIAN)
    with database.read() as session:
        lookup.photo(session, photo_id)
        rows = editions.every(session, OutlineRow, OutlineRow.photo_id == photo_id)
        return [_value(row) for row in rows]


def of_lesion(session: Session, lesion_id: str) -> list[DrawnOutline]:
    """Every outline drawn on a lesion's photos, oldest first."""
    rows = editions.every(session, OutlineRow, OutlineRow.photo_id.in_(living(lesion_id)))
    return [_value(row) for row in rows]


def living(lesion_id: str) -> Select[str]:
    """The ids of a lesion's photos that are not deleted, to be looked for in."""
    return select(PhotoRow.id).where(PhotoRow.lesion_id == lesion_id, PhotoRow.deleted_at.is_(None))


def current(database: Database, *, actor: Actor, photo_id: str) -> Points:
    """The points of the outline that holds; none where it is the program's own."""
    drawn = [one for one in of_photo(database, actor=actor, photo_id=photo_id) if one.current]
    return drawn[0].points if drawn else ()


def purge(session: Session, photo_ids: Collection[str]) -> None:
    """Removes the rows of photos that are removed for good."""
    editions.purge(session, OutlineRow, OutlineRow.photo_id.in_(photo_ids))


def _checked(points: Sequence[tuple[float, float]], size: tuple[int, int]) -> list[list[float]]:
    """Points to a tenth of a pixel; none, or at least three."""
    if not points:
        return []
    if not 3 <= len(points) <= MOST_POINTS:
        raise InvalidRecord({"points": UNUSABLE})
    for x, y in points:
        if not (isfinite(x) and isfinite(y) and 0 <= x <= size[0] and 0 <= y <= size[1]):
            raise InvalidRecord({"points": UNUSABLE})
    return [[round(float(x), 1), round(float(y), 1)] for x, y in points]


def _value(row: OutlineRow) -> DrawnOutline:
    points = tuple((float(x), float(y)) for x, y in row.points)
    return DrawnOutline(
        row.id, row.photo_id, points, row.replaces_id, row.current, row.at, row.account_id
    )

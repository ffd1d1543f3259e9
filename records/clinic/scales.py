"""Scales: a known distance that a clinician marked in a photo, corrected but never overwritten.

Clinicians only.
"""

import datetime
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import hypot, isfinite

from sqlalchemy.orm import Session

from records import editions, lookup
from records.access.actors import CLINICIAN, Actor
from records.clinic.outlines import Points, living
from records.database import Database
from records.errors import InvalidRecord
from records.tables import ScaleRow

LEAST_APART = 0.02  # of the photo's short side
MILLIMETRES = 0.1, 500.0
UNUSABLE = "This scale cannot be used: it needs two places in the photo that lie well apart."


@dataclass(frozen=True)
class MarkedScale:
    """`millimetres` between two `ends` in the upright photo's pixels; without ends it is withdrawn.

    `current` unless a later one replaces it.
    """

    id: str
    photo_id: str
    ends: Points
    millimetres: float
    replaces_id: str | None
    current: bool
    at: datetime.datetime
    account_id: str


def mark(
    database: Database,
    *,
    actor: Actor,
    photo_id: str,
    ends: Sequence[tuple[float, float]],
    millimetres: float,
    replaces_id: str | None,
    save_key: str,
) -> MarkedScale:
    """Keeps a photo's scale, or with no ends withdraws it; the millimetres then count for nothing.

    `replaces_id` names the one that is current, None for the first; Conflict if somebody else has
    marked meanwhile, InvalidRecord if the ends or the millimetres make no scale of this photo.
    """
    actor.require(CLINICIAN)
    with database.write() as session:
        photo = lookup.photo(session, photo_id)
        checked, length = _checked(ends, millimetres, (photo.width, photo.height))
        content = {
            "form": "scale",
            "photo": photo_id,
            "ends": checked,
            "millimetres": length,
            "replaces": replaces_id,
        }
        row = editions.keep(
            database,
            session,
            ScaleRow(photo_id=photo_id, ends=checked, millimetres=length, replaces_id=replaces_id),
            actor=actor,
            among=ScaleRow.photo_id == photo_id,
            about=photo_id,
            kind="scale marked" if checked else "scale withdrawn",
            key=save_key,
            content=content,
        )
        return _value(row)


def of_photo(database: Database, *, actor: Actor, photo_id: str) -> list[MarkedScale]:
    """Every scale marked in a photo, the replaced ones too, oldest first."""
    actor.require(CLINICIAN)
    with database.read() as session:
        lookup.photo(session, photo_id)
        rows = editions.every(session, ScaleRow, ScaleRow.photo_id == photo_id)
        return [_value(row) for row in rows]


def of_lesion(session: Session, lesion_id: str) -> list[MarkedScale]:
    """Every scale marked in a lesion's photos, oldest first."""
    rows = editions.every(session, ScaleRow, ScaleRow.photo_id.in_(living(lesion_id)))
    return [_value(row) for row in rows]


def purge(session: Session, photo_ids: Collection[str]) -> None:
    """Removes the rows of photos that are removed for good."""
    editions.purge(session, ScaleRow, ScaleRow.photo_id.in_(photo_ids))


def _checked(
    ends: Sequence[tuple[float, float]], millimetres: float, size: tuple[int, int]
) -> tuple[list[list[float]], float]:
    """Ends to a tenth of a pixel, and the millimetres between them; none and 0 if withdrawn."""
    if not ends:
        return [], 0.0
    problems = {}
    inside = len(ends) == 2 and all(
        isfinite(x) and isfinite(y) and 0 <= x <= size[0] and 0 <= y <= size[1] for x, y in ends
    )
    if not inside or hypot(ends[0][0] - ends[1][0], ends[0][1] - ends[1][1]) < LEAST_APART * min(
        size
    ):
        problems["ends"] = UNUSABLE
    least, most = MILLIMETRES
    if not least <= millimetres <= most:  # NaN is not, either
        problems["millimetres"] = f"The distance lies between {least:g} and {most:g} mm."
    if problems:
        raise InvalidRecord(problems)
    return [[round(float(x), 1), round(float(y), 1)] for x, y in ends], float(millimetres)


def _value(row: ScaleRow) -> MarkedScale:
    return MarkedScale(
        id=row.id,
        photo_id=row.photo_id,
        ends=tuple((float(x), float(y)) for x, y in row.ends),
        millimetres=row.millimetres,
        replaces_id=row.replaces_id,
        current=row.current,
        at=row.at,
        account_id=row.account_id,
    )

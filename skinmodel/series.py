"""The photos of one lesion in time order, and the visits they belong to."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from PIL import Image
from torch import Tensor


@dataclass(frozen=True)
class SeriesPhoto:
    """One photo handed in: upright RGB picture, SHA-256 of the file, its name, and its date.

    One `set_aside` belongs to the lesion, but somebody decided that no result is to be made of it.
    """

    picture: Image.Image = field(repr=False)
    sha256: str
    name: str
    taken_on: datetime.date | None = None
    set_aside: bool = False


@dataclass(frozen=True)
class Visit:
    """A day (or one undated photo), with the indices of its photos in the ordered series."""

    taken_on: datetime.date | None
    photos: tuple[int, ...]


@dataclass(frozen=True)
class Series:
    """Ordered photos, their visits, and the photos left out.

    Those are what was set aside, and a dated series' photos without a date.
    """

    photos: tuple[SeriesPhoto, ...]
    visits: tuple[Visit, ...]
    left_out: tuple[SeriesPhoto, ...] = ()

    def visit_of_photo(self) -> Tensor:
        """The visit's index of every photo: (N,), int64."""
        visit = torch.empty(len(self.photos), dtype=torch.long)
        for index, one in enumerate(self.visits):
            visit[list(one.photos)] = index
        return visit

    def days(self) -> Tensor:
        """Days since the first visit (T,), NaN in an undated series."""
        first = self.visits[0].taken_on
        since = [
            (v.taken_on - first).days if v.taken_on and first else float("nan") for v in self.visits
        ]
        return torch.tensor(since, dtype=torch.float32)


def arrange(photos: Sequence[SeriesPhoto]) -> Series:
    """Photos in any order to a series in time order.

    Photos of one day are one visit. Photos without dates are a series in the order given, each a
    visit; beside dated ones they have no place in time and are left out. So is what was set aside.
    ValueError if no photo remains.
    """
    used = [photo for photo in photos if not photo.set_aside]
    if not used:
        raise ValueError("A series needs at least one photo.")
    aside = tuple(photo for photo in photos if photo.set_aside)
    dated = [photo for photo in used if photo.taken_on is not None]
    if not dated:
        return Series(tuple(used), tuple(Visit(None, (i,)) for i in range(len(used))), aside)
    ordered = sorted(dated, key=lambda photo: photo.taken_on or datetime.date.min)
    days = sorted({photo.taken_on for photo in ordered if photo.taken_on})
    visits = tuple(
        Visit(day, tuple(i for i, photo in enumerate(ordered) if photo.taken_on == day))
        for day in days
    )
    undated = tuple(photo for photo in used if photo.taken_on is None)
    return Series(tuple(ordered), visits, (*undated, *aside))

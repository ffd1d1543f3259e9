"""The photos of one lesion under examination: in the session's memory, and nowhere else."""

import datetime
import hashlib
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from skinmodel.analysis import Analysis, SeriesPhoto
from skinmodel.bundle import Model
from skinmodel.images import Photo

KEPT_RESULTS = 4  # so that undoing a change brings its result back at once

Key = tuple[object, ...]


@dataclass
class Item:
    """One photo taken in: its name as shown, and its date, which the person may change."""

    number: int
    photo: Photo
    name: str
    taken_on: datetime.date | None
    edition: int = 0  # a new one gives the date's widget a new value


@dataclass(frozen=True)
class Refusal:
    """Files that were not taken, and why; `missing` photos the result lacks because of it."""

    name: str
    reason: str
    missing: int = 1


@dataclass(frozen=True, eq=False)
class Result:
    """An analysis with what has to be said beside it, fixed on the day it was made."""

    analysis: Analysis
    made_on: datetime.date
    warnings: tuple[str, ...]
    drawn: bool
    mark: str  # names its files
    views: dict[int, dict[str, Any]] = field(default_factory=dict)  # by first visit drawn


@dataclass
class Tray:
    """The photos, what was refused, and the results computed for them so far."""

    items: list[Item] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    removed: tuple[int, Item] | None = None
    seen: set[str] = field(default_factory=set)
    uploader: int = 0  # a new number empties the uploader
    numbers: int = 0
    drawn: bool = False
    wanted: bool = False
    shown: Key | None = None
    results: dict[Key, Result] = field(default_factory=dict)

    def add(self, photo: Photo, name: str, taken_on: datetime.date | None) -> None:
        """Takes a photo in, or refuses it where its file is there already."""
        twin = next((i for i in self.items if i.photo.sha256 == photo.sha256), None)
        if twin:
            self.refused.append(Refusal(name, f"This is the same file as {twin.name}.", 0))
            return
        self.numbers += 1
        self.items.append(Item(self.numbers, photo, name, taken_on))

    def replace(self, *, drawn: bool) -> None:
        """Empties the tray of one kind of picture for the other: drawn and real never mix."""
        fresh = Tray(uploader=self.uploader, numbers=self.numbers, drawn=drawn, seen=self.seen)
        self.__dict__.update(fresh.__dict__)

    def remove(self, number: int) -> None:
        """Takes a photo out; `undo` puts it back where it was."""
        place = next(n for n, item in enumerate(self.items) if item.number == number)
        self.removed = place, self.items.pop(place)

    def undo(self) -> None:
        """Puts the photo removed last back."""
        if self.removed:
            place, item = self.removed
            self.items.insert(place, item)
            self.removed = None

    def date(self, taken_on: datetime.date | None) -> None:
        """Gives every photo the same date."""
        for item in self.items:
            item.taken_on = taken_on
            item.edition += 1

    @property
    def missing(self) -> int:
        """How many photos were given but are not part of any result."""
        return sum(refusal.missing for refusal in self.refused)

    def series(self) -> list[SeriesPhoto]:
        """The photos as the analysis takes them."""
        return [
            SeriesPhoto(item.photo.picture, item.photo.sha256, item.name, item.taken_on)
            for item in self.items
        ]

    def key(self, model: Model) -> Key:
        """What a result depends on: the model, the photos, their order and their dates.

        The missing are part of it, because a result says how many of the photos it is from.
        """
        photos = tuple((item.photo.sha256, item.name, item.taken_on) for item in self.items)
        return model.sha256, model.version, photos, self.missing

    def keep(self, key: Key, analysis: Analysis) -> None:
        """Keeps a result and shows it, forgetting the oldest."""
        warnings = list(analysis.warnings)
        for item in self.items:
            warnings += [f"{item.name}: {warning}" for warning in item.photo.warnings]
        mark = hashlib.sha256(repr(key).encode()).hexdigest()[:8]
        today = datetime.date.today()
        self.results[key] = Result(analysis, today, tuple(warnings), self.drawn, mark)
        self.shown = key
        while len(self.results) > KEPT_RESULTS:
            del self.results[next(k for k in self.results if k != key)]


def current() -> Tray:
    """This session's tray."""
    tray: Tray = st.session_state.setdefault("tray", Tray())
    return tray


def clear() -> None:
    """Starts with an empty tray, and an empty uploader."""
    st.session_state["tray"] = Tray(uploader=current().uploader + 1)

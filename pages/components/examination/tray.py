"""The photos of one lesion under examination, in the session's memory until they are saved."""

import datetime
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import streamlit as st

from records.clinic.lesions import Lesion
from records.clinic.patients import Patient
from skinmodel.analysis import Analysis, SeriesPhoto
from skinmodel.bundle import Model
from skinmodel.casemix import CaseMix
from skinmodel.evidence import Stated
from skinmodel.export import Remark, long_date
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
    data: bytes = field(default=b"", repr=False)  # the file as uploaded, until it is kept
    kept: bool = False  # on the open lesion already: its day is the visit's
    vouched: bool = False  # the person says whose it is, whatever the file says
    set_aside: bool = False  # no result is to be made of it
    edition: int = 0  # a new one gives the date's widget a new value


@dataclass(frozen=True)
class Refusal:
    """Files that were not taken, and why; `missing` photos the result lacks because of it."""

    name: str
    reason: str
    missing: int = 1
    batch: int = 0  # files given together share one


@dataclass(frozen=True)
class Doubt:
    """A file that names another patient than the open record's; it waits for an answer."""

    photo: Photo
    name: str
    data: bytes = field(repr=False)
    differences: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Result:
    """An analysis with what has to be said beside it, fixed on the day it was made."""

    analysis: Analysis
    made_at: datetime.datetime
    remarks: tuple[Remark, ...]  # a photo's name, and what is to be known about it
    refused: tuple[Refusal, ...]
    drawn: bool
    mark: str  # names its files
    card: Mapping[str, Any] = field(default_factory=dict, repr=False)  # of the model that made it
    views: dict[tuple[range, bool], dict[str, Any]] = field(default_factory=dict)  # by what is seen

    @property
    def made_on(self) -> datetime.date:
        """The day it was made where the server stands."""
        return self.made_at.astimezone().date()

    @property
    def warnings(self) -> tuple[str, ...]:
        """All that has to be said beside the result."""
        return (*self.analysis.warnings, *(f"{name}: {text}" for name, text in self.remarks))


@dataclass(frozen=True)
class Opened:
    """The lesion whose photos these are."""

    patient: Patient
    lesion: Lesion


@dataclass
class Tray:
    """The photos, what was refused, and the results computed for them so far."""

    opened: Opened | None = None
    saved: dict[str, str] = field(default_factory=dict)  # what a save said, by its result's mark
    items: list[Item] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    removed: tuple[int, Item] | None = None
    dates: dict[int, datetime.date | None] = field(default_factory=dict)  # before `date`
    seen: set[str] = field(default_factory=set)
    uploader: int = 0  # a new number empties the uploader
    numbers: int = 0
    drawn: bool = False
    wanted: bool = False
    failure: str = ""  # why there is no result of these photos
    shown: Key | None = None
    results: dict[Key, Result] = field(default_factory=dict)
    revealed: set[str] = field(default_factory=set)  # marks of refused results, shown all the same
    stated: Stated = field(default_factory=Stated)
    impression: str | None = None  # the id of what the clinician thought before the result

    def add(
        self,
        photo: Photo,
        name: str,
        taken_on: datetime.date | None,
        *,
        data: bytes = b"",
        kept: bool = False,
        vouched: bool = False,
    ) -> None:
        """Takes a photo in, or refuses it where its file is there already."""
        twin = next((i for i in self.items if i.photo.sha256 == photo.sha256), None)
        if twin:
            known = f" as {twin.name}" if twin.name != name else ""
            day = f" ({long_date(twin.taken_on)})" if twin.taken_on else ""
            where = "on this lesion" if twin.kept else "among the photos"
            self.refuse(name, f"Already {where}{known}{day}.", missing=0)
            return
        self._forget(name)
        self.numbers += 1
        self.items.append(Item(self.numbers, photo, name, taken_on, data, kept, vouched))

    def refuse(self, name: str, reason: str, *, missing: int = 1) -> None:
        """Notes files that are not taken, in place of an earlier attempt of that name."""
        self._forget(name)
        self.refused.append(Refusal(name, reason, missing, self.uploader))

    def _forget(self, name: str) -> None:
        self.refused = [r for r in self.refused if r.name != name or r.batch == self.uploader]

    def answer(self, doubt: Doubt, *, take: bool) -> None:
        """Takes a doubtful photo in, because the person says whose it is, or leaves it out."""
        self.doubts = [one for one in self.doubts if one is not doubt]
        if take:
            photo = doubt.photo
            self.add(photo, doubt.name, photo.taken_on, data=doubt.data, vouched=True)

    def leave_out(self) -> None:
        """Forgets what was refused: it is not to be part of this lesion's photos."""
        self.refused = []

    def replace(self, *, drawn: bool) -> None:
        """Empties the tray of one kind of picture for the other: drawn and real never mix."""
        fresh = Tray(uploader=self.uploader, numbers=self.numbers, drawn=drawn, seen=self.seen)
        self.__dict__.update(fresh.__dict__)

    def remove(self, number: int) -> None:
        """Takes a photo out; `undo` puts it back where it was."""
        place = next(n for n, item in enumerate(self.items) if item.number == number)
        self.removed = place, self.items.pop(place)

    def set_aside(self, files: Collection[str], aside: bool = True) -> None:
        """Leaves the photos of these SHA-256s out of the next result, or takes them in again."""
        for item in self.items:
            if item.photo.sha256 in files:
                item.set_aside = aside

    def undo(self) -> None:
        """Puts the photo removed last back."""
        if self.removed:
            place, item = self.removed
            self.items.insert(place, item)
            self.removed = None

    def move(self, number: int, place: int) -> None:
        """Moves a photo to a place in the series, counted from one; the others close up."""
        item = next(item for item in self.items if item.number == number)
        self.items.remove(item)
        self.items.insert(place - 1, item)

    def date(self, taken_on: datetime.date | None) -> None:
        """Gives every new photo the same date; `undo_date` gives each its own back."""
        self.dates = {item.number: item.taken_on for item in self.new}
        for item in self.new:
            item.taken_on = taken_on
            item.edition += 1

    def undo_date(self) -> None:
        """Puts back the dates that `date` replaced."""
        for item in self.items:
            if item.number in self.dates:
                item.taken_on = self.dates[item.number]
                item.edition += 1
        self.dates = {}

    @property
    def ordered(self) -> list[Item]:
        """The photos as a result numbers them: by date, or as they were put where none has one."""
        latest = datetime.date.max  # the undated beside dated ones take no part, and come last
        return sorted(self.items, key=lambda item: item.taken_on or latest)

    @property
    def new(self) -> list[Item]:
        """The photos that are on no lesion yet."""
        return [item for item in self.items if not item.kept]

    @property
    def size(self) -> int:
        """Bytes of files that wait for being saved."""
        return sum(len(one.data) for one in (*self.items, *self.doubts))

    @property
    def undated(self) -> bool:
        """Whether no photo has a date, so that their order is the one in time."""
        return all(item.taken_on is None for item in self.items)

    @property
    def missing(self) -> int:
        """How many photos were given but are not part of any result."""
        return sum(refusal.missing for refusal in self.refused)

    def series(self) -> list[SeriesPhoto]:
        """The photos as the analysis takes them."""
        return [
            SeriesPhoto(
                item.photo.picture, item.photo.sha256, item.name, item.taken_on, item.set_aside
            )
            for item in self.ordered
        ]

    def key(self, model: Model, mix: CaseMix | None = None) -> Key:
        """What a result depends on: the model, the case mix, the photos, their order and dates.

        The missing are part of it, because a result says how many of the photos it is from.
        """
        photos = tuple(
            (one.photo.sha256, one.name, one.taken_on, one.set_aside) for one in self.ordered
        )
        return model.sha256, model.version, mix, photos, self.missing

    def keep(
        self, key: Key, analysis: Analysis, *, card: Mapping[str, Any] = MappingProxyType({})
    ) -> Result:
        """Keeps a result with its model's card and shows it, forgetting the oldest."""
        remarks = tuple((item.name, text) for item in self.items for text in item.photo.warnings)
        refused = tuple(refusal for refusal in self.refused if refusal.missing)
        mark = hashlib.sha256(repr(key).encode()).hexdigest()[:8]
        now = datetime.datetime.now(datetime.UTC)
        self.results[key] = Result(analysis, now, remarks, refused, self.drawn, mark, card)
        self.shown = key
        while len(self.results) > KEPT_RESULTS:
            del self.results[next(k for k in self.results if k != key)]
        return self.results[key]


def current() -> Tray:
    """This session's tray."""
    tray: Tray = st.session_state.setdefault("tray", Tray())
    return tray


def clear() -> None:
    """Starts with an empty tray, and an empty uploader; no lesion is open."""
    st.query_params.pop("lesion", None)
    put(Tray(uploader=current().uploader + 1))


def put(tray: Tray) -> None:
    """Makes a tray this session's."""
    st.session_state["tray"] = tray

"""Which two visits of a lesion are compared: the latest and the one before, or others chosen."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from pages.components.frame.words import MONTH, interval
from records.clinic import comparability
from records.clinic.photos import Photo
from records.clinic.series import LesionPage, VisitPhotos
from records.clinic.visits import Visit
from skinmodel.export import long_date

BEFORE, FIRST, ANOTHER = "The visit before", "The first visit", "Another visit"
SHORT_TERM = 2.5, 4.5  # months between two visits of short-term monitoring (Menzies et al. 2001)
WIDTH = 190  # pixels of a choice of visits
DAYS, YEARS = 7, 5  # up to so few days and from so many years on an interval is warned of
SOON = "Within a week a lesion hardly changes: differences are mostly those of the photos."
LATE = "After so long the skin around the lesion has changed, too."
SHORT_TERM_NOTE = "Short-term monitoring interval; not for raised or nodular lesions."


@dataclass(frozen=True)
class Shot:
    """A photo that takes part in a comparison, with its visit."""

    visit: Visit
    photo: Photo

    @property
    def day(self) -> datetime.date | None:
        """The day of its visit."""
        return self.visit.fields.day

    @property
    def label(self) -> str:
        """Its day in words."""
        return long_date(self.day) or "Day not known"


@dataclass(frozen=True)
class Pair:
    """The earlier and the later photo; `steps` says in which directions there are other visits."""

    before: Shot
    after: Shot
    steps: tuple[int, ...]

    @property
    def interval(self) -> str:
        """How long lies between them, and what that means for the comparison, if anything."""
        if self.before.day is None or self.after.day is None:
            return "Interval not known"
        text = f"{interval(self.before.day, self.after.day)} apart"
        note = _note(self.before.day, self.after.day)
        return f"{text}. {note}" if note else text

    @property
    def like_optics(self) -> bool:
        """Whether both were taken at one magnification, as far as that is known."""
        return not comparability.magnified(self.before.visit.fields, self.after.visit.fields)


def short_term(before: datetime.date | None, after: datetime.date | None) -> bool:
    """Whether two days lie as far apart as short-term monitoring asks for."""
    if before is None or after is None:
        return False
    return SHORT_TERM[0] <= (after - before).days / MONTH <= SHORT_TERM[1]


def _note(before: datetime.date, after: datetime.date) -> str:
    if short_term(before, after):
        return SHORT_TERM_NOTE
    days = (after - before).days
    return SOON if days <= DAYS else LATE if days >= 365 * YEARS else ""


def usable(page: LesionPage) -> list[VisitPhotos]:
    """Visits with a photo to show, in time order, those without a day last."""
    return [one for one in page.visits if any(not photo.fault for photo in one.photos)]


def choose(lesion_id: str, visits: Sequence[VisitPhotos]) -> Pair:
    """The pair that is looked at, with the widgets to choose another; two visits at least."""
    key = f"compare-{lesion_id}"
    ids = [one.visit.id for one in visits]
    # Whoever comes back to the page, and whoever has added a visit, sees the latest again.
    if st.session_state.get(key) not in ids[1:] or f"{key}-with" not in st.session_state:
        dated = [one.visit.id for one in visits if one.visit.fields.day]
        st.session_state[key] = (dated if len(dated) > 1 else ids)[-1]
    earlier, later = 0, 1
    if len(visits) > 2:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            earlier, later = _two(key, visits, ids)
    place = ids.index(st.session_state[key])
    steps = tuple(by for by in (-1, 1) if len(visits) > 2 and 0 < place + by < len(visits))
    return Pair(shot(visits[earlier]), shot(visits[later]), steps)


def step(lesion_id: str, visits: Sequence[VisitPhotos], by: int) -> None:
    """Chooses the visit before or after the one that is looked at."""
    key = f"compare-{lesion_id}"
    ids = [one.visit.id for one in visits]
    place = ids.index(st.session_state[key]) + by
    if 0 < place < len(ids):
        st.session_state[key] = ids[place]
        st.session_state[f"{key}-steps"] = st.session_state.get(f"{key}-steps", 0) + 1


def _two(key: str, visits: Sequence[VisitPhotos], ids: list[str]) -> tuple[int, int]:
    """Widgets for the later visit and for what it is compared with, as places in time order."""

    def name(visit_id: str) -> str:
        return _label(visits, ids.index(visit_id))

    # Its place is told by `index`, not by its state: that is lost where the browser asks for the
    # next run before it has seen the widget. After a step it is another widget, and begins there.
    pick = f"{key}-pick-{st.session_state.get(f'{key}-steps', 0)}"
    st.selectbox(
        "Visit",
        ids[1:],
        ids.index(st.session_state[key]) - 1,
        format_func=name,
        key=pick,
        on_change=lambda: st.session_state.update({key: st.session_state[pick]}),
        width=WIDTH,
    )
    later = ids.index(st.session_state[key])
    against = st.segmented_control(
        "Compared with", (BEFORE, FIRST, ANOTHER), default=BEFORE, required=True, key=f"{key}-with"
    )
    if against == ANOTHER:
        others = [visit_id for place, visit_id in enumerate(ids) if place != later]
        chosen = st.selectbox(
            "Other visit", others, format_func=name, key=f"{key}-other", width=WIDTH
        )
        other = ids.index(chosen)
        return min(other, later), max(other, later)
    return (0 if against == FIRST else later - 1), later


def _label(visits: Sequence[VisitPhotos], place: int) -> str:
    day = visits[place].visit.fields.day
    if day is None:
        return f"Day not known ({place + 1})"
    same = sum(one.visit.fields.day == day for one in visits[:place])
    return long_date(day) + (f" ({same + 1})" if same else "")


def shot(visit: VisitPhotos) -> Shot:
    """The visit's photo; where there are several, the one that is chosen, at first its first."""
    photos = [photo for photo in visit.photos if not photo.fault]
    if len(photos) == 1:
        return Shot(visit.visit, photos[0])
    numbers = range(len(photos))
    place = st.segmented_control(
        f"Photo of {long_date(visit.visit.fields.day) or 'the visit'}",
        numbers,
        default=0,
        required=True,
        format_func=lambda at: str(at + 1),
        key=f"compare-photo-{visit.visit.id}",
    )
    return Shot(visit.visit, photos[min(place, len(photos) - 1)])

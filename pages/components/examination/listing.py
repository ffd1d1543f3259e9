"""The photos taken in: each with its date and its place in the series, and a way to remove it."""

import datetime

import streamlit as st

from pages.components.examination.tray import Item, Tray
from pages.components.frame import paging
from pages.components.frame.words import count, markdown
from skinmodel.export import long_date

PER_PAGE = 12
EARLIEST = datetime.date(1900, 1, 1)


def photos(tray: Tray, *, action: str) -> None:
    """The photos with their dates, which can be changed; each can be removed, and put back.

    `action` is what the button to analyse them says; without it there is none.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        if action and tray.items:
            analyse(tray, action, key="analyse")
        else:
            st.markdown(f"**{count(len(tray.items), 'photo')}**", width="content")
        if tray.new:
            label = "All new taken today" if tray.opened else "All taken today"
            st.button(label, on_click=tray.date, args=(datetime.date.today(),))
        if tray.items and tray.dates:
            st.button("Put the dates back", on_click=tray.undo_date, key="undo-date")
        if tray.removed:
            st.button(f"Put back {markdown(tray.removed[1].name)}", on_click=tray.undo, key="undo")
    seen = paging.turned("Photos", len(tray.items), each=PER_PAGE, key="photos-page")
    with st.container(horizontal=True, gap="small"):
        for place, item in enumerate(tray.ordered[seen], start=seen.start + 1):
            _one(tray, item, place)
    undated = sum(item.taken_on is None for item in tray.items)
    if undated and len(tray.items) > 1:
        st.caption(
            "Without dates, the photos are compared in this order, each as a visit of its own."
            if undated == len(tray.items)
            else f"{count(undated, 'photo')} without a date: not part of a comparison by date."
        )


def analyse(tray: Tray, label: str, *, key: str) -> None:
    """The one primary action."""
    st.button(label, type="primary", key=key, on_click=setattr, args=(tray, "wanted", True))


def _one(tray: Tray, item: Item, place: int) -> None:
    # Every control names its photo: a screen reader lists them without what stands around them.
    photo = f"photo {place}"
    with st.container(width=164, gap="xsmall"):
        thumbnail = item.photo.picture.copy()
        thumbnail.thumbnail((328, 328))
        st.image(thumbnail, width="stretch", output_format="JPEG", alt=f"Photo {item.name}")
        st.caption(markdown(item.name))
        for warning in item.photo.warnings:
            st.caption(f":material/warning: {markdown(warning)}")
        if item.set_aside:
            st.caption("Left out of the result")
            st.button(
                f"Take {photo} in again",
                key=f"take-in-{item.number}",
                on_click=tray.set_aside,
                args=({item.photo.sha256}, False),
                type="tertiary",
                icon=":material/undo:",
            )
        if item.kept:
            st.caption(f"{long_date(item.taken_on) or 'Day not known'}, on the lesion")
            return
        _date(item, photo)
        if tray.undated and len(tray.items) > 1:
            _place(tray, item, place)
        st.button(
            f"Remove {photo}",
            key=f"remove-{item.number}",
            on_click=tray.remove,
            args=(item.number,),
            type="tertiary",
            icon=":material/delete:",
        )


def _date(item: Item, photo: str) -> None:
    today = datetime.date.today()
    known = item.taken_on if item.taken_on and item.taken_on <= today else None
    edition = item.edition
    key = f"date-{item.number}-{edition}"

    def take() -> None:
        # A click before the browser has caught up tells the old field's value once more.
        if item.edition == edition:
            item.taken_on = st.session_state[key]

    st.date_input(
        f"{photo.capitalize()}, {long_date(known) or 'no date'}",
        known,
        min_value=EARLIEST,
        max_value=today,
        format="YYYY-MM-DD",
        key=key,
        on_change=take,
    )


def _place(tray: Tray, item: Item, place: int) -> None:
    # A key for each place, so that a photo moved by another one's control shows where it is now.
    before = tuple(tray.ordered)
    key = f"place-{item.number}-{place}-of-{len(before)}"

    def move() -> None:
        if tuple(tray.ordered) == before:  # as above
            tray.move(item.number, st.session_state[key])

    st.selectbox(
        f"Place of photo {place} in time",
        range(1, len(tray.items) + 1),
        index=place - 1,
        format_func=lambda at: f"{at} of {len(tray.items)}",
        key=key,
        on_change=move,
    )

"""Taking photos in: the uploader, what became of each file, and the list with dates."""

import datetime

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pages.components import oversize
from pages.components.tray import Item, Tray
from pages.components.words import count, markdown, span
from skinmodel.decoder import Decoder
from skinmodel.export import long_date
from skinmodel.filenames import display_name
from skinmodel.images import InvalidImage

PER_PAGE = 12
ICON = ":material/warning:"
LISTED = 5  # refusals shown in full; more become a table
TABLE_HEIGHT = 480  # pixels; a longer table scrolls
EARLIEST = datetime.date(1900, 1, 1)
KEPT = (
    "Photos stay in this session's memory. Nothing is stored;"
    " closing or reloading the page forgets them."
)


def receive(tray: Tray, decoder: Decoder, *, label: str, limit: int, max_bytes: int) -> None:
    """The uploader; reads new files one by one, showing how far it is, and can be cancelled."""
    for name in oversize.names(max_bytes):
        reason = f"This file is larger than {max_bytes >> 20} MB."
        tray.refuse(display_name(name), reason)
    files = st.file_uploader(
        label,
        accept_multiple_files=True,
        key=f"photos-{tray.uploader}",
    )
    st.caption(KEPT)
    new = [file for file in files if file.file_id not in tray.seen]
    if not files:
        return
    if new:
        if tray.drawn:
            tray.replace(drawn=False)
        with st.container(horizontal=True, vertical_alignment="center"):
            progress = st.progress(0.0)
            st.button("Cancel", on_click=_empty, args=(tray,), key="cancel-reading")
        for place, file in enumerate(new):
            progress.progress(place / len(new), f"Reading file {place + 1} of {len(new)}")
            if len(tray.items) >= limit:
                _refuse_rest(tray, len(new) - place, limit)
                break
            _take(tray, file, decoder)
    _empty(tray)
    tray.wanted = len(tray.items) == 1  # nothing else to ask: one photo needs no date
    st.rerun()


def _take(tray: Tray, file: UploadedFile, decoder: Decoder) -> None:
    name = display_name(file.name)
    try:
        photo = decoder.read(file.getvalue())
        tray.add(photo, name, photo.taken_on)
    except InvalidImage as refusal:
        tray.refuse(name, str(refusal))
    tray.seen.add(file.file_id)


def _refuse_rest(tray: Tray, rest: int, limit: int) -> None:
    reason = f"The limit is {limit} photos of one lesion."
    tray.refuse(count(rest, "further file"), reason, missing=rest)


def _empty(tray: Tray) -> None:
    tray.uploader += 1
    tray.seen.clear()


def analyse(tray: Tray, label: str, *, key: str) -> None:
    """The one primary action."""
    st.button(label, type="primary", key=key, on_click=setattr, args=(tray, "wanted", True))


def refusals(tray: Tray) -> None:
    """Which files were not taken, and why."""
    if not tray.refused:
        return
    total = sum(max(1, refusal.missing) for refusal in tray.refused)
    title = f"**Not taken: {count(total, 'file')}.**"
    if len(tray.refused) <= LISTED:
        lines = (f"{markdown(r.name)}: {markdown(r.reason)}" for r in tray.refused)
        st.warning("  \n".join([title, *lines]), icon=ICON)
    else:
        st.warning(title, icon=ICON)
        files = [(refusal.name, refusal.reason) for refusal in tray.refused]
        files += [(item.name, "Taken") for item in tray.items]
        high = TABLE_HEIGHT if len(files) > PER_PAGE else "content"
        with st.container(height=high):
            st.table(  # not a data frame, which cuts long sentences off
                {
                    "File": [markdown(name) for name, _ in files],
                    "What became of it": [markdown(what) for _, what in files],
                },
                hide_index=True,
            )
    st.button("Leave these out", on_click=tray.leave_out, key="leave-out")


def listing(tray: Tray, *, action: str) -> None:
    """The photos with their dates, which can be changed; each can be removed, and put back.

    `action` is what the button to analyse them says; without it there is none.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        if action and tray.items:
            analyse(tray, action, key="analyse")
        else:
            st.markdown(f"**{count(len(tray.items), 'photo')}**", width="content")
        if tray.items:
            st.button("All taken today", on_click=tray.date, args=(datetime.date.today(),))
        if tray.items and tray.dates:
            st.button("Put the dates back", on_click=tray.undo_date, key="undo-date")
        if tray.removed:
            st.button(f"Put back {markdown(tray.removed[1].name)}", on_click=tray.undo, key="undo")
    pages = range(0, len(tray.items), PER_PAGE)
    start = 0
    if len(pages) > 1:
        start = st.segmented_control(
            "Photos shown",
            pages,
            default=0,
            required=True,
            format_func=lambda at: span(at, PER_PAGE, len(tray.items)),
            key=f"page-of-{len(pages)}",
        )
    with st.container(horizontal=True, gap="small"):
        for item in tray.items[start : start + PER_PAGE]:
            _one(tray, item)
    undated = sum(item.taken_on is None for item in tray.items)
    if undated and len(tray.items) > 1:
        st.caption(
            "Without dates, the photos are compared in this order, each as a visit of its own."
            if undated == len(tray.items)
            else f"{count(undated, 'photo')} without a date: not part of a comparison by date."
        )


def _one(tray: Tray, item: Item) -> None:
    with st.container(width=164, gap="xsmall"):
        thumbnail = item.photo.picture.copy()
        thumbnail.thumbnail((328, 328))
        st.image(thumbnail, width="stretch", output_format="JPEG", alt=f"Photo {item.name}")
        today = datetime.date.today()
        known = item.taken_on if item.taken_on and item.taken_on <= today else None
        key = f"date-{item.number}-{item.edition}"
        st.date_input(
            f"Taken on {long_date(known)}" if known else "Date not known",
            known,
            min_value=EARLIEST,
            max_value=today,
            format="YYYY-MM-DD",
            key=key,
            on_change=_date,
            args=(item, key),
        )
        st.caption(markdown(item.name))
        for warning in item.photo.warnings:
            st.caption(f":material/warning: {markdown(warning)}")
        st.button(
            "Remove",
            key=f"remove-{item.number}",
            on_click=tray.remove,
            args=(item.number,),
            type="tertiary",
            icon=":material/delete:",
        )


def _date(item: Item, key: str) -> None:
    item.taken_on = st.session_state[key]

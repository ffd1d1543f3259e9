"""Taking photos in: the uploader, and what became of each file."""

from collections.abc import Sequence

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pages.components import oversize, serving
from pages.components.tray import Tray
from pages.components.words import count, markdown
from skinmodel.decoder import Decoder
from skinmodel.filenames import display_name
from skinmodel.images import InvalidImage

ICON = ":material/warning:"
LISTED = 5  # refusals shown in full; more become a table
ROWS = 12  # of a table; a longer one scrolls
TABLE_HEIGHT = 480  # pixels
KEPT = (
    "Photos stay in this session's memory. Nothing is stored until you save it to a lesion;"
    " closing or reloading the page forgets the rest."
)


def receive(
    tray: Tray, decoder: Decoder, *, label: str, limit: int, max_bytes: int, most: int
) -> None:
    """The uploader; reads new files one by one, showing how far it is, and can be cancelled.

    `limit` counts photos; no file is larger than `max_bytes`, and all new ones than `most`.
    """
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
            st.button("Cancel", on_click=_empty, args=(tray, files), key="cancel-reading")
        for place, file in enumerate(new):
            progress.progress(place / len(new), f"Reading file {place + 1} of {len(new)}")
            if len(tray.items) >= limit:
                _refuse_rest(tray, len(new) - place, f"The limit is {limit} photos of one lesion.")
                break
            if tray.size + file.size > most:
                _refuse_rest(tray, len(new) - place, f"The limit is {most >> 20} MB together.")
                break
            _take(tray, file, decoder)
    _empty(tray, files)
    tray.wanted = len(tray.items) == len(tray.new) == 1  # nothing else to ask: no date is needed
    st.rerun()


def _take(tray: Tray, file: UploadedFile, decoder: Decoder) -> None:
    name = display_name(file.name)
    try:
        data = file.getvalue()
        photo = decoder.read(data, name=name)
        tray.add(photo, name, photo.taken_on, data=data)
    except InvalidImage as refusal:
        tray.refuse(name, str(refusal))
    tray.seen.add(file.file_id)


def _refuse_rest(tray: Tray, rest: int, reason: str) -> None:
    tray.refuse(count(rest, "further file"), reason, missing=rest)


def _empty(tray: Tray, files: Sequence[UploadedFile]) -> None:
    serving.release(files)
    tray.uploader += 1
    tray.seen.clear()


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
        high = TABLE_HEIGHT if len(files) > ROWS else "content"
        with st.container(height=high):
            st.table(  # not a data frame, which cuts long sentences off
                {
                    "File": [markdown(name) for name, _ in files],
                    "What became of it": [markdown(what) for _, what in files],
                },
                hide_index=True,
            )
    st.button("Leave these out", on_click=tray.leave_out, key="leave-out")

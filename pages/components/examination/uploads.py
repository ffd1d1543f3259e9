"""Taking photos in: the uploader, and what became of each file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pages.components.examination.tray import Doubt, Tray
from pages.components.frame import oversize, serving
from pages.components.frame.words import count, markdown
from records.clinic.claims import Claim, compare
from records.clinic.patients import Patient
from skinmodel.images import InvalidImage, Photo
from skinmodel.reading.archives import InvalidArchive, is_archive, open_archive, unpack
from skinmodel.reading.decoder import Decoder
from skinmodel.reading.filenames import display_name

ICON = ":material/warning:"
LISTED = 5  # refusals shown in full; more become a table
ROWS = 12  # of a table; a longer one scrolls
TABLE_HEIGHT = 480  # pixels
KEPT = (
    "Photos stay in this session's memory. Nothing is stored until you save it to a lesion;"
    " closing or reloading the page forgets the rest."
)
ANOTHER = (
    "This DICOM file names another patient than those already here."
    " The photos of one examination are of one lesion."
)
WHOSE = "Is the right record open? The photo is left out unless you say so."


@dataclass(frozen=True)
class Incoming:
    """A file that was given, by itself or in a ZIP; `mark` tells it from all others."""

    mark: str
    name: str
    size: int
    read: Callable[[], bytes]


def receive(
    tray: Tray,
    decoder: Decoder,
    *,
    label: str,
    limit: int,
    max_bytes: int,
    max_archive: int,
    most: int,
    of_one_lesion: bool = True,
) -> None:
    """The uploaders; reads new files one by one, showing how far it is, and can be cancelled.

    `limit` counts photos; no photo is larger than `max_bytes`, no ZIP than `max_archive`, and all
    new photos together than `most`. Photos `of_one_lesion` may not name different patients.
    """
    lost = oversize.lost(photo=max_bytes, archive=max_archive)
    for one in lost:
        tray.refuse(display_name(one.name), one.reason)
    files = st.file_uploader(
        label,
        accept_multiple_files=True,
        key=f"photos-{tray.uploader}",
        max_upload_size=max_bytes >> 20,
    )
    st.caption(KEPT)
    with st.expander("Photos in a ZIP file"):
        files += st.file_uploader(
            f"ZIP files of photos{' of this lesion' * of_one_lesion}",
            type="zip",
            accept_multiple_files=True,
            key=f"archive-{tray.uploader}",
            max_upload_size=max_archive >> 20,
        )
    if not files:
        if any(one.over for one in lost):  # the uploader would go on showing a bare number
            tray.uploader += 1
            st.rerun()
        return
    new = [one for one in _incoming(tray, files, max_bytes) if one.mark not in tray.seen]
    if new:
        if tray.drawn:
            tray.replace(drawn=False)
        with st.container(horizontal=True, vertical_alignment="center"):
            progress = st.progress(0.0)
            st.button("Cancel", on_click=_empty, args=(tray, files), key="cancel-reading")
        for place, file in enumerate(new):
            progress.progress(place / len(new), f"Reading file {place + 1} of {len(new)}")
            if len(tray.items) >= limit:
                what = "of one lesion" if of_one_lesion else "at a time"
                _refuse_rest(tray, len(new) - place, f"The limit is {limit} photos {what}.")
                break
            if tray.size + file.size > most:
                _refuse_rest(tray, len(new) - place, f"The limit is {most >> 20} MB together.")
                break
            _take(tray, file, decoder, of_one_lesion)
    _empty(tray, files)
    tray.wanted = (
        of_one_lesion and len(tray.items) == len(tray.new) == 1
    )  # nothing else to ask: no date is needed
    st.rerun()


def _incoming(tray: Tray, files: Sequence[UploadedFile], most: int) -> Iterator[Incoming]:
    """The files given, those in a ZIP each by itself; a ZIP that is unsafe is refused whole."""
    for file in files:
        data, name = file.getvalue(), display_name(file.name)
        if not is_archive(data):
            yield Incoming(file.file_id, name, file.size, file.getvalue)
            continue
        try:
            for place, member in enumerate(open_archive(data)):
                read = partial(unpack, data, member, most=most)
                mark, inner = f"{file.file_id}/{place}", display_name(member.name)
                yield Incoming(mark, inner, min(member.size, most), read)
        except InvalidArchive as refusal:
            tray.refuse(name, str(refusal))


def _take(tray: Tray, file: Incoming, decoder: Decoder, of_one_lesion: bool) -> None:
    try:
        data = file.read()
        photo = decoder.read(data, name=file.name)
        if of_one_lesion:
            _refuse_another(tray, photo)
        if tray.opened and (differences := contradictions(photo, tray.opened.patient)):
            tray.doubts.append(Doubt(photo, file.name, data, differences))
        else:
            tray.add(photo, file.name, photo.taken_on, data=data)
    except InvalidImage as refusal:
        tray.refuse(file.name, str(refusal))
    tray.seen.add(file.mark)


def _refuse_another(tray: Tray, photo: Photo) -> None:
    """InvalidImage where no record is open and the photos there are another patient's."""
    if tray.opened or not photo.dicom:
        return
    known = {item.photo.dicom.patient_id for item in tray.items if item.photo.dicom}
    if photo.dicom.patient_id and known - {photo.dicom.patient_id, ""}:
        raise InvalidImage(ANOTHER)


def contradictions(photo: Photo, patient: Patient) -> tuple[str, ...]:
    """What a file says of its patient that is not so of this one, a sentence each."""
    facts = photo.dicom
    if not facts:
        return ()
    claim = Claim(facts.patient_id, facts.patient_name, facts.born_on, facts.sex)
    return compare(claim, patient.fields).differences


def _refuse_rest(tray: Tray, rest: int, reason: str) -> None:
    tray.refuse(count(rest, "further file"), reason, missing=rest)


def _empty(tray: Tray, files: Sequence[UploadedFile]) -> None:
    serving.release(files)
    tray.uploader += 1
    tray.seen.clear()


def questions(tray: Tray) -> None:
    """Asks about each file that names another patient; leaving it out is the first choice."""
    for place, doubt in enumerate(tray.doubts):
        with st.container(border=True):
            st.warning(
                markdown(f"{doubt.name}: {' '.join((*doubt.differences, WHOSE))}"), icon=ICON
            )
            with st.container(horizontal=True):
                st.button(
                    "Leave it out",
                    type="primary",
                    key=f"doubt-no-{place}-{doubt.photo.sha256}",
                    on_click=tray.answer,
                    args=(doubt,),
                    kwargs={"take": False},
                )
                st.button(
                    "It is of the patient whose record is open",
                    key=f"doubt-yes-{place}-{doubt.photo.sha256}",
                    on_click=tray.answer,
                    args=(doubt,),
                    kwargs={"take": True},
                )


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

"""The only visit of a lesion: its photo with its outline, and its size where a scale is known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import streamlit as st
from PIL import Image, ImageDraw

from pages.components.comparison import changelist, comparing, outlining, scaling
from pages.components.comparison.pairs import Shot
from pages.components.frame import aside, guard, thumbnails
from pages.components.frame.aside import Task
from pages.components.frame.words import markdown
from records.access.actors import CLINICIAN
from skinmodel.comparison import Examined, repeatability_of
from skinmodel.export import DISCLAIMER
from skinmodel.measures import contour
from skinmodel.outline import BY_HAND
from skinmodel.outline_bundle import OutlineModel
from skinmodel.sizes import Size, sizes

KEPT = "alone"  # the photo that is shown, and the work on it
NEXT = "A comparison needs photos of at least 2 dates."
NO_SCALE = (
    "Size not known: no scale is known of this photo. Mark two ticks of a ruler in it, or enter the"
    " field of view at the visit."
)


@dataclass(frozen=True)
class Seen:
    """A photo as it is shown, without and with its outline, and what was measured."""

    photo: bytes = field(repr=False)
    outlined: bytes = field(repr=False)
    examined: Examined = field(repr=False)
    sizes: Mapping[str, Size]

    @property
    def by(self) -> str:
        """Whose outline was measured."""
        version = self.examined.outline.version
        return "Outline drawn by hand." if version == BY_HAND else f"Outline model {version}."


def show(model: OutlineModel, shot: Shot) -> None:
    """The photo and its size; to be called in a fragment, since it asks again while it is read."""
    left, right = st.columns([3, 2], gap="large")
    key = repr((shot, model.sha256))
    of, task = st.session_state.get(KEPT, ("", None))
    if task is None or of != key:
        reader = comparing.reader(guard.require(CLINICIAN).actor)
        task = Task(lambda report: see(reader, model, shot, report), "Reading the photo")
        st.session_state[KEPT] = key, task
    found: Seen | str | None = task.answer
    with right:
        st.markdown(f"**{markdown(shot.label)}**")
        if isinstance(found, Seen):
            _measured(found)
        elif found:
            st.warning(markdown(found))
        drawn = st.toggle("Outline", key="alone-outline", disabled=not isinstance(found, Seen))
        st.caption(f"{NEXT} {DISCLAIMER}.")
    with left:
        if isinstance(found, Seen):
            alt = f"Photo of {shot.label}{', with its outline' if drawn else ''}"
            st.image(found.outlined if drawn else found.photo, width="stretch", alt=alt)
        elif found is None:
            aside.watch(task)
    if isinstance(found, Seen):
        with st.container(horizontal=True, gap="small"):
            outlining.offer(shot)
            scaling.offer(shot)


def _measured(found: Seen) -> None:
    """The size, or why there is none."""
    examined = found.examined
    if examined.doubt:
        st.warning(markdown(examined.doubt))
    if examined.refusal:
        st.warning(markdown(examined.refusal))
    elif found.sizes:
        st.write(f"{changelist.size(found.sizes)}.")
        st.caption(markdown(changelist.scales([""], [examined])))
    else:
        st.write(NO_SCALE if examined.scale is None else "The errors of sizes were not measured.")
    st.caption(markdown(found.by))


def see(
    reader: comparing.Reader,
    model: OutlineModel,
    shot: Shot,
    report: Callable[[float, str], None],
) -> Seen:
    """A photo read, outlined and measured. RecordError or InvalidImage where it cannot be read."""
    report(0.2, "Reading and outlining the photo")
    read = reader.read(shot.photo)
    examined = comparing.examined(reader, model, shot, read)
    with_line = outlined(read.picture, contour(examined.outline).tolist())
    return Seen(
        thumbnails.encoded(read.picture),
        thumbnails.encoded(with_line),
        examined,
        sizes(examined, repeatability_of(model)),
    )


def outlined(picture: Image.Image, border: list[list[float]], scale: float = 1.0) -> Image.Image:
    """A photo, enlarged by `scale`, with a line light on dark along its outline."""
    drawn = picture.resize((round(picture.width * scale), round(picture.height * scale)))
    points = [(x * scale, y * scale) for x, y in border]
    if points:
        for colour, width in (("black", 7), ("white", 3)):
            ImageDraw.Draw(drawn).line([*points, points[0]], colour, width, "curve")
    return drawn

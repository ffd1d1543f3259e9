"""Small pictures of photos that are kept, each decoded once for all sessions."""

import io

import streamlit as st
from PIL import Image

from pages.components.frame import serving
from records.access.actors import Actor
from records.clinic import photos
from records.errors import RecordError
from skinmodel.images import InvalidImage

SIDE = 400  # pixels of the longer side; shown at half of that, for fine screens


def show(actor: Actor, photo_id: str | None, *, alt: str, width: int = 200) -> None:
    """A photo's thumbnail, or a sentence where there is none to show."""
    if photo_id is None:
        st.caption("No photo yet")
        return
    try:
        small = _small(photo_id, actor)
    except (RecordError, InvalidImage) as error:
        st.caption(f":material/warning: {error}")
    else:
        # Told the format, Streamlit opens the picture once less.
        st.image(small, width=width, alt=alt, output_format="JPEG")


# A photo's file never changes; who may see it is asked where its id comes from. What is erased is
# out of memory, too, within the hour.
@st.cache_data(show_spinner=False, max_entries=2000, ttl=3600)
def _small(photo_id: str, _actor: Actor) -> bytes:
    original = photos.read(serving.database(), serving.store(), actor=_actor, photo_id=photo_id)
    picture = serving.decoder().read(original).picture
    picture.thumbnail((SIDE, SIDE))
    return encoded(picture)


def encoded(picture: Image.Image) -> bytes:
    """A picture as JPEG, to be shown."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=88)
    return file.getvalue()

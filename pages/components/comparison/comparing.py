"""Two photos of a lesion read, outlined, aligned and measured, away from the page's own thread."""

import base64
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from pages.components.comparison.pairs import Pair, Shot
from pages.components.examination import viewer
from pages.components.frame import serving
from records.access.actors import Actor
from records.clinic import assessments, photos
from records.clinic.assessments import Assessment
from records.clinic.outlines import Points
from records.clinic.photos import Photo
from records.database import Database
from records.keeping.store import Store
from skinmodel import scale
from skinmodel.changes import HANDS, Repeatability
from skinmodel.comparison import Comparison, Examined, compare_photos, examine, repeatability_of
from skinmodel.difference import difference
from skinmodel.gradcam import scale_jointly
from skinmodel.images import WORKING_SIDE
from skinmodel.images import Photo as ReadPhoto
from skinmodel.measures import contour
from skinmodel.outline import BY_HAND
from skinmodel.outline_bundle import OutlineModel
from skinmodel.reading.decoder import Decoder

SHARP = 1200  # pixels of the short side, for looking closely
HIGHEST = 25.0  # colour difference at the end of the map's scale
Plain = dict[str, Any]


@dataclass(frozen=True)
class Reader:
    """What it takes to read originals in another thread, which cannot ask for it itself."""

    database: Database
    store: Store
    decoder: Decoder
    actor: Actor

    def picture(self, photo: Photo) -> Image.Image:
        """The upright photo; RecordError or InvalidImage with a sentence."""
        return self.read(photo).picture

    def read(self, photo: Photo, *, side: int = WORKING_SIDE) -> ReadPhoto:
        """The same with what its file says; `side` is the most that the short side may have."""
        data = photos.read(self.database, self.store, actor=self.actor, photo_id=photo.id)
        return self.decoder.read(data, name=photo.name, side=side)


@dataclass(frozen=True)
class Side:
    """One photo as the browser takes it; `contour` and `heat` are on the original's pixels."""

    source: str = field(repr=False)
    size: tuple[int, int]
    contour: list[list[float]] = field(repr=False)
    heat: Plain | None = field(repr=False)
    examined: Examined


@dataclass(frozen=True)
class Compared:
    """Both photos and what changed; `difference` is a map for the browser, if they align.

    `heat_of` is the code of the diagnosis that the heat maps explain, "" where there are none;
    `known` are the errors of the outline model's measures.
    """

    sides: tuple[Side, Side]
    comparison: Comparison
    difference: Plain | None = field(repr=False)
    heat_of: str
    outline_version: str
    known: Mapping[str, Mapping[str, Repeatability]]

    @property
    def hands(self) -> str:
        """How many of the two outlines were drawn by hand, as `known` has it."""
        return ("", *HANDS)[sum(side.examined.outline.version == BY_HAND for side in self.sides)]

    @property
    def outlined(self) -> str:
        """Whose outlines were measured, in a sentence or two."""
        text = f"Outline model {self.outline_version}."
        if not self.hands:
            return text
        later = self.sides[1].examined.outline.version == BY_HAND
        both = self.hands == HANDS[1]
        which = "both photos" if both else ("the earlier photo", "the later photo")[later]
        said = f"{text} The outline of {which} was drawn by hand"
        if self.hands in self.known:
            return f"{said}."
        return f"{said}; how well such outlines repeat was not measured."


def reader(actor: Actor) -> Reader:
    """A reader for this actor's work."""
    return Reader(serving.database(), serving.store(), serving.decoder(), actor)


def compare(
    reader: Reader,
    model: OutlineModel,
    pair: Pair,
    explained: Assessment | None,
    report: Callable[[float, str], None],
) -> Compared:
    """Everything there is to see of a pair. RecordError or InvalidImage where one cannot be read.

    `explained` is the assessment whose heat maps are shown.
    """
    pictures, found = [], []
    for place, shot in enumerate((pair.before, pair.after)):
        report(0.4 * place, f"Photo {place + 1} of 2: reading and outlining")
        read = reader.read(shot.photo)
        pictures.append(read.picture)
        found.append(examined(reader, model, shot, read))
    report(0.8, "Aligning and measuring")
    known = repeatability_of(model)
    comparison = compare_photos(found[0], found[1], known, like_optics=pair.like_optics)
    map_ = None
    if comparison.registration.matrix is not None:
        both = [(one, seen.outline) for one, seen in zip(pictures, found, strict=True)]
        map_ = _plain(difference(both[0], both[1], comparison.registration) / HIGHEST)
    shots = pair.before.photo, pair.after.photo
    code, heats = _heat(reader, explained, shots) if explained else ("", (None, None))
    sides = [
        Side(
            source=viewer.address(picture),
            size=picture.size,
            contour=contour(seen.outline).round(1).tolist(),
            heat=heat,
            examined=seen,
        )
        for picture, seen, heat in zip(pictures, found, heats, strict=True)
    ]
    report(1.0, "Done")
    return Compared((sides[0], sides[1]), comparison, map_, code, model.version, known)


def sharper(reader: Reader, pair: Pair, report: Callable[[float, str], None]) -> tuple[str, str]:
    """Both photos as the browser takes them, larger than they are compared."""
    report(0.0, "Reading the photos again, larger")
    before, after = (
        viewer.address(reader.read(shot.photo, side=SHARP).picture)
        for shot in (pair.before, pair.after)
    )
    return before, after


def examined(
    reader: Reader, model: OutlineModel, shot: Shot, read: ReadPhoto | None = None
) -> Examined:
    """A photo outlined, by hand where somebody has, and measured; once per server.

    It is read unless what was read is given. Its scale is the one marked in it, else its file's,
    else that of the visit's field of view.
    """
    photo, how = shot.photo, shot.visit.fields
    found = _examined(
        photo.sha256,
        photo.outline,
        photo.size,
        model.sha256,
        model,
        lambda: read or reader.read(photo),
    )
    known = [found.scale] if found.scale else []
    if photo.marks:
        ends = rescaled(photo.marks.ends, photo.size, found.size)
        known.insert(0, scale.marked(ends, photo.marks.millimetres, found.size))
    if how.field_mm and how.field_within_mm:
        known.append(scale.field_of_view(how.field_mm, how.field_within_mm, found.size))
    used, doubt = scale.chosen(known)
    return replace(found, scale=used, doubt=doubt)


def rescaled(
    points: Iterable[Sequence[float]], size: tuple[int, int], to: tuple[int, int]
) -> Points:
    """Points of a picture in the pixels of another of the same photo, which may be reduced."""
    across, down = to[0] / size[0], to[1] / size[1]
    return tuple((x * across, y * down) for x, y in points)


# What is erased is out of memory, too, within the hour.
@st.cache_resource(show_spinner=False, max_entries=24, ttl=3600)
def _examined(
    sha256: str,
    drawn: Points,
    size: tuple[int, int],
    model_sha256: str,
    _model: OutlineModel,
    _read: Callable[[], ReadPhoto],
) -> Examined:
    read = _read()
    picture = read.picture
    points = rescaled(drawn, size, picture.size)  # large ones are read reduced
    by_file = scale.of_file(read.mm_per_pixel) if read.mm_per_pixel else None
    return examine(_model, picture, points, scale=by_file)


def _heat(
    reader: Reader, assessment: Assessment, shots: Sequence[Photo]
) -> tuple[str, tuple[Plain | None, Plain | None]]:
    """The leading diagnosis and its map of each photo, on the scale of the whole series."""
    kept = assessment.result
    leading = int(np.argmax(kept.probabilities[-1]))
    file = assessments.maps(
        reader.database, reader.store, actor=reader.actor, assessment_id=assessment.id
    )
    raw = np.load(io.BytesIO(file))[leading : leading + 1].astype(np.float32)
    maps = scale_jointly(raw)[0]  # (N, h, w)

    def of(photo: Photo) -> Plain | None:
        if photo.sha256 not in kept.photos:
            return None
        place = kept.photos.index(photo.sha256)
        return _plain(maps[place]) | {"frame": list(kept.frames[place])}

    return kept.codes[leading], (of(shots[0]), of(shots[1]))


def _plain(values: NDArray[np.float32]) -> Plain:
    """A map (h, w) of shares, NaN where unknown, as the browser takes it."""
    # Rounded up, so that a region too weak for 1/255 still counts as one.
    small = np.ceil(np.nan_to_num(values).clip(0, 1) * 255).astype(np.uint8)
    return {
        "height": small.shape[0],
        "width": small.shape[1],
        "values": base64.b64encode(small.tobytes()).decode(),
    }

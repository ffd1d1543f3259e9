"""A lesion's visits in its report: each in a line, and the photos beside their heat maps."""

import datetime
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from pages.components.comparison import filmstrip
from pages.components.examination import differential
from pages.components.frame import words
from pages.components.frame.words import count
from records.clinic.assessments import Assessment
from records.clinic.series import LesionPage, VisitPhotos
from records.reports.blocks import Block, Heading, Picture, Pictures, Table, Text
from skinmodel.analysis import Analysis
from skinmodel.export import caption, long_date, overlay

LARGE, SMALL = 1000, 520  # pixels of a picture's longer side: two or four in a row, in print


@dataclass(frozen=True)
class Material:
    """What a report is made from.

    `pictures` are upright photos by SHA-256, of the visits in `shown`; `left_out` counts visits
    whose photos are not shown. `analysis` is the newest assessment's, None where there is none.
    `faults` are sentences about photos that cannot be shown, `changes` what was compared.
    """

    page: LesionPage
    names: Mapping[str, str]
    pictures: Mapping[str, Image.Image] = field(repr=False)
    shown: tuple[VisitPhotos, ...]
    left_out: int
    faults: tuple[str, ...]
    assessment: Assessment | None
    analysis: Analysis | None
    card: Mapping[str, Any] | None
    changes: tuple[Block, ...]
    made_by: str
    made_at: datetime.datetime
    with_name: bool


def visits(material: Material) -> tuple[Block, ...]:
    """Every visit in a line, and the photos with their heat maps."""
    page, analysis = material.page, material.analysis
    if not page.visits:
        return Heading("Visits"), Text("None yet.")
    rows = [("Day", "Later by", "Photos", "Taken with", "Malignant in total", "This visit alone")]
    before: datetime.date | None = None
    for one in page.visits:
        fields = one.visit.fields
        so_far, alone = _totals(analysis, fields.day)
        rows.append(
            (
                long_date(fields.day) or "Not known",
                words.interval(before, fields.day) if before and fields.day else "",
                str(len(one.photos)),
                how(one) or "Not known",
                so_far,
                alone,
            )
        )
        before = fields.day or before
    found: list[Block] = [Heading("Visits"), Table(tuple(rows), (2.2, 2.2, 1.2, 5, 2, 2))]
    pictures = [picture for one in material.shown for picture in _of_visit(material, one)]
    if pictures:
        found.append(Pictures(tuple(pictures), columns=4))
    if material.left_out:
        found.append(Text(f"The photos of {count(material.left_out, 'visit')} are not shown."))
    return tuple(found)


def how(one: VisitPhotos) -> str:
    """How a visit's photos were taken, and what was noted."""
    fields = one.visit.fields
    return ", ".join(part for part in (*filmstrip.how(fields), fields.note) if part)


def _totals(analysis: Analysis | None, day: datetime.date | None) -> tuple[str, str]:
    """The malignant share after a visit and of it alone, dashes where it took no part."""
    if analysis and day and analysis.assessed:
        for place, visit in enumerate(analysis.visits):
            if visit.taken_on == day:
                shares = analysis.malignancy[place], analysis.malignancy_alone[place]
                return words.percent(float(shares[0])), words.percent(float(shares[1]))
    return words.DASH, words.DASH


def _of_visit(material: Material, one: VisitPhotos) -> list[Picture]:
    """Each photo of a visit beside its heat map, where it has one."""
    analysis, day = material.analysis, long_date(one.visit.fields.day) or "Day not known"
    index = {photo.sha256: n for n, photo in enumerate(analysis.photos)} if analysis else {}
    found = []
    for photo in one.photos:
        picture = material.pictures.get(photo.sha256)
        if picture is None:
            continue
        found.append(Picture(encoded(picture), day))
        if analysis and analysis.assessed and len(analysis.maps) and photo.sha256 in index:
            mapped = heat(analysis, index[photo.sha256], picture, SMALL)
            found.append(Picture(mapped.data, f"{day}, heat map"))
    return found


def heat(analysis: Analysis, index: int, picture: Image.Image, side: int) -> Picture:
    """A photo with the heat map of the leading diagnosis laid over it."""
    leading = differential.ranked(analysis, -1)[0].diagnosis.code
    output = analysis.codes.index(leading)
    if analysis.highlights(output, index):
        picture = overlay(picture, analysis.maps[output, index], analysis.frames[index])
    return Picture(encoded(picture, side), caption(analysis, output, index))


def encoded(picture: Image.Image, side: int = SMALL) -> bytes:
    """A picture as JPEG, at most this large, without anything but its pixels."""
    small = picture.convert("RGB")
    small.thumbnail((side, side))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=90)
    return file.getvalue()

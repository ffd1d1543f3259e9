"""What changed between visits, in a report: outlined photos, measures, and their own errors."""

from collections.abc import Callable

from PIL import Image

from pages.components.comparison import alone, changelist, comparing, pairs, statements
from pages.components.comparison.comparing import Compared, Reader
from pages.components.comparison.pairs import Pair, Shot
from pages.components.frame import serving
from pages.components.report import visitlog
from records.clinic.series import LesionPage, VisitPhotos
from records.errors import RecordError
from records.reports.blocks import Block, Heading, Notice, Picture, Pictures, Table, Text
from skinmodel.deadline import Overdue
from skinmodel.images import InvalidImage
from skinmodel.outline_bundle import OutlineModel
from skinmodel.weights import InvalidModel

Progress = Callable[[float, str], object]

TOO_LATE = "The comparison took too long, so nothing is measured."


def blocks(page: LesionPage, reader: Reader, progress: Progress) -> list[Block]:
    """The newest visit against the one before, and against the first; of one alone its size."""
    every = pairs.usable(page)
    visits = [one for one in every if one.visit.fields.day]
    if not every:
        return []
    try:
        model = serving.outline_model()
    except InvalidModel as error:
        return [Heading("Size and change"), Notice(str(error))]
    if len(visits) < 2:
        return _alone(_shot((visits or every)[-1]), reader, model, progress)
    wanted = [(visits[-2], visits[-1])]
    if len(visits) > 2:
        wanted.append((visits[0], visits[-1]))
    found: list[Block] = []
    for before, after in wanted:
        found += _pair(Pair(_shot(before), _shot(after), ()), reader, model, progress)
    return found


def _shot(one: VisitPhotos) -> Shot:
    return Shot(one.visit, next(photo for photo in one.photos if not photo.fault))


def _alone(shot: Shot, reader: Reader, model: OutlineModel, progress: Progress) -> list[Block]:
    """One photo's size, if its scale is known."""
    title = Heading(f"Size on {shot.label}" if shot.day else "Size")
    try:
        found = serving.places().run(
            lambda report: alone.see(reader, model, shot, report),
            seconds=serving.limits().max_analysis_seconds,
            progress=progress,
        )
    except (RecordError, InvalidImage) as error:
        return [title, Notice(str(error))]
    except Overdue:
        return [title, Notice(TOO_LATE)]
    if not found.sizes:
        return []
    picture = Picture(found.outlined, f"{shot.label}, with its outline")
    facts = [found.examined.doubt, changelist.scales([""], [found.examined]), found.by]
    return [
        title,
        Pictures((picture,), columns=2),
        Text(f"{changelist.size(found.sizes)}.", "strong"),
        Text(" ".join(fact for fact in facts if fact), "small"),
    ]


def _pair(pair: Pair, reader: Reader, model: OutlineModel, progress: Progress) -> list[Block]:
    title = Heading(f"Change from {pair.before.label} to {pair.after.label}")
    try:
        found = serving.places().run(
            lambda report: comparing.compare(reader, model, pair, None, report),
            seconds=serving.limits().max_analysis_seconds,
            progress=progress,
        )
        pictures = [
            _outlined(reader.picture(shot.photo), side.contour, shot.label)
            for shot, side in zip((pair.before, pair.after), found.sides, strict=True)
        ]
    except (RecordError, InvalidImage) as error:
        return [title, Notice(str(error))]
    except Overdue:
        return [title, Notice(TOO_LATE)]
    return [title, Pictures(tuple(pictures), columns=2), *_said(pair, found)]


def _said(pair: Pair, found: Compared) -> list[Block]:
    """The measures, or why there are none."""
    said: list[Block] = [Text(f"{pair.interval}")]
    said += [Notice(text) for text in statements.otherwise(pair, found)]
    if reasons := statements.withheld(pair, found):
        said.append(Notice(" ".join(reasons)))
    headline = changelist.headline(found.comparison.changes)
    if headline and statements.measured(pair, found):
        said.append(Text(headline, "strong"))
    if rows := statements.rows(pair, found):
        said.append(
            Table(
                (
                    ("Measure", "Change", "How far it can be told"),
                    *((row["name"], row["value"], row["error"].strip("()")) for row in rows),
                ),
                (2, 2, 4),
            )
        )
        said.append(Text(" ".join(statements.about(pair, found)), "small"))
    return said


def _outlined(picture: Image.Image, contour: list[list[float]], day: str) -> Picture:
    """A photo with the outline that its measures are of."""
    drawn = alone.outlined(picture, contour, visitlog.LARGE / max(picture.size))
    caption = f"{day}, with its outline" if contour else f"{day}, no outline found"
    return Picture(visitlog.encoded(drawn, visitlog.LARGE), caption)

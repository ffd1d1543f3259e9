"""Lays a report's blocks out: each becomes parts that reportlab puts on pages."""

import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import CondPageBreak, Flowable, Image, KeepTogether, Paragraph, Spacer
from reportlab.platypus import Table as Grid

from records.reports import typeface
from records.reports.blocks import (
    Beside,
    Block,
    Facts,
    Heading,
    Notice,
    Picture,
    Pictures,
    Share,
    Shares,
    Table,
    Text,
)

# The colours of the screen's light theme: they carry the same three meanings here.
INK, QUIET, LINE, WASH = (HexColor(c) for c in ("#1d2023", "#5a6168", "#d2d0cc", "#f3f2f0"))
MARKS = {
    "malignant": ("triangle", HexColor("#8e1b22")),
    "pre-malignant": ("diamond", HexColor("#c98a1b")),
    "benign": ("circle", HexColor("#5d6c7c")),
}
GAP = 6 * mm
SIZES = {"title": 20.0, "heading": 12.5, "strong": 10.0, "body": 10.0, "small": 8.5}
ROOM = 55 * mm  # below a heading, for the first rows of a table
TALLEST = 92 * mm  # of a picture, so that several find room on a page
_DIAMOND = [(0.0, 1.1), (1.1, 0.0), (0.0, -1.1), (-1.1, 0.0)]
_BARE = [
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 0),
    ("TOPPADDING", (0, 0), (-1, -1), 0),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 0.8 * mm),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
]


class _Shares(Flowable):
    """A differential: mark, name, bar and probability in each row."""

    ROW = 10 * mm

    def __init__(self, rows: Sequence[Share], width: float) -> None:
        super().__init__()
        self.rows, self.width, self.height = rows, width, self.ROW * len(rows)

    def wrap(self, *_: float) -> tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        for place, row in enumerate(self.rows):
            bottom = self.height - (place + 1) * self.ROW
            self._row(row, bottom)

    def _row(self, row: Share, bottom: float) -> None:
        canvas = self.canv
        shape, colour = MARKS[row.behaviour]
        _mark(canvas, shape, colour, 1.6 * mm, bottom + 6.4 * mm)
        for text, x, most, style, ink in (
            (row.name, 5 * mm, self.width - 22 * mm, "strong", INK),
            (f"{row.behaviour} · {row.code}", 5 * mm, 34 * mm, "small", QUIET),
        ):
            part = paragraph(text, style, most, colour=ink)
            part.wrapOn(canvas, most, self.ROW)
            part.drawOn(canvas, x, bottom + (5 * mm if style == "strong" else 1.2 * mm))
        left, length = 40 * mm, self.width - 56 * mm
        canvas.setFillColor(WASH)
        canvas.rect(left, bottom + 1.7 * mm, length, 2.4 * mm, stroke=0, fill=1)
        canvas.setFillColor(colour)
        canvas.rect(left, bottom + 1.7 * mm, length * row.probability, 2.4 * mm, stroke=0, fill=1)
        part = paragraph(row.text, "strong", 14 * mm, right=True)
        part.wrapOn(canvas, 14 * mm, self.ROW)
        part.drawOn(canvas, self.width - 14 * mm, bottom + 1.0 * mm)


def _mark(canvas: Canvas, shape: str, colour: HexColor, x: float, y: float) -> None:
    size = 1.4 * mm
    canvas.setFillColor(colour)
    canvas.setStrokeColor(colour)
    canvas.setLineWidth(1)
    if shape == "circle":
        canvas.circle(x, y, size * 0.9, stroke=1, fill=0)
        return
    path = canvas.beginPath()
    corners = [(0, 1), (1, -0.8), (-1, -0.8)] if shape == "triangle" else _DIAMOND
    path.moveTo(x + corners[0][0] * size, y + corners[0][1] * size)
    for right, up in corners[1:]:
        path.lineTo(x + right * size, y + up * size)
    path.close()
    canvas.drawPath(path, stroke=0, fill=1)


def stack(blocks: Iterable[Block], width: float) -> Iterable[Flowable]:
    """The blocks as reportlab's parts, with the room between them; no heading ends a page."""
    heading: list[Flowable] = []
    for block in blocks:
        parts = list(_MAKERS[type(block)](block, width))
        if isinstance(block, Heading):
            heading += parts
        elif heading and isinstance(block, Table):  # may go on overleaf: needs room for some rows
            yield CondPageBreak(ROOM)
            yield from (*heading, *parts)
            heading = []
        elif heading:
            yield KeepTogether([*heading, *parts[:1]])
            yield from parts[1:]
            heading = []
        else:
            yield from parts
    yield from heading


def _heading(block: Heading, width: float) -> Iterable[Flowable]:
    yield Spacer(0, 5 * mm)
    yield paragraph(block.text, "heading", width)
    yield Spacer(0, 2 * mm)


def _text(block: Text, width: float) -> Iterable[Flowable]:
    quiet = block.style == "small"
    yield paragraph(block.text, block.style, width, colour=QUIET if quiet else INK)
    yield Spacer(0, 1.5 * mm)


def _notice(block: Notice, width: float) -> Iterable[Flowable]:
    words = paragraph(block.text, "body", width - 8 * mm)
    style = [
        ("BACKGROUND", (0, 0), (-1, -1), WASH),
        ("LINEBEFORE", (0, 0), (0, -1), 2.5, INK),
        ("LEFTPADDING", (0, 0), (-1, -1), 4 * mm),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5 * mm),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2 * mm),
    ]
    yield Grid([[words]], colWidths=[width], style=style)
    yield Spacer(0, 1.5 * mm)


def _facts(block: Facts, width: float) -> Iterable[Flowable]:
    rows = [row for row in block.rows if row[1]]
    each = width / block.columns
    name_width = min(34 * mm, each * 0.42)
    cells = [
        (
            paragraph(name, "body", name_width, colour=QUIET),
            paragraph(value, "body", each - name_width - 4 * mm),
        )
        for name, value in rows
    ]
    tall = -(-len(cells) // block.columns)
    grid = [
        [part for n in range(row, len(cells), tall) for part in cells[n]] for row in range(tall)
    ]
    for row in grid:
        row += [""] * (2 * block.columns - len(row))
    if grid:
        widths = [name_width, each - name_width] * block.columns
        style = [*_BARE, ("RIGHTPADDING", (1, 0), (-1, -1), 4 * mm)]
        yield Grid(grid, colWidths=widths, style=style)
        yield Spacer(0, 1.5 * mm)


def _shares(block: Shares, width: float) -> Iterable[Flowable]:
    yield _Shares(block.rows, width)
    yield Spacer(0, 1.5 * mm)


def _table(block: Table, width: float) -> Iterable[Flowable]:
    widths = [share * width / sum(block.widths) for share in block.widths]
    rows = [
        [
            paragraph(cell, "small", one - 3 * mm, strong=number == 0)
            for cell, one in zip(row, widths, strict=True)
        ]
        for number, row in enumerate(block.rows)
    ]
    style = [
        *_BARE,
        ("LINEBELOW", (0, 0), (-1, 0), 0.7, INK),
        ("LINEBELOW", (0, 1), (-1, -1), 0.4, LINE),
        ("TOPPADDING", (0, 0), (-1, -1), 1.2 * mm),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5 * mm),
        ("RIGHTPADDING", (0, 0), (-1, -1), 3 * mm),
    ]
    yield Grid(rows, colWidths=widths, style=style, repeatRows=1)
    yield Spacer(0, 2.5 * mm)


def _pictures(block: Pictures, width: float) -> Iterable[Flowable]:
    room = 4 * mm
    each = (width - room * (block.columns - 1)) / block.columns
    cells = [[*_picture(one, each)] for one in block.pictures]
    for start in range(0, len(cells), block.columns):
        row = cells[start : start + block.columns]
        row += [[]] * (block.columns - len(row))
        widths = [each + room] * (block.columns - 1) + [each]
        yield Grid([row], colWidths=widths, style=_BARE, hAlign="LEFT")
        yield Spacer(0, 2 * mm)


def _picture(picture: Picture, width: float) -> Iterable[Flowable]:
    across, down = ImageReader(io.BytesIO(picture.data)).getSize()
    scale = min(width / across, TALLEST / down)
    image = Image(io.BytesIO(picture.data), across * scale, down * scale)
    image.hAlign = "LEFT"
    yield image
    if picture.caption:
        yield Spacer(0, 1 * mm)
        yield paragraph(picture.caption, "small", width, colour=QUIET)


def _beside(block: Beside, width: float) -> Iterable[Flowable]:
    left = (width - GAP) * block.share
    sides = [list(stack(block.left, left)), list(stack(block.right, width - GAP - left))]
    yield Grid([sides], colWidths=[left + GAP, width - GAP - left], style=_BARE)
    yield Spacer(0, 1.5 * mm)


_MAKERS: dict[type, Callable[[Any, float], Iterable[Flowable]]] = {
    Heading: _heading,
    Text: _text,
    Notice: _notice,
    Facts: _facts,
    Shares: _shares,
    Table: _table,
    Pictures: _pictures,
    Beside: _beside,
}


def paragraph(
    text: str,
    style: str,
    width: float,
    *,
    colour: HexColor = INK,
    right: bool = False,
    strong: bool = False,
) -> Paragraph:
    """Any text as a paragraph; `width` matters where it has to be broken before it is turned."""
    size = SIZES[style]
    strong = strong or style in ("title", "heading", "strong")
    if typeface.is_turned(text):
        parts = typeface.lines(text, size, width, strong=strong)
    else:
        parts = text.splitlines()
    look = ParagraphStyle(
        style,
        fontName=typeface.STRONG if strong else typeface.TEXT,
        fontSize=size,
        leading=size * 1.3,
        textColor=colour,
        alignment=TA_RIGHT if right else 0,
        splitLongWords=True,
    )
    return Paragraph("<br/>".join(typeface.markup(one, strong=strong) for one in parts), look)

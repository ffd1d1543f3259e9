"""Draws a report as a PDF: blocks one below the other, and on every page whose it is."""

import io
import threading
from dataclasses import dataclass
from functools import cache
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

from records.reports import layout, typeface
from records.reports.blocks import Block, Notice, texts
from records.reports.layout import INK, LINE, QUIET

MARGIN, TOP, BOTTOM = 18 * mm, 26 * mm, 20 * mm
WIDTH = A4[0] - 2 * MARGIN
BORROWED = (
    "Some characters of this report are Chinese, Japanese or Korean. They are in no font of the"
    " computer that made it: a PDF reader without such fonts leaves them blank."
)


@dataclass(frozen=True)
class Sheets:
    """A report's pages: what is on them, and what stands at the head and foot of each."""

    title: str
    whose: str
    made: str
    notice: str
    blocks: tuple[Block, ...]


def draw(sheets: Sheets) -> bytes:
    """The pages as PDF, on A4; ValueError if a picture cannot be read."""
    file = io.BytesIO()
    with _one_at_a_time():
        typeface.register()
        document = BaseDocTemplate(
            file,
            pagesize=A4,
            title=sheets.title,
            author="DermTrace",
            subject=sheets.notice,
            creator="DermTrace",
            lang="en",
            invariant=1,  # the same report is the same file, whose hash can be compared
        )
        frame = Frame(MARGIN, BOTTOM, WIDTH, A4[1] - TOP - BOTTOM, 0, 0, 0, 0)
        document.addPageTemplates(PageTemplate(frames=[frame]))

        def page(*rest: Any, **options: Any) -> Canvas:
            return _Pages(sheets, *rest, **options)

        try:
            document.build(list(layout.stack(_warned(sheets), WIDTH)), canvasmaker=page)
        except OSError as error:
            raise ValueError("A picture of the report cannot be read.") from error
    return file.getvalue()


def _warned(sheets: Sheets) -> tuple[Block, ...]:
    """The blocks, and below the title what may be missing on them."""
    if not any(typeface.is_borrowed(text) for text in (sheets.whose, *texts(sheets.blocks))):
        return sheets.blocks
    return *sheets.blocks[:1], Notice(BORROWED), *sheets.blocks[1:]


@cache
def _one_at_a_time() -> threading.Lock:
    """reportlab's fonts are shared by all documents and know nothing of threads."""
    return threading.Lock()


class _Pages(Canvas):
    """Draws head and foot when the number of pages is known."""

    def __init__(self, sheets: Sheets, *rest: Any, **options: Any) -> None:
        super().__init__(*rest, **options)
        self._sheets = sheets
        self._finished: list[dict[str, Any]] = []

    def showPage(self) -> None:
        self._finished.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._finished, start=1):
            self.__dict__.update(page)
            self._furnish(number, len(self._finished))
            super().showPage()
        super().save()

    def _furnish(self, number: int, total: int) -> None:
        sheets, (width, height) = self._sheets, A4
        self.setStrokeColor(LINE)
        self.setLineWidth(0.5)
        for text, across, right in ((sheets.whose, 0.7, False), (sheets.made, 0.3, True)):
            colour = QUIET if right else INK
            part = layout.paragraph(text, "small", across * WIDTH, colour=colour, right=right)
            part.wrapOn(self, across * WIDTH, 20 * mm)
            left = width - MARGIN - across * WIDTH if right else MARGIN
            part.drawOn(self, left, height - 19 * mm)
        self.line(MARGIN, height - 20.5 * mm, width - MARGIN, height - 20.5 * mm)
        self.line(MARGIN, 15 * mm, width - MARGIN, 15 * mm)
        for text, right in ((f"{sheets.notice}.", False), (f"{number} of {total}", True)):
            part = layout.paragraph(text, "small", WIDTH / 2, right=right)
            part.wrapOn(self, WIDTH / 2, 10 * mm)
            part.drawOn(self, MARGIN + right * WIDTH / 2, 9.5 * mm)

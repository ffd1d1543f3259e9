"""The fonts of a report, so that no name is lost: Latin, Greek and Cyrillic in the program's own,
Hebrew, Arabic and much else in DejaVu Sans, Chinese, Japanese and Korean in a font of this computer
or, where it has none, in fonts that PDF readers may bring. A character that none of them has is
written as its code point.

Right-to-left words are put into the order in which they are seen, and Arabic letters joined: a
small part of UAX #9 and of the Unicode Standard's chapter 9.2, enough for names and short notes.
"""

import contextlib
import importlib.util
import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from records.reports import machinefonts

OWN = Path(__file__).parents[2] / "assets" / "fonts"
TEXT, STRONG = "DermTrace", "DermTrace-Strong"
REST = "DejaVu"
# First and last character, and the font readers know for them (PDF 32000-1, annex on CJK).
EAST_ASIAN = (
    (0x1100, 0x11FF, "HYSMyeongJo-Medium"),
    (0x3130, 0x318F, "HYSMyeongJo-Medium"),
    (0xAC00, 0xD7AF, "HYSMyeongJo-Medium"),
    (0x3040, 0x30FF, "HeiseiMin-W3"),
    (0x3000, 0x303F, "STSong-Light"),
    (0x3400, 0x9FFF, "STSong-Light"),
    (0xF900, 0xFAFF, "STSong-Light"),
    (0xFF00, 0xFFEF, "HeiseiMin-W3"),
)
RIGHT_TO_LEFT = {"R", "AL"}
STRONGLY = RIGHT_TO_LEFT | {"L"}
NUMBERS = {"EN", "AN"}
MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")
LAM_ALEF = ("\u0644\u0622", "\u0644\u0623", "\u0644\u0625", "\u0644\u0627")
FORMS = ("isolated", "final", "initial", "medial")


@cache
def register() -> None:
    """Makes the fonts known to reportlab, once."""
    pdfmetrics.registerFont(TTFont(TEXT, str(OWN / "DermTraceSans-Regular.ttf")))
    pdfmetrics.registerFont(TTFont(STRONG, str(OWN / "DermTraceSans-Semibold.ttf")))
    found = importlib.util.find_spec("matplotlib")  # comes with grad-cam, and DejaVu with it
    if found and found.origin:
        path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        with contextlib.suppress(TTFError, OSError):  # its characters become code points
            pdfmetrics.registerFont(TTFont(REST, str(path)))
    for font in _machine():
        pdfmetrics.registerFont(font)
    for name in sorted({font for _, _, font in EAST_ASIAN}):
        pdfmetrics.registerFont(UnicodeCIDFont(name))


@cache
def _machine() -> tuple[TTFont, ...]:
    return tuple(machinefonts.found(machinefonts.folders()))


def is_borrowed(text: str) -> bool:
    """Whether a text has characters that only a PDF reader's own fonts can show."""
    borrowed = {font for _, _, font in EAST_ASIAN}
    return any(font in borrowed for _, font in _drawable(text, TEXT))


def markup(text: str, *, strong: bool = False) -> str:
    """A line of any text as reportlab's paragraphs take it, in the order in which it is seen."""
    base = STRONG if strong else TEXT
    parts = []
    for font, run in groupby(_drawable(text, base), key=lambda pair: pair[1]):
        words = escape("".join(character for character, _ in run))
        parts.append(f'<font name="{font}">{words}</font>')
    return "".join(parts)


def width(text: str, size: float, *, strong: bool = False) -> float:
    """How wide a line of any text is, in points."""
    base = STRONG if strong else TEXT
    runs = groupby(_drawable(text, base), key=lambda pair: pair[1])
    return sum(
        pdfmetrics.stringWidth("".join(character for character, _ in run), font, size)
        for font, run in runs
    )


def lines(text: str, size: float, most: float, *, strong: bool = False) -> list[str]:
    """A text broken between words so that no line is wider than `most` points, where words allow.

    Right-to-left text has to be broken before it is turned.
    """
    found = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and width(longer, size, strong=strong) > most:
                found.append(line)
                longer = word
            line = longer
        found.append(line)
    return found


def is_turned(text: str) -> bool:
    """Whether a text has right-to-left letters."""
    return any(unicodedata.bidirectional(character) in RIGHT_TO_LEFT for character in text)


def _drawable(text: str, base: str) -> list[tuple[str, str]]:
    """Each character to draw with its font's name."""
    register()
    plain = unicodedata.normalize("NFC", text)
    if is_turned(plain):
        plain = _turned(_joined(plain))
    found = []
    for character in plain:
        if unicodedata.category(character) in {"Cf", "Cc", "Cs"}:
            continue  # marks of direction and joining, which have done their work
        font = _font(character, base)
        if font:
            found.append((character, font))
        else:
            found += [(one, base) for one in f"[U+{ord(character):04X}]"]
    return found


def _font(character: str, base: str) -> str:
    """The font that has a character; empty if none does."""
    code = ord(character)
    for name in (base, REST, *(font.fontName for font in _machine())):
        if name in pdfmetrics.getRegisteredFontNames() and _has(name, code):
            return name
    return next((font for first, last, font in EAST_ASIAN if first <= code <= last), "")


def _has(name: str, code: int) -> bool:
    return code in pdfmetrics.getFont(name).face.charToGlyph


def _turned(text: str) -> str:
    """Characters in the order in which they are seen, left to right."""
    letters = _with_marks(text)
    kinds = [unicodedata.bidirectional(letter[0]) for letter in letters]
    outer = next(("L" if kind == "L" else "R" for kind in kinds if kind in STRONGLY), "L")
    sides = _sides(kinds, outer)
    known = {"R": 1, "E": 2, "L": 2 * (outer == "R")}
    levels = [known[_settled(sides, place, outer)] for place in range(len(sides))]
    found = [
        letter.translate(MIRRORED) if level == 1 else letter
        for letter, level in zip(letters, levels, strict=True)
    ]
    for least in (2, 1):
        found, levels = _reversed_from(found, levels, least)
    return "".join(found)


def _with_marks(text: str) -> list[str]:
    """Letters, each with the accents and vowel signs that stand on it."""
    letters: list[str] = []
    for character in text:
        if letters and unicodedata.category(character) == "Mn":
            letters[-1] += character
        else:
            letters.append(character)
    return letters


def _sides(kinds: Sequence[str], outer: str) -> list[str]:
    """L or R for each letter, E for a number among right-to-left ones, blank for the rest."""
    sides: list[str] = []
    context = outer
    for kind in kinds:
        if kind in NUMBERS:
            sides.append("E" if context == "R" else "L")
        elif kind in STRONGLY:
            context = "L" if kind == "L" else "R"
            sides.append(context)
        else:
            sides.append("")
    return sides


def _settled(sides: list[str], place: int, outer: str) -> str:
    """A space or sign between two words of one side belongs to them, any other to the line."""
    if sides[place]:
        return sides[place]
    before = next((side for side in sides[place::-1] if side), outer)
    after = next((side for side in sides[place:] if side), outer)
    before, after = before.replace("E", "R"), after.replace("E", "R")
    return before if before == after else outer


def _reversed_from(text: list[str], levels: list[int], least: int) -> tuple[list[str], list[int]]:
    """Turns every run of at least this level round."""
    turned: list[tuple[str, int]] = []
    pairs = list(zip(text, levels, strict=True))
    for inside, grouped in groupby(pairs, key=lambda pair: pair[1] >= least):
        run = list(grouped)
        turned += run[::-1] if inside else run
    return [one for one, _ in turned], [level for _, level in turned]


@cache
def _forms() -> dict[str, dict[str, str]]:
    """The shapes of Arabic letters, and of lam with alef, by their position in the word."""
    found: dict[str, dict[str, str]] = {}
    for code in (*range(0xFB50, 0xFE00), *range(0xFE70, 0xFEFD)):
        form, *letters = unicodedata.decomposition(chr(code)).split() or [""]
        if form.strip("<>") in FORMS and "0020" not in letters:
            whole = "".join(chr(int(letter, 16)) for letter in letters)
            if len(whole) == 1 or whole in LAM_ALEF:
                found.setdefault(whole, {}).setdefault(form.strip("<>"), chr(code))
    return found


def _joined(text: str) -> str:
    """Arabic letters in the shapes they have beside their neighbours."""
    forms = _forms()
    letters: list[str] = []
    for character in text:
        if letters and letters[-1] == "\u0644" and f"\u0644{character}" in LAM_ALEF:
            letters[-1] += character
        else:
            letters.append(character)
    found = []
    for place, letter in enumerate(letters):
        shapes = forms.get(letter)
        if not shapes:
            found.append(letter)
            continue
        before = _neighbour(letters, place, -1)
        after = _neighbour(letters, place, 1)
        joins_before = "final" in shapes and "initial" in forms.get(before, {})
        joins_after = "initial" in shapes and "final" in forms.get(after, {})
        wanted = FORMS[joins_before + 2 * joins_after]
        found.append(shapes.get(wanted, letter))
    return "".join(found)


def _neighbour(letters: list[str], place: int, step: int) -> str:
    """The next letter in a direction, vowel signs passed over; empty at the end."""
    place += step
    while 0 <= place < len(letters) and unicodedata.category(letters[place][0]) == "Mn":
        place += step
    return letters[place] if 0 <= place < len(letters) else ""

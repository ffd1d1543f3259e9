"""A report's pages: every text is in them, on every page stands whose they are, and the log knows
the file."""

import hashlib
import io
import shutil
import unicodedata
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader

from records import audit
from records.errors import NotAllowed, NotFound, RecordError
from records.reports import machinefonts, report, sheet, typeface
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
from records.reports.sheet import Sheets
from tests.records.clinic import CLINIC, OFFICE, Clinic


def png(colour: str = "brown") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, "PNG")
    return file.getvalue()


def sheets(*blocks: Block, whose: str = "Patient 4711, born 1958. Lesion A") -> Sheets:
    return Sheets("Report on lesion A", whose, "12 Mar 2025", "Decision support", blocks)


def texts(pdf: bytes) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf)).pages]


def test_every_block_is_drawn() -> None:
    blocks = (
        Text("Lesion report", "title"),
        Heading("Assessment"),
        Notice("This photo is <blurred> & dark."),
        Facts((("Born", "1958"), ("Phototype", ""), ("Sex", "Female")), columns=2),
        Beside(
            (Pictures((Picture(png(), "2 Oct 2025"),), columns=1),),
            (Shares((Share("Melanoma", "malignant", "MEL", 0.62, "62 %"),)),),
        ),
        Table((("Measure", "Change"), ("Area", "+12 %")), (2, 1)),
        Pictures((Picture(png("red")), Picture(png("blue")), Picture(png("tan"))), columns=2),
    )
    pdf = sheet.draw(sheets(*blocks))
    text = " ".join(texts(pdf))
    for said in ("Lesion report", "Assessment", "<blurred> & dark", "Born", "1958", "2 Oct 2025",
                 "Melanoma", "malignant · MEL", "62 %", "Measure", "+12 %", "1 of 2"):  # fmt: skip
        assert said in text, said
    assert "Phototype" not in text  # nothing is known, so nothing is said
    assert sum(len(page.images) for page in PdfReader(io.BytesIO(pdf)).pages) == 4


def test_each_page_says_whose_it_is_and_how_many_there_are() -> None:
    pages = texts(sheet.draw(sheets(*(Text(f"Line {n}") for n in range(150)))))
    assert len(pages) > 2
    for number, text in enumerate(pages, start=1):
        assert "Patient 4711, born 1958. Lesion A" in text
        assert f"{number} of {len(pages)}" in text
        assert "Decision support" in text
    assert "Line 149" in pages[-1]


def test_the_same_report_is_the_same_file() -> None:
    same = sheets(Text("Lesion"), Pictures((Picture(png()),), columns=1))
    assert sheet.draw(same) == sheet.draw(same)


@pytest.mark.parametrize(
    "name",
    ["Łukasz Żółć", "Ελένη", "Жук", "左脚の母斑", "김민수", "שרה", "<script>alert(1)</script>",
     "a\u202eb", "W" * 300],
)  # fmt: skip
def test_no_letter_of_a_name_is_lost(name: str) -> None:
    text = texts(sheet.draw(sheets(Facts((("Label", name),)), whose=name)))[0]
    letters = [c for c in unicodedata.normalize("NFC", name) if c.isalnum()]
    assert all(text.count(c) >= letters.count(c) for c in letters)


def test_arabic_letters_are_joined_and_stand_from_right_to_left() -> None:
    pdf = sheet.draw(sheets(Text("مريض ٤٧ (B)")))
    text = "".join(texts(pdf))
    seen = unicodedata.normalize("NFKC", text)
    assert seen.index("B") < seen.index("٤٧") < seen.index("مريض")  # the reader turns words back
    assert "\ufeae" in text  # reh in the shape it has after another letter


@pytest.mark.parametrize(
    ("logical", "seen"),
    [
        ("abc 12", "abc 12"),
        ("שלום 12", "12 םולש"),
        ("a (שלום עולם) b", "a (םלוע םולש) b"),
        ("שלום abc", "abc םולש"),
        ("12 שלום", "םולש 12"),
    ],
)
def test_words_of_two_directions_stand_in_the_order_of_reading(logical: str, seen: str) -> None:
    drawn = typeface.markup(logical)
    plain = "".join(part.rpartition(">")[2] for part in drawn.split("</font>"))
    assert plain == seen


def test_a_long_right_to_left_text_begins_on_its_first_line() -> None:
    words = [f"שלום{n}" for n in range(40)]
    lines = typeface.lines(" ".join(words), 10, 200)
    assert len(lines) > 3 and lines[0].split()[0] == words[0]
    assert " ".join(lines).split() == words
    assert all(typeface.width(line, 10) <= 200 for line in lines)


def test_a_character_without_a_font_is_named() -> None:
    assert "U+0939" in texts(sheet.draw(sheets(Text("ह"))))[0]


def test_what_a_reader_may_leave_blank_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typeface, "_machine", lambda: ())
    named = Facts((("Name", "김민수"),))
    assert sheet.BORROWED in texts(sheet.draw(sheets(Text("Lesion report", "title"), named)))[0]
    latin = sheets(Text("Lesion report", "title"), Facts((("Name", "Łukasz"),)))
    assert sheet.BORROWED not in texts(sheet.draw(latin))[0]


def test_fonts_of_the_computer_are_found_and_broken_ones_left_out(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    shutil.copy(typeface.OWN / "DermTraceSans-Regular.ttf", tmp_path / "deep" / "ipag.ttf")
    (tmp_path / "malgun.ttf").write_bytes(b"no font")
    (tmp_path / "other.ttf").write_bytes(b"unknown")
    found = machinefonts.found((tmp_path / "missing", tmp_path))
    assert [font.fontName for font in found] == ["Machine-ipag"]


def test_a_long_table_begins_below_its_heading_on_the_same_page() -> None:
    rows = tuple((f"Row {n}", "12 %") for n in range(60))
    lines = (Text(f"Line {n}") for n in range(20))
    first, second, *_ = texts(sheet.draw(sheets(*lines, Heading("Visits"), Table(rows, (1, 1)))))
    assert "Visits" in first and "Row 3" in first and "Row 40" in second


def test_the_log_knows_the_file(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient())
    made = report.make(
        clinic.database, actor=CLINIC, lesion_id=lesion.id, sheets=sheets(Text("Report"))
    )
    assert made.sha256 == hashlib.sha256(made.pdf).hexdigest()
    (entry,) = audit.entries(clinic.database, actor=OFFICE, kind="report made")
    assert (entry.object_id, entry.detail) == (lesion.id, {"sha256": made.sha256})


def test_no_report_without_a_lesion_a_role_or_a_picture(clinic: Clinic) -> None:
    lesion = clinic.lesion(clinic.patient())
    broken = sheets(Pictures((Picture(b"no picture"),), columns=1))
    for actor, lesion_id, content, error in (
        (CLINIC, "0" * 32, sheets(), NotFound),
        (OFFICE, lesion.id, sheets(), NotAllowed),
        (CLINIC, lesion.id, broken, RecordError),
    ):
        with pytest.raises(error):
            report.make(clinic.database, actor=actor, lesion_id=lesion_id, sheets=content)
    assert audit.entries(clinic.database, actor=OFFICE, kind="report made") == []

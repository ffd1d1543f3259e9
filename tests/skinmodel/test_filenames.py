"""File names as attackers and phones write them."""

import re

import pytest

from skinmodel.reading.filenames import display_name, download_name

HOSTILE = [
    "../../etc/passwd",
    "C:\\x",
    "C:\\Users\\me\\mole.jpg",
    "a\0.jpg",
    "n" * 300 + ".jpg",
    "photo\u202egpj.exe",
    "\U0001f600.jpg",
    "<img src=x onerror=alert(1)>.jpg",
    "CON.jpg",
    "com1",
    "x.jpg::$DATA",
    ".hidden",
    "",
    "...",
    "[click](http://example.org)`$x$`.png",
    "line\nbreak\r\n.png",
    "\u200b\u2066",
    " . ",
    "-rf.jpg",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_shown_name_has_no_folder_markup_or_hidden_character(name: str) -> None:
    shown = display_name(name)
    assert 0 < len(shown) <= 60
    assert shown.isprintable()
    assert not re.search(r"[/\\<>\[\]`$*|:\"'&\u202a-\u202e\u2066-\u2069]", shown)
    assert not shown.startswith(".")


@pytest.mark.parametrize("name", HOSTILE)
def test_download_name_is_safe_on_every_system(name: str) -> None:
    offered = download_name(name, suffix=".png")
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}\.png", offered)
    assert len(offered) <= 100
    assert offered.partition(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT1"}


def test_ordinary_names_stay_readable() -> None:
    assert display_name("IMG_0412 (2).JPG") == "IMG_0412 (2).JPG"
    assert display_name("C:\\Users\\me\\Müller links.jpg") == "Müller links.jpg"
    assert display_name("\U0001f600 arm.jpg") == "\U0001f600 arm.jpg"
    assert display_name("n" * 300 + ".jpg").endswith("....jpg")
    assert display_name("x.jpg::$DATA") == "x.jpg"
    assert download_name("Müller links.jpg", suffix="_map.png") == "Muller-links_map.png"
    assert download_name("CON.jpg", suffix=".csv") == "photo-CON.csv"
    assert download_name("\u76ae\u819a.jpg", suffix=".csv") == "photo.csv"

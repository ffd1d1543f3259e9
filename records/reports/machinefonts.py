"""Fonts of this computer with Chinese, Japanese or Korean characters, to be put into a report.

reportlab embeds TrueType outlines alone, which rules out Noto's and Source Han's OpenType files.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from reportlab.pdfbase.ttfonts import TTFError, TTFont

# Those with the most characters first; of collections the first font.
FILES = (
    "Arial Unicode.ttf", "wqy-microhei.ttc", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf",
    "DroidSansFallback.ttf", "msyh.ttc", "simsun.ttc", "msjh.ttc", "mingliu.ttc", "uming.ttc",
    "YuGothM.ttc", "msgothic.ttc", "ipaexg.ttf", "ipag.ttf", "malgun.ttf", "batang.ttc",
    "NanumGothic.ttf", "AppleGothic.ttf",
)  # fmt: skip


def folders() -> tuple[Path, ...]:
    """Where fonts lie on this kind of computer."""
    home = Path.home()
    if sys.platform == "win32":
        return (Path("C:/Windows/Fonts"),)
    if sys.platform == "darwin":
        return Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts"
    own = home / ".local" / "share" / "fonts"
    return Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), own


def found(where: tuple[Path, ...]) -> Iterator[TTFont]:
    """Every known font in the folders, at any depth; those that cannot be embedded are left out."""
    paths = {
        name: Path(folder) / name
        for top in where
        for folder, _, names in os.walk(top)  # a folder that is missing or closed is passed over
        for name in names
        if name in FILES
    }
    for file in FILES:
        if file in paths:
            try:
                yield TTFont(f"Machine-{Path(file).stem}", str(paths[file]))
            except (TTFError, OSError):
                continue

"""Makes a hostile file name harmless: one form to show, one to offer for download.

Neither is ever used as a path on our side.
"""

import re
import unicodedata

DISPLAY_LENGTH = 60
DOWNLOAD_LENGTH = 100
_PLAIN = "._-()+, "
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)$")  # Windows' own


def display_name(name: str) -> str:
    """One short line of letters, digits and `. _ - ( ) + ,` and pictures; never empty.

    Without folders, control or direction-changing characters, and without anything that HTML or
    Markdown would take for its own.
    """
    kept = (_shown(c) for c in unicodedata.normalize("NFC", _base(name)))
    text = re.sub(r"\s+", " ", "".join(kept)).strip(" ._") or "photo"
    if len(text) <= DISPLAY_LENGTH:
        return text
    dot = text.rfind(".")
    ending = text[dot:] if len(text) - 8 < dot else ""
    return text[: DISPLAY_LENGTH - 3 - len(ending)] + "..." + ending


def download_name(name: str, *, suffix: str) -> str:
    """The name's stem in plain ASCII with `suffix` such as ".png": safe on every system."""
    stem = _base(name).strip(" .")
    stem = stem[: stem.rfind(".")] if "." in stem else stem
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[: DOWNLOAD_LENGTH - len(suffix)]
    if not plain or _DEVICES.match(plain):
        plain = f"photo-{plain}".rstrip("-")
    return plain + suffix


def _base(name: str) -> str:
    last = re.split(r"[/\\]", name)[-1]
    return last.partition(":")[0] if "::" in last else last  # NTFS streams: x.jpg::$DATA


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "C":  # control, direction, unassigned
        return ""
    if category[0] in "LMN" or category == "So" or character in _PLAIN:
        return character
    return "_"

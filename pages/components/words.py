"""How shares, counts and foreign texts are written on every screen; dates are long_date's."""

import math

from records.actors import ADMIN, CLINICIAN

ROLE_NAMES = {CLINICIAN: "Clinician", ADMIN: "Administrator"}
DASH = "-"  # what is undefined
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"


def percent(share: float) -> str:
    """A probability as 34 %: never 0 % or 100 %, which no model can know."""
    if not math.isfinite(share):
        return DASH
    whole = round(share * 100)
    if whole < 1:
        return f"<{NARROW_SPACE}1{NARROW_SPACE}%"
    if whole > 99:
        return f">{NARROW_SPACE}99{NARROW_SPACE}%"
    return f"{whole}{NARROW_SPACE}%"


def count(number: int, noun: str) -> str:
    """A number with its noun: 1 photo, 3 photos."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def span(start: int, length: int, total: int) -> str:
    """Which of a total a page holds, counted from one: 13 to 24, or 25 where it is the only one."""
    first, last = start + 1, min(start + length, total)
    return str(first) if first == last else f"{first} to {last}"


def markdown(text: str) -> str:
    """Any text so that Markdown shows it as it is."""
    return "".join("\\" + c if c.isascii() and not c.isalnum() and c != " " else c for c in text)

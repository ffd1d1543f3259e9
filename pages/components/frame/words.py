"""How shares, counts and foreign texts are written on every screen; dates are long_date's."""

import datetime
import math

from records.access.actors import ADMIN, CLINICIAN

ROLE_NAMES = {CLINICIAN: "Clinician", ADMIN: "Administrator"}
DASH = "-"  # what is undefined
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
MONTH = 30.44  # days


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


def change(share: float) -> str:
    """A signed change as +12 %; nothing rounds to a change that was not there."""
    whole = round(share * 100)
    sign = "+" if whole > 0 else "\N{MINUS SIGN}" if whole < 0 else ""
    return f"{sign}{abs(whole)}{NARROW_SPACE}%"


def at_least(share: float) -> str:
    """An error or a limit as 6 %, rounded up: it is never shown smaller than it is."""
    return f"{max(1, math.ceil(share * 100 - 1e-9))}{NARROW_SPACE}%"


def interval(before: datetime.date, after: datetime.date) -> str:
    """The time between two days: 12 days, 3.1 months, 2.5 years."""
    days = (after - before).days
    if days < 2 * MONTH:
        return count(days, "day")
    months = days / MONTH
    return f"{months:.1f} months" if months < 24 else f"{months / 12:.1f} years"


def span(start: int, length: int, total: int) -> str:
    """Which of a total a page holds, counted from one: 13 to 24, or 25 where it is the only one."""
    first, last = start + 1, min(start + length, total)
    return str(first) if first == last else f"{first} to {last}"


def markdown(text: str) -> str:
    """Any text so that Markdown shows it as it is."""
    return "".join("\\" + c if c.isascii() and not c.isalnum() and c != " " else c for c in text)


def time_left(seconds: float) -> str:
    """How long something still takes, no finer than anybody can know it."""
    if seconds < 60:
        return "less than a minute left"
    if seconds < 5400:
        return f"{round(seconds / 60)} min left"
    return f"{seconds / 3600:.1f} h left"

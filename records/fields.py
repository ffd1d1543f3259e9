"""Checks what people type, once, where it enters; every problem stands beside its field's name."""

import datetime
import unicodedata
from collections.abc import Collection

from records.errors import InvalidRecord

OLDEST = 130  # years; nobody has been older than 122
# Change how the text around them reads, or cannot be seen at all; joiners, which Arabic and Indic
# scripts need, are not among them.
UNSEEN = frozenset(
    "\u200b\u200e\u200f\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def clean(text: str, *, lines: bool = False) -> str:
    """Text without control and unseen characters, outer or repeated blanks; NFC."""
    kept = []
    for character in unicodedata.normalize("NFC", text):
        if character in UNSEEN or unicodedata.category(character) in {"Cs", "Cn"}:
            continue
        control = unicodedata.category(character) == "Cc"
        kept.append(" " if control and not (lines and character == "\n") else character)
    rows = "".join(kept).split("\n")
    return "\n".join(" ".join(row.split()) for row in rows).strip()


def folded(text: str) -> str:
    """Text as it is compared and searched: without case, accents stay."""
    return unicodedata.normalize("NFKC", clean(text).casefold())


class Form:
    """Collects the problems of a form's fields; `finish` raises InvalidRecord if there are any."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}

    def finish(self) -> None:
        """InvalidRecord with all problems, if any."""
        if self.problems:
            raise InvalidRecord(self.problems)

    def text(
        self, field: str, value: str, *, most: int, needed: str = "", lines: bool = False
    ) -> str:
        """Cleaned text of at most so many characters; `needed` is said where it is blank."""
        cleaned = clean(value, lines=lines)
        if needed and not cleaned:
            self.problems[field] = needed
        if len(cleaned) > most:
            self.problems[field] = f"At most {most} characters; this has {len(cleaned)}."
        return cleaned

    def choice(self, field: str, value: str, choices: Collection[str]) -> str:
        """One of the choices."""
        if value not in choices:
            self.problems[field] = f"Choose one of: {', '.join(choices)}."
        return value

    def number(self, field: str, value: float | None, *, least: float, most: float) -> float | None:
        """A number within bounds, or none."""
        if value is not None and not least <= value <= most:  # NaN is not, either
            self.problems[field] = f"Between {least:g} and {most:g}."
        return value

    def birth_year(self, field: str, value: int | None, today: datetime.date) -> int | None:
        """A year somebody alive can be born in, or none."""
        if value is not None and value > today.year:
            self.problems[field] = "The year of birth lies in the future."
        elif value is not None and value < today.year - OLDEST:
            self.problems[field] = f"The year of birth is more than {OLDEST} years ago."
        return value

    def past(
        self,
        field: str,
        value: datetime.date | None,
        today: datetime.date,
        born: int | None = None,
    ) -> datetime.date | None:
        """A day that has been, not before the year of birth, or none."""
        # Where the photo was taken it may be tomorrow already.
        if value is not None and value > today + datetime.timedelta(days=1):
            self.problems[field] = "This day lies in the future."
        elif value is not None and born is not None and value.year < born:
            self.problems[field] = f"This day lies before the year of birth ({born})."
        elif value is not None and value.year < 1900:
            self.problems[field] = "This day lies before 1900."
        return value

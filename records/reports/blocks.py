"""What stands on a report's pages, as plain values: words, tables, pictures, a differential."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Heading:
    """Begins a part; a page is turned rather than leaving it alone at the foot."""

    text: str


@dataclass(frozen=True)
class Text:
    """Words in one of the sizes title, strong, body and small."""

    text: str
    style: str = "body"


@dataclass(frozen=True)
class Notice:
    """What must not be overlooked."""

    text: str


@dataclass(frozen=True)
class Facts:
    """Names and values; blank values are left out."""

    rows: tuple[tuple[str, str], ...]
    columns: int = 1


@dataclass(frozen=True)
class Share:
    """One diagnosis: its name, how it behaves, its code, and its probability, also in words."""

    name: str
    behaviour: str
    code: str
    probability: float
    text: str


@dataclass(frozen=True)
class Shares:
    """A differential, in order."""

    rows: tuple[Share, ...]


@dataclass(frozen=True)
class Table:
    """A table whose first row are its heads; `widths` are shares of the page."""

    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]


@dataclass(frozen=True)
class Picture:
    """An encoded JPEG or PNG, and what stands below it."""

    data: bytes
    caption: str = ""


@dataclass(frozen=True)
class Pictures:
    """Pictures side by side, this many in a row."""

    pictures: tuple[Picture, ...]
    columns: int


@dataclass(frozen=True)
class Beside:
    """Two stacks of blocks side by side; `share` of the width is the left one's."""

    left: "tuple[Block, ...]"
    right: "tuple[Block, ...]"
    share: float = 0.5


Block = Heading | Text | Notice | Facts | Shares | Table | Pictures | Beside


def texts(value: Any) -> Iterator[str]:
    """Every text of a block or of several, in any order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from texts(part)
    elif isinstance(value, Block | Picture | Share):
        yield from texts(tuple(vars(value).values()))

"""CSV files from elsewhere: as text, with every reason why one cannot be used and where it stands.

Cells stay as they are written: NA, 1e5 and 007 are names of photos as any other.
"""

import codecs
import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

MAX_BYTES = 64 << 20  # ISIC 2019's own largest has 1.3 MB for 25,331 photos
MAX_COLUMNS = 100
SHOWN = 10  # names of one kind that are spelled out
LINE = "_line"  # the column that says where a row stands in its file
_WIDE = ((codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))
_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def read_csv(
    path: Path, needed: Sequence[str], optional: Sequence[str], problems: list[str]
) -> pd.DataFrame:
    """The rows of a file as text, with the column LINE; all that is wrong goes to `problems`."""
    empty = pd.DataFrame(columns=[*needed, LINE], dtype=str)
    text = _text(path, problems)
    if text is None:
        return empty
    if "\0" in text:
        problems.append(f"{path.name} is not a text file: it holds zero bytes.")
        return empty
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if wrong := _header_problems(path.name, header, needed, optional):
            problems += wrong
            return empty
        rows = []
        for row in reader:
            if row and len(row) != len(header):
                problems.append(
                    f"{path.name}, line {reader.line_num}, has {len(row)} cells where the header"
                    f" has {len(header)}."
                )
                return empty
            if row:
                rows.append([*row, reader.line_num])
    except csv.Error as error:
        problems.append(f"{path.name}, line {reader.line_num}, cannot be read as CSV: {error}.")
        return empty
    return pd.DataFrame(rows, columns=[*header, LINE])


def some(names: Sequence[str]) -> str:
    """The first few names, and how many more."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(repr(str(name)[:80])[1:-1] for name in names[:SHOWN]) + more


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 photo, 3 photos."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _text(path: Path, problems: list[str]) -> str | None:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            problems.append(f"{path.name} has {size >> 20:,} MB; the most is {MAX_BYTES >> 20} MB.")
            return None
        data = path.read_bytes()
    except OSError as error:
        problems.append(f"{path.name} cannot be opened: {error.strerror}.")
        return None
    for mark, name in _WIDE:
        if data.startswith(mark):
            problems.append(f"{path.name} is saved as {name}. Please save it as CSV in UTF-8.")
            return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.append(
            f"{path.name}, line {line}, has letters that are not UTF-8. Please save it as CSV in"
            " UTF-8."
        )
        return None


def _header_problems(
    file: str, header: Sequence[str], needed: Sequence[str], optional: Sequence[str]
) -> list[str]:
    """What is wrong with the column names; what was found and expected stands with it."""
    if not header:
        return [f"{file} is empty."]
    if len(header) > MAX_COLUMNS:
        return [f"{file} has {len(header):,} columns. {_expected(needed, optional)}"]
    if len(header) == 1:
        for delimiter, name in _OTHER_DELIMITERS.items():
            if delimiter in header[0]:
                return [f"{file} separates its cells by {name}. Please save it with commas."]
    repeated = sorted({name for name in header if header.count(name) > 1})
    missing = [name for name in needed if name not in header]
    unknown = [name for name in header if name not in (*needed, *optional)]
    problems = [
        f"{file} {what} columns: {some(names)}."
        for what, names in (("repeats", repeated), ("lacks", missing), ("has unknown", unknown))
        if names
    ]
    if problems:
        problems.append(f"{file} has the columns {some(header)}. {_expected(needed, optional)}")
    return problems


def _expected(needed: Sequence[str], optional: Sequence[str]) -> str:
    return f"Expected are {', '.join(needed)}; {', '.join(optional)} may be there, too."

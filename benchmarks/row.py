"""One figure of a benchmark, and how it is printed."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One ratio: what is compared with what, and in figures; `wanted` is empty without a limit."""

    what: str
    ratio: float
    figures: str
    wanted: str = ""
    met: bool = True
    share: bool = False  # of photos, and no ratio


def text(row: Row) -> str:
    """The row as two lines."""
    limit = f"   ({row.wanted}: {_verdict(row)})" if row.wanted else ""
    return f"{_value(row):>8}  {row.what}\n          {row.figures}{limit}"


def table_row(row: Row) -> str:
    """The row as one of a Markdown table."""
    wanted = f"{row.wanted}: {_verdict(row).lower()}" if row.wanted else ""
    return f"| {row.what} | {_value(row)} | {row.figures} | {wanted} |"


def _verdict(row: Row) -> str:
    return "met" if row.met else "MISSED"


def _value(row: Row) -> str:
    if math.isnan(row.ratio):
        return "failed"
    return f"{row.ratio:.1%}" if row.share else f"{row.ratio:.2f}x"

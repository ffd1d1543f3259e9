"""What became of intakes, left beside the data sets until somebody has written it down.

The records are not for the process that brings data in; the worker reads what it left, notes it in
the audit log, and takes it away. A data set carries its own, so that it never is there without.
"""

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from training.data.intake import intakes
from training.disk import write_atomically

ENDED, NOTED = "ended.json", "noted"
GONE = ".ended-"  # folders that hold an ending and nothing else

What = Literal["added", "refused", "failed", "cancelled", "interrupted"]


@dataclass(frozen=True)
class Ending:
    """How the making of the data set `id` ended, and `by` whose will.

    `token` is this ending's alone, `at` when it was, for it is noted later.
    """

    what: What
    id: str
    kind: str
    by: str
    photos: int = 0
    lesions: int = 0
    problems: int = 0
    at: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
    token: str = field(default_factory=lambda: uuid.uuid4().hex[:12])


def leave(folder: Path, ending: Ending) -> None:
    """Leaves an ending in the folder of the data set that was made."""
    write_atomically(folder / ENDED, json.dumps(asdict(ending)))


def leave_alone(datasets: Path, ending: Ending) -> None:
    """Leaves an ending without a data set, which no later try can overwrite."""
    folder = datasets / f"{GONE}{ending.token}"
    folder.mkdir()
    leave(folder, ending)


def endings(datasets: Path) -> Iterator[tuple[Path, Ending]]:
    """The endings that were left and where, and the intakes that ended without a word."""
    for path in sorted(datasets.glob(f"*/{ENDED}")):
        try:
            yield path, Ending(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            continue  # moved this very moment
    for one in intakes(datasets):
        token = f"{one.request.id}-{one.state.at:.0f}"
        path = one.folder / NOTED
        if one.interrupted and not (path.exists() and path.read_text() == token):
            ending = Ending("interrupted", one.request.id, one.request.kind, "", token=token)
            yield path, ending


def settle(path: Path, ending: Ending) -> None:
    """Takes an ending away that was written down."""
    with suppress(OSError):  # its folder was moved or discarded meanwhile; the next time finds it
        if path.name == NOTED:
            path.write_text(ending.token)
            return
        path.unlink()
        if path.parent.name.startswith(GONE):
            path.parent.rmdir()

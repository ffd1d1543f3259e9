"""Which model versions there are and which one is used.

A models folder holds one folder per version, and perhaps active.json: {"version": "..."}.
"""

import json
import re
from pathlib import Path

from skinmodel.bundle import CARD
from skinmodel.weights import InvalidModel

ACTIVE = "active.json"


def versions(models_dir: Path) -> tuple[str, ...]:
    """The versions in a models folder, oldest first: 2 before 10."""
    if not models_dir.is_dir():
        return ()
    found = [
        f.name for f in models_dir.iterdir() if (f / CARD).is_file() and not f.name.startswith(".")
    ]
    return tuple(sorted(found, key=_order))


def active(models_dir: Path) -> Path:
    """The folder of the version in use: the one in active.json, else the newest.

    InvalidModel if there is none, or if active.json names one that is not there.
    """
    there = versions(models_dir)
    if not there:
        raise InvalidModel("There is no model. Put one into the models folder or train one.")
    try:
        named = json.loads((models_dir / ACTIVE).read_text(encoding="utf-8"))["version"]
    except FileNotFoundError:
        return models_dir / there[-1]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidModel(f"The models folder's {ACTIVE} cannot be read.") from error
    if named not in there:
        raise InvalidModel(f"The active model {named!r} is not in the models folder.")
    return models_dir / str(named)


def _order(version: str) -> tuple[tuple[int, int, str], ...]:
    parts = re.findall(r"\d+|[^\d]+", version)
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)

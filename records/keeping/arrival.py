"""What a restore brings beside the records: first written to one side, then moved to its place.

It moves only once the records are back, and a move that was cut off is finished at the next start,
so that models, runs and records always tell of the same moment.
"""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from records.database import utc_now
from records.keeping import workshop
from records.keeping.place import Place, Progress
from records.keeping.store import open_store, sync_folder
from records.keeping.workshop import ACTIVE, COMPARISONS, DATA_SETS, MIX, MODELS, RUNS, Piece

STAGED, FILES, ABOUT = "restoring", "files", "about.json"
ASIDE = "replaced-"  # of a folder that keeps what was there


def stage(
    folder: Path, place: Place, found: Sequence[Piece], *, request: str, progress: Progress
) -> int:
    """Writes a backup's files to one side of a data folder; how many are left out.

    A model, a run or a data set that is not whole in the backup is left out altogether.
    """
    discard(folder)
    fresh = open_store(str(folder / STAGED / FILES))
    broken: set[tuple[str, ...]] = set()
    for number, piece in enumerate(found):
        progress(number / len(found), f"File {number + 1} of {len(found)} beside the records")
        data = workshop.read(place, piece)
        if data is None:
            broken.add(piece.of)
        else:
            fresh.write(piece.path, data)
    for parts in broken:
        _remove(folder.joinpath(STAGED, FILES, *parts))
    about = {
        "request": request,
        "aside": f"{ASIDE}{utc_now():%Y%m%dt%H%M%S%f}",
        "single": [one.path for one in found if one.path in (MIX, ACTIVE)],
    }
    open_store(str(folder / STAGED)).write(ABOUT, json.dumps(about).encode())
    return sum(piece.of in broken for piece in found)


def discard(folder: Path) -> None:
    """Removes what a restore that was given up has left on one side."""
    _remove(folder / STAGED)


def waiting(folder: Path) -> str:
    """The request whose files wait on one side, "" if none do."""
    try:
        return str(json.loads((folder / STAGED / ABOUT).read_bytes())["request"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def settle(folder: Path) -> str:
    """Moves what waits to its place; the name of the folder that keeps what was there, or "".

    The case mix, the choice of the model in use and models of the same version are replaced; runs
    and data sets that are there stay. Can be called again where it was cut off.
    """
    fresh = folder / STAGED / FILES
    about = json.loads((folder / STAGED / ABOUT).read_bytes())
    aside = folder / str(about["aside"])
    for name in (MIX, ACTIVE):
        came = (fresh / name).exists()
        if (came and not _same(fresh / name, folder / name)) or name not in about["single"]:
            _replace(folder, fresh, aside, name)
    for top in (MODELS, RUNS, COMPARISONS, DATA_SETS):
        for path in sorted((fresh / top).glob("*")):
            there = folder / top / path.name
            if not path.is_dir():  # the choice of the model in use, which is as it was
                continue
            if not there.exists() or (top == MODELS and _differs(path, there)):
                _replace(folder, fresh, aside, f"{top}/{path.name}")
    _remove(folder / STAGED)
    return aside.name if aside.exists() else ""


def folders(folder: Path) -> list[Path]:
    """The folders of a data folder whose files may name a patient, for an erasure to clean."""
    kept = [folder / name for name in (RUNS, COMPARISONS, DATA_SETS, MODELS, STAGED)]
    return [one for one in (*kept, *sorted(folder.glob(f"{ASIDE}*"))) if one.is_dir()]


def _replace(folder: Path, fresh: Path, aside: Path, name: str) -> None:
    """Puts aside what is there, and puts in its place what the backup had, if it had any."""
    old, new = folder / name, fresh / name
    for source, target in ((old, aside / name), (new, old)):
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.replace(source, target)
            sync_folder(target.parent)


def _differs(one: Path, other: Path) -> bool:
    return not all(_same(path, other / path.name) for path in one.iterdir())


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and other.read_bytes() == one.read_bytes()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

"""What a clinic makes beside its records: its own models, case mix, training runs, data sets.

A backup keeps a list of these for each backup in `workshop/`; the files it names by their SHA-256
lie among the photos, each once. Left out is what is large and can be had again: the photos of data
sets, the checkpoints of runs, caches.
"""

import gzip
import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from records.errors import DatabaseDamaged, RecordError
from records.keeping.place import Place, Progress
from records.wording import count

LISTS = "workshop"
MIX, MODELS, RUNS, DATA_SETS = "case_mix.json", "models", "runs", "datasets"
COMPARISONS = "comparisons"
ACTIVE, CARD, WEIGHTS = f"{MODELS}/active.json", "card.json", "weights.safetensors"
SMALL = (".json", ".jsonl", ".csv", ".txt")
NAME = re.compile(r"(?!\.)[^/\\:\0]{1,255}(?<![. ])")  # of a file or folder on every system


@dataclass(frozen=True)
class Piece:
    """A file in a backup; `path` is relative to the data folder, with slashes."""

    path: str
    sha256: str
    size: int

    @property
    def of(self) -> tuple[str, ...]:
        """What it is a part of: a model, a run, a data set, or itself."""
        return PurePosixPath(self.path).parts[:2]


def belongs(path: str) -> bool:
    """Whether a backup keeps the file at this path below the data folder."""
    parts = PurePosixPath(path).parts
    if "/".join(parts) != path or not all(NAME.fullmatch(part) for part in parts):
        return False
    match parts:
        case ("case_mix.json",) | ("models", "active.json") | ("models", _, _):
            return True
        case ("runs", _, *_, "models", _, _):  # a candidate
            return True
        case ("runs" | "comparisons", _, _, *_) | ("datasets", _, _):
            return path.endswith(SMALL)
        case _:
            return False


def files(folder: Path) -> Iterator[str]:
    """The paths of what a backup keeps of a data folder."""
    deep = [path for top in (MODELS, RUNS, COMPARISONS) for path in (folder / top).rglob("*")]
    for path in sorted([folder / MIX, *deep, *(folder / DATA_SETS).glob("*/*")]):
        name = path.relative_to(folder).as_posix()
        if belongs(name) and path.is_file() and not path.is_symlink():
            yield name


def keep(folder: Path, place: Place, label: str, *, there: set[str], progress: Progress) -> str:
    """Puts a data folder's part into a backup and says what it is, "" if there is nothing.

    `there` are the names of the files that the place has already.
    """
    found = []
    for name in files(folder):
        try:
            data = (folder / name).read_bytes()
        except FileNotFoundError:  # a run or a model was deleted meanwhile
            continue
        piece = Piece(name, hashlib.sha256(data).hexdigest(), len(data))
        found.append(piece)
        kept = place.name(piece.sha256)
        if (last := kept.rpartition("/")[2]) not in there:
            progress(1.0, f"Keeping {name}")
            place.files.write(kept, place.vault.seal(data, salt=place.salt))
            there.add(last)
    data = gzip.compress(json.dumps([asdict(piece) for piece in found]).encode(), mtime=0)
    place.files.write(f"{LISTS}/{label}", place.vault.seal(data, salt=place.salt))
    return described(found)


def pieces(place: Place, label: str) -> tuple[Piece, ...] | None:
    """What a backup keeps beside the records, None for one of an earlier version, which kept none.

    DatabaseDamaged if the list is not whole, or names anything that belongs nowhere.
    """
    sealed = place.files.read(f"{LISTS}/{label}")
    if sealed is None:
        return None
    try:
        values = json.loads(gzip.decompress(place.vault.open(sealed)))
        found = tuple(Piece(**value) for value in values)
        if not all(belongs(piece.path) for piece in found):
            raise ValueError
    except (OSError, EOFError, zlib.error, ValueError, TypeError) as error:
        raise DatabaseDamaged("The backup is damaged.") from error
    return found


def read(place: Place, piece: Piece) -> bytes | None:
    """A file of a backup, None where it is not whole."""
    sealed = place.files.read(place.name(piece.sha256))
    try:
        data = place.vault.open(sealed) if sealed is not None else None
    except RecordError:
        return None
    return data if data is not None and hashlib.sha256(data).hexdigest() == piece.sha256 else None


def described(found: Sequence[Piece]) -> str:
    """What these files are: "2 own models, 1 run, the case mix"; "" if there are none."""
    of = Counter(top for top, *_ in {piece.of for piece in found if piece.path.count("/") > 1})
    said = [count(of[MODELS], "own model")] if of[MODELS] else []
    said += [count(of[RUNS], "training run")] if of[RUNS] else []
    said += [f"{count(of[DATA_SETS], 'data set')} without photos"] if of[DATA_SETS] else []
    said += ["the case mix"] if any(piece.path == MIX for piece in found) else []
    return ", ".join(said)


def faults(folder: Path) -> Iterator[str]:
    """What is not whole among the clinic's own models, a sentence each."""
    for card in sorted((folder / MODELS).glob(f"[!.]*/{CARD}")):
        try:
            wanted = json.loads(card.read_bytes())["weights_sha256"]
            if hashlib.sha256((card.parent / WEIGHTS).read_bytes()).hexdigest() != wanted:
                yield f"The weights of model {card.parent.name} were changed."
        except (OSError, ValueError, KeyError, TypeError):
            yield f"Model {card.parent.name} cannot be read."
    try:
        chosen = json.loads((folder / ACTIVE).read_bytes())
        card = folder / MODELS / chosen["version"] / CARD
        if card.exists() and hashlib.sha256(card.read_bytes()).hexdigest() != chosen["card_sha256"]:
            yield f"Model {chosen['version']} was changed since it was promoted."
    except FileNotFoundError:  # nothing was ever promoted
        return
    except (OSError, ValueError, KeyError, TypeError):
        yield "Which model is in use cannot be read."

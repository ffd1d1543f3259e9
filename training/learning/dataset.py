"""Photos decoded once into one file at the training scale, and what a network is shown of them."""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from skinmodel.transforms import Preparation
from training.data.manifest import InvalidData
from training.disk import disk_full_named, write_atomically
from training.learning.augment import augment

PIXELS, PART = ".rgb", ".part"
ABANDONED = 3600.0  # seconds without a photo added

Pixels = NDArray[np.uint8]
Rows = NDArray[np.float32]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Cache:
    """Decoded photos: `cache[i]` is the i-th, uint8 (h, w, 3), a view of a memory-mapped file.

    `stem` is the file's path without its ending; its name stands for these photos and no others.
    """

    pixels: Pixels
    offsets: tuple[int, ...]
    shapes: tuple[tuple[int, int], ...]
    stem: Path = Path()

    def __getitem__(self, index: int) -> Pixels:
        height, width = self.shapes[index]
        start = self.offsets[index]
        return self.pixels[start : start + height * width * 3].reshape(height, width, 3)

    def view(self, photo: int, size: int, random: Generator, strength: float) -> Pixels:
        """A photo changed at random, (size, size, 3)."""
        return augment(np.asarray(self[photo]), size, random, strength)


@dataclass(frozen=True)
class Features:
    """Photos as a frozen backbone's pooled features: `views[v]` (N, F) are those of version v.

    Version 0 is the photo as the clinic sees it. `rows` gives a photo's row by its cache index.
    """

    views: tuple[Rows, ...]
    rows: Mapping[int, int]

    def pooled(self, photos: Sequence[int]) -> Rows:
        """Features (N, F) of the photos as the clinic sees them."""
        return np.asarray(self.views[0][[self.rows[photo] for photo in photos]])

    def view(self, photo: int, _size: int, random: Generator, _strength: float) -> Rows:
        """Features (F,) of one of a photo's versions."""
        return np.asarray(self.views[random.integers(len(self.views))][self.rows[photo]])


def open_cache(
    paths: Sequence[str],
    *,
    read: Callable[[bytes], Image.Image],
    preparation: Preparation,
    folder: Path,
    progress: Progress | None = None,
) -> Cache:
    """The cache of these photos in `folder`, made if it is not there yet.

    `read` turns a file's bytes into an upright RGB picture, or raises ValueError. InvalidData lists
    every photo that cannot be read. A file that changed size or time gives a new cache.
    """
    stats = [(path, os.stat(path).st_size, os.stat(path).st_mtime_ns) for path in paths]
    key = json.dumps([stats, preparation.scale, preparation.widest])
    stem = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
    if not _whole(stem):
        folder.mkdir(parents=True, exist_ok=True)
        _write(stem, paths, read, preparation, progress)
    shapes = _shapes(stem)
    sizes = [height * width * 3 for height, width in shapes]
    offsets = tuple(int(n) for n in np.concatenate([[0], np.cumsum(sizes)[:-1]]))
    pixels = np.memmap(stem.with_suffix(PIXELS), dtype=np.uint8, mode="r")
    return Cache(pixels, offsets, shapes, stem)


def _shapes(stem: Path) -> tuple[tuple[int, int], ...]:
    return tuple((int(h), int(w)) for h, w in json.loads(stem.with_suffix(".json").read_text()))


def _whole(stem: Path) -> bool:
    """Whether both files are there and belong together."""
    if not stem.with_suffix(".json").exists() or not stem.with_suffix(PIXELS).exists():
        return False
    wanted = sum(height * width * 3 for height, width in _shapes(stem))
    return stem.with_suffix(PIXELS).stat().st_size == wanted


def _write(
    stem: Path,
    paths: Sequence[str],
    read: Callable[[bytes], Image.Image],
    preparation: Preparation,
    progress: Progress | None,
) -> None:
    """Decode every photo; the shapes are written last, so a cut-off cache is never used."""
    _drop_leftovers(stem.parent)
    shapes: list[tuple[int, int]] = []
    bad: list[str] = []
    # A name of its own: two runs on the same photos may start together.
    part = stem.with_name(f"{stem.name}.{uuid.uuid4().hex[:8]}{PART}")
    size = 0
    try:
        with part.open("wb") as target:
            for done, path in enumerate(paths, start=1):
                try:
                    picture = preparation.to_scale(read(Path(path).read_bytes()))
                except ValueError as error:
                    bad.append(f"{Path(path).name}: {error}")
                    continue
                shapes.append((picture.height, picture.width))
                pixels = np.asarray(picture).tobytes()
                size += len(pixels)
                with disk_full_named(stem.parent, size * len(paths) // done):
                    target.write(pixels)
                if progress:
                    progress(done, len(paths))
            if bad:
                raise InvalidData(bad)
            with disk_full_named(stem.parent, size):
                target.flush()
                os.fsync(target.fileno())
        os.replace(part, stem.with_suffix(PIXELS))
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    write_atomically(stem.with_suffix(".json"), json.dumps(shapes))


def _drop_leftovers(folder: Path) -> None:
    """Delete unfinished caches of processes that were killed: nobody has written to them lately."""
    for part in folder.glob(f"*{PART}"):
        with suppress(FileNotFoundError):  # another process finished or deleted it
            if time.time() - part.stat().st_mtime > ABANDONED:
                part.unlink()

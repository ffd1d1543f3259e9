"""Photos decoded once into one file at the training scale, then read from memory pages."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skinmodel.transforms import Preparation
from training.manifest import InvalidData

Pixels = NDArray[np.uint8]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Cache:
    """Decoded photos: `cache[i]` is the i-th, uint8 (h, w, 3), a view of a memory-mapped file."""

    pixels: Pixels
    offsets: tuple[int, ...]
    shapes: tuple[tuple[int, int], ...]

    def __getitem__(self, index: int) -> Pixels:
        height, width = self.shapes[index]
        start = self.offsets[index]
        return self.pixels[start : start + height * width * 3].reshape(height, width, 3)


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
    if not stem.with_suffix(".json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write(stem, paths, read, preparation, progress)
    shapes = tuple((int(h), int(w)) for h, w in json.loads(stem.with_suffix(".json").read_text()))
    sizes = [height * width * 3 for height, width in shapes]
    offsets = tuple(int(n) for n in np.concatenate([[0], np.cumsum(sizes)[:-1]]))
    return Cache(np.memmap(stem.with_suffix(".rgb"), dtype=np.uint8, mode="r"), offsets, shapes)


def _write(
    stem: Path,
    paths: Sequence[str],
    read: Callable[[bytes], Image.Image],
    preparation: Preparation,
    progress: Progress | None,
) -> None:
    """Decode every photo; the shapes are written last, so a cut-off cache is never used."""
    shapes: list[tuple[int, int]] = []
    bad: list[str] = []
    with tempfile.NamedTemporaryFile(dir=stem.parent, suffix=".part", delete=False) as target:
        for done, path in enumerate(paths, start=1):
            try:
                picture = preparation.to_scale(read(Path(path).read_bytes()))
            except ValueError as error:
                bad.append(f"{Path(path).name}: {error}")
                continue
            shapes.append((picture.height, picture.width))
            target.write(np.asarray(picture).tobytes())
            if progress:
                progress(done, len(paths))
    if bad:
        os.unlink(target.name)
        raise InvalidData(bad)
    os.replace(target.name, stem.with_suffix(".rgb"))
    part = stem.with_suffix(".json.part")
    part.write_text(json.dumps(shapes))
    os.replace(part, stem.with_suffix(".json"))

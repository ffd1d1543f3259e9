"""A full disk costs nothing that was saved, and is named with figures."""

import errno
import os
import resource
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import SafetensorError

from skinmodel.transforms import Preparation
from training.learning import checkpoint
from training.learning.checkpoint import append_line, load_tensors, save_tensors, write_atomically
from training.learning.config import TrainingFailed
from training.learning.dataset import open_cache

OLD, NEW = {"w": torch.zeros(3)}, {"w": torch.ones(200_000_000 // 4)}


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_no_room_for_a_checkpoint_is_known_before_it_is_written(tmp_path, monkeypatch) -> None:
    path = tmp_path / "last.safetensors"
    save_tensors(path, OLD, {"epoch": 1})
    usage = shutil.disk_usage(tmp_path)._replace(free=150_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(TrainingFailed, match=r"^Disk full: 0\.1 GB free, need 0\.2 GB\. "):
        save_tensors(path, NEW, {"epoch": 2})
    assert load_tensors(path)[1] == {"epoch": 1}
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        SafetensorError("Error while serializing: I/O error: No space left (os error 28)"),
    ],
)
def test_a_disk_that_fills_up_while_writing_leaves_the_old(tmp_path, monkeypatch, error) -> None:
    path = tmp_path / "last.safetensors"
    save_tensors(path, OLD, {"epoch": 1})

    def cut_off(_: object, part: Path, **__: object) -> None:
        part.write_bytes(b"half")
        raise error

    monkeypatch.setattr(checkpoint, "save_file", cut_off)
    with pytest.raises(TrainingFailed, match="Disk full"):
        save_tensors(path, OLD, {"epoch": 2})
    assert load_tensors(path)[1] == {"epoch": 1}
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_other_errors_are_not_called_a_full_disk(tmp_path: Path) -> None:
    """The system's own limit on a file's size, met by the real writer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        with pytest.raises((OSError, SafetensorError), match=f"os error {errno.EFBIG}"):
            save_tensors(tmp_path / "last.safetensors", {"w": torch.ones(1 << 16)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_small_files_name_a_full_disk_too(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "config.json").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrainingFailed, match="Disk full"):
        write_atomically(tmp_path / "config.json", "new")
    assert (tmp_path / "config.json").read_text() == "old"
    with pytest.raises(TrainingFailed, match="Disk full"):
        append_line(tmp_path / "history.jsonl", "{}")


def test_two_processes_may_write_the_same_file_at_once(tmp_path: Path, monkeypatch) -> None:
    """Two runs that start together on the same photos both write down their shapes."""
    path, real = tmp_path / "shapes.json", os.fsync

    def while_the_other_writes(file: int) -> None:
        monkeypatch.setattr(os, "fsync", real)
        write_atomically(path, "the other's, and whole")
        real(file)

    monkeypatch.setattr(os, "fsync", while_the_other_writes)
    write_atomically(path, "[[1, 2]]")
    assert path.read_text() == "[[1, 2]]"
    assert list(tmp_path.iterdir()) == [path]


def cache_of(folder: Path) -> np.ndarray:
    photo = folder / "one.png"
    if not photo.exists():
        Image.fromarray(np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)).save(photo)
    cache = open_cache(
        [str(photo)],
        read=lambda _: Image.open(photo).convert("RGB"),
        preparation=Preparation(size=24, scale=48),
        folder=folder / "cache",
    )
    return np.array(cache[0])


def test_a_cache_that_found_no_room_is_made_later(tmp_path: Path, monkeypatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(TrainingFailed, match="Disk full"):
            cache_of(tmp_path)
    assert list((tmp_path / "cache").iterdir()) == []
    assert cache_of(tmp_path).shape == (48, 64, 3)


def test_a_damaged_cache_is_made_again_and_leftovers_go(tmp_path: Path) -> None:
    whole = cache_of(tmp_path)
    (pixels,) = (tmp_path / "cache").glob("*.rgb")
    pixels.write_bytes(pixels.read_bytes()[:100])
    old, young = pixels.with_name("a.part"), pixels.with_name("b.part")
    for part in (old, young):
        part.touch()
    os.utime(old, times=(time.time() - 7200,) * 2)
    assert np.array_equal(cache_of(tmp_path), whole)
    assert not old.exists() and young.exists()  # somebody may still be writing the young one

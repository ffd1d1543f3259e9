"""Files under their SHA-256: a folder of this machine, or any place fsspec knows (s3:// by URL).

A file is whole and safely on disk before `put` returns, so a row written afterwards never points
at nothing, whatever is pulled out of the wall in between.
"""

import hashlib
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from records.errors import DiskFull, RecordError, Unavailable

NAME = re.compile(r"[0-9a-f]{64}")
NO_SPACE = {28, 122}  # ENOSPC, EDQUOT


class FileFault(RecordError):
    """A file is not in the store, or is not what was put there; `fault` says which."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"The original file is {fault}.")
        self.fault = fault


@dataclass(frozen=True, eq=False)
class Store:
    """Where files are kept."""

    files: Any  # an fsspec file system
    root: str

    @property
    def folder(self) -> Path | None:
        """The folder, if the store is one of this machine's."""
        return Path(self.root) if isinstance(self.files, LocalFileSystem) else None

    def place(self, sha256: str) -> str:
        """Where a file lies; two letters of folders keep each folder small."""
        if not NAME.fullmatch(sha256):
            raise ValueError("A file's name in the store is its SHA-256.")
        return f"{self.root}/{sha256[:2]}/{sha256}"

    def put(self, data: bytes) -> str:
        """Keeps bytes and gives their SHA-256; DiskFull or Unavailable if that cannot be done.

        A file that is there already, whole, is not written again.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        if self.size(sha256) == len(data) and self.is_whole(sha256):
            return sha256
        self.write(f"{sha256[:2]}/{sha256}", data)
        return sha256

    def write(self, name: str, data: bytes) -> None:
        """Writes a file whole and safely under a name of its own; DiskFull or Unavailable."""
        try:
            if self.folder:
                self._put_in_folder(self.folder / name, data)
            else:
                self.files.makedirs(f"{self.root}/{name}".rpartition("/")[0], exist_ok=True)
                self.files.pipe_file(f"{self.root}/{name}", data)
        except OSError as error:
            raise _refusal(error) from error

    def read(self, name: str) -> bytes | None:
        """A file's bytes by its name, None if it is not there."""
        try:
            return cast(bytes, self.files.cat_file(f"{self.root}/{name}"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable("A file cannot be read at the moment.") from error

    def list(self, folder: str) -> list[str]:
        """The names of the files in one of the store's folders, sorted."""
        try:
            return sorted(
                Path(p).name for p in self.files.ls(f"{self.root}/{folder}", detail=False)
            )
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unavailable("A folder cannot be read at the moment.") from error

    def get(self, sha256: str) -> bytes:
        """A file's bytes, whose SHA-256 has been checked; FileFault "missing" or "changed"."""
        try:
            data = cast(bytes, self.files.cat_file(self.place(sha256)))
        except FileNotFoundError as error:
            raise FileFault("missing") from error
        except OSError as error:
            raise Unavailable("The photo cannot be read at the moment.") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise FileFault("changed")
        return data

    def is_whole(self, sha256: str) -> bool:
        """Whether a file is there and unchanged."""
        try:
            self.get(sha256)
        except FileFault:
            return False
        return True

    def size(self, sha256: str) -> int | None:
        """A file's size in bytes, None if it is not there."""
        try:
            return int(self.files.size(self.place(sha256)))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable("The photos cannot be reached at the moment.") from error

    def remove(self, sha256: str) -> None:
        """Removes a file; nothing happens if it is gone already."""
        try:
            self.files.rm_file(self.place(sha256))
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unavailable("A file could not be removed from the store.") from error

    def names(self) -> Iterator[str]:
        """The SHA-256 of every file in the store."""
        try:
            folders = self.files.ls(self.root, detail=False)
        except FileNotFoundError:
            return
        for folder in sorted(folders):
            if len(Path(folder).name) == 2:
                for path in sorted(self.files.ls(folder, detail=False)):
                    if NAME.fullmatch(Path(path).name):
                        yield Path(path).name

    def sweep(self) -> None:
        """Removes what interrupted writes have left in a folder."""
        if self.folder:
            for path in (self.folder / "unfinished").glob("*"):
                path.unlink(missing_ok=True)

    def _put_in_folder(self, path: Path, data: bytes) -> None:
        unfinished = Path(self.root) / "unfinished" / uuid.uuid4().hex
        for folder in (unfinished.parent, path.parent):
            _make(folder)
        try:
            with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
                f.write(data)
                f.flush()
                os.fsync(f.fileno())
            os.replace(unfinished, path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def open_store(url: str) -> Store:
    """The store behind a folder's path or a URL of fsspec's; the first `put` makes the folder."""
    try:
        files, root = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise Unavailable("The photos' address cannot be understood.") from error
    return Store(files, str(root).rstrip("/"))


def sync_folder(folder: Path) -> None:
    """Makes new names in a folder survive a power cut; Windows needs nothing of the kind."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _make(folder: Path) -> None:
    if folder.is_dir():
        return
    _make(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def _refusal(error: OSError) -> RecordError:
    if error.errno in NO_SPACE:
        return DiskFull()
    return Unavailable("The photo could not be stored. Nothing was saved. Please try again.")

"""The files of a data set in the making: linked or copied from a folder, or unpacked from a ZIP.

Only what ISIC 2019's layout knows is taken: the two tables, and photos in a folder *Input. A photo
is linked where the file system can, so that it stays when the source is emptied.
"""

import mmap
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from skinmodel.reading.archives import InvalidArchive, Limits, Member, list_archive, pieces
from skinmodel.reading.filenames import display_name
from training.data.csvfile import MAX_BYTES as MAX_TABLE
from training.data.csvfile import some
from training.data.intake import Stage
from training.data.manifest import InvalidData
from training.disk import disk_full

TABLES = ("GroundTruth.csv", "Metadata.csv")
PHOTOS, INPUT = (".jpg", ".jpeg"), "Input"
LIMITS = Limits(size=200 << 30, members=500_000, total=400 << 30)
MAX_PHOTO = 25_000_000  # bytes, as for photos in the clinic
MOST_UNLISTED = 0.1  # photos that no table lists, of those listed
SPARE = 1 << 28  # bytes that stay free on the disk

Progress = Callable[[Stage, int, int, str], None]


@dataclass(frozen=True)
class _File:
    """A file to take: how it is called there, where it goes, and its bytes."""

    name: str
    target: Path
    size: int


def gather(source: Path, target: Path, report: Progress) -> None:
    """Puts what a folder or a ZIP holds of ISIC 2019's layout into `target`.

    InvalidData if it is unsafe or holds nothing of the kind, TrainingFailed if the disk is full.
    """
    if source.is_symlink():
        raise InvalidData([f"{source.name} is a link. Please copy the data themselves."])
    if source.is_dir():
        _from_folder(source, target, report)
    elif source.is_file():
        _from_archive(source, target, "", report)
    else:
        raise InvalidData([f"{source.name} is not there any more."])


def room(folder: Path, needed: int) -> None:
    """TrainingFailed if the disk has no room for so many bytes more."""
    if shutil.disk_usage(folder).free < needed + SPARE:
        raise disk_full(folder, needed + SPARE)


def _from_folder(source: Path, target: Path, report: Progress) -> None:
    files, links = [], []
    for path in _walk(source):
        if path.is_symlink():
            links.append(path.name)
        elif path.is_file() and (place := _place(path.relative_to(source).as_posix(), "")):
            files.append((path, target / place))
    if links:
        raise InvalidData([f"{source.name} holds links, which are not followed: {some(links)}."])
    packed = [one for one in source.glob(f"*{INPUT}.zip") if not one.with_suffix("").exists()]
    _refuse_none(source.name, [place for _, place in files], bool(packed))
    sizes = [path.stat().st_size for path, _ in files]
    room(target, 0 if _links(target, files[0][0] if files else None) else sum(sizes))
    for done, (path, place) in enumerate(files, start=1):
        _take(path, place)
        report("copying", done, len(files), "files")
    for archive in packed:
        _from_archive(archive, target, archive.stem, report)


def _walk(source: Path) -> Iterator[Path]:
    """The folder's own files, and those of its folders *Input."""
    for path in sorted(source.iterdir()):
        if path.is_dir() and not path.is_symlink():
            if path.name.endswith(INPUT):
                yield from sorted(path.iterdir())
        elif path.name.endswith(TABLES):
            yield path


def _links(target: Path, example: Path | None) -> bool:
    """Whether a photo can be linked to where the data set is made."""
    if example is None:
        return True
    trial = target / ".link"
    try:
        os.link(example, trial)
    except OSError:  # another disk, or a file system without links
        return False
    trial.unlink()
    return True


def _take(path: Path, place: Path) -> None:
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    if path.suffix == ".csv":  # somebody may still edit it; photos are only ever replaced
        shutil.copyfile(path, place)
        return
    try:
        os.link(path, place)
    except OSError:
        shutil.copyfile(path, place)


def _from_archive(source: Path, target: Path, photos: str, report: Progress) -> None:
    """Unpacks a ZIP; `photos` names the folder for those that lie in none."""
    if not source.stat().st_size:
        raise InvalidData([f"{source.name} is an empty file."])
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            _unpack(data, source.name, target, photos, report)
        except InvalidArchive as error:
            raise InvalidData([f"{display_name(source.name)}: {error}"]) from error


def _unpack(data: mmap.mmap, name: str, target: Path, photos: str, report: Progress) -> None:
    found: list[tuple[Member, Path]] = []
    taken: set[Path] = set()
    for member in list_archive(data, LIMITS):
        place = _place(member.name.replace("\\", "/"), photos)
        if place is None:
            continue
        most = MAX_PHOTO if place.suffix == ".jpg" else MAX_TABLE
        if member.size > most:
            raise InvalidData([f"{display_name(member.name)} is larger than {most >> 20} MB."])
        if place in taken:
            raise InvalidData([f"{name} holds {place.as_posix()} in two folders."])
        taken.add(place)
        found.append((member, target / place))
    _refuse_none(name, [place for _, place in found], bool(photos))
    room(target, sum(member.size for member, _ in found))
    for done, (member, place) in enumerate(found, start=1):
        place.parent.mkdir(exist_ok=True)
        if not place.exists():  # else an intake that was interrupted has left it whole
            part = place.with_name(place.name + ".part")
            with part.open("wb") as file:
                for piece in pieces(data, member):
                    file.write(piece)
            os.replace(part, place)
        report("unpacking", done, len(found), "files")


def _place(name: str, photos: str) -> Path | None:
    """Where a file goes, relative to the data set; None for what is not taken."""
    path = PurePosixPath(name)
    if path.name.endswith(TABLES):
        return Path(path.name)
    folder = path.parent.name if path.parent.name.endswith(INPUT) else photos
    if folder and path.suffix.lower() in PHOTOS and path.stem:
        return Path(folder, path.stem + ".jpg")
    return None


def _refuse_none(name: str, places: list[Path], photos: bool) -> None:
    if not places or not (photos or any(place.suffix == ".jpg" for place in places)):
        raise InvalidData(
            [
                f"{name} is not in ISIC 2019's layout. Expected are a folder *{INPUT} with photos"
                f" as .jpg, a file *{TABLES[0]}, and perhaps a file *{TABLES[1]}."
            ]
        )


def drop_unlisted(target: Path, listed: Collection[str], agreed: Collection[str]) -> list[str]:
    """Removes gathered photos that the table does not list; a sentence about them.

    InvalidData where they are many, and nobody has agreed to do without them: a mistake.
    """
    known = set(listed)
    extra = [one for one in sorted(target.resolve().glob("*/*.jpg")) if str(one) not in known]
    names = [one.stem for one in extra if one.stem not in set(agreed)]
    what = f"Photos that the table does not list: {len(names):,}, {some(names)}."
    if len(names) > MOST_UNLISTED * len(listed):
        raise InvalidData([what], names)
    for path in extra:
        path.unlink()
    return [what] if names else []

"""Scores a folder of photos, one by one or lesion by lesion, in the ISIC challenge's format."""

import csv
import itertools
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from skinmodel.analysis import BATCH, NO_RESULT, extract_features
from skinmodel.bundle import Model
from skinmodel.calibration import Prior
from skinmodel.diagnoses import CODES, UNKNOWN
from skinmodel.images import MAX_BYTES, InvalidImage, Photo
from skinmodel.reading.decoder import Decoder

READABLE = (".jpg", ".jpeg", ".png", ".webp", ".dcm")
# Also pictures to a person, so each is named with the reason why it is not scored.
PICTURES = (*READABLE, ".heic", ".heif", ".avif", ".tif", ".tiff", ".bmp", ".gif", ".jp2")


class InvalidInput(ValueError):
    """The folder or the metadata cannot be used; the text is one plain sentence."""


@dataclass(frozen=True)
class Scores:
    """The nine values by photo or lesion, in order, and (file name, reason) failed.

    They are the probabilities of the eight, which sum to 1, and the unknown score: of a lesion
    that of its strangest photo, 0 where the model has none.
    """

    rows: dict[str, tuple[float, ...]]
    failed: tuple[tuple[str, str], ...]


def find_photos(folder: Path) -> dict[str, Path]:
    """The pictures directly in a folder by their name without suffix, sorted; InvalidInput if none.

    Of two with the same such name the second keeps its suffix.
    """
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is not a folder.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PICTURES and not path.name.startswith(".") and path.is_file():
            found[path.name if path.stem in found else path.stem] = path
    if not found:
        raise InvalidInput(f"There are no photos in {folder}.")
    return found


def read_lesions(metadata: Path) -> dict[str, str]:
    """The lesion of each image in ISIC's metadata; an image without one is a lesion of its own."""
    lesions: dict[str, str] = {}
    try:
        with metadata.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            missing = {"image", "lesion_id"} - set(table.fieldnames or ())
            if missing:
                raise InvalidInput(f"{metadata.name} has no column {sorted(missing)[0]}.")
            for row in table:
                image = row["image"] or ""
                lesion = (row["lesion_id"] or "").strip() or image
                if lesions.setdefault(image, lesion) != lesion:
                    raise InvalidInput(f"{metadata.name} gives {image} two lesions.")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{metadata.name} cannot be read as a CSV file.") from error
    return lesions


def read_ahead(
    paths: Iterable[Path], decoder: Decoder, *, ahead: int = 2 * BATCH, threads: int = 4
) -> Iterator[tuple[Path, Photo | InvalidImage]]:
    """Each file's photo, or why there is none, in order, reading at most `ahead` files ahead."""

    def read(path: Path) -> Photo | InvalidImage:
        try:
            with path.open("rb") as file:
                return decoder.read(file.read(MAX_BYTES + 1), name=path.name)
        except InvalidImage as error:
            return error
        except OSError:
            return InvalidImage("This file cannot be opened.")

    waiting = iter(paths)
    with ThreadPoolExecutor(threads) as pool:
        queue: list[tuple[Path, Future[Photo | InvalidImage]]] = []
        try:
            while True:
                for path in itertools.islice(waiting, ahead - len(queue)):
                    queue.append((path, pool.submit(read, path)))
                if not queue:
                    return
                path, future = queue.pop(0)
                yield path, future.result()
        finally:
            for _, future in queue:
                future.cancel()


def score_photos(
    model: Model,
    photos: Mapping[str, Path],
    *,
    prior: Prior,
    lesions: Mapping[str, str] | None = None,
    decoder: Decoder,
    progress: Callable[[int], object] = lambda count: None,
) -> Scores:
    """Scores photos, or with `lesions` each lesion's readable photos as one undated series.

    A lesion's photos are taken in the metadata's order. `progress` is told how many files more
    are done.
    """
    failed: list[tuple[str, str]] = []
    pooled: dict[str, tuple[Tensor, Tensor]] = {}  # image -> (F,) and (E,)
    if lesions is not None:
        for image in photos.keys() - lesions.keys():
            failed.append((photos[image].name, "This photo is not in the metadata."))
        photos = {image: photos[image] for image in lesions if image in photos}
    images = {path: image for image, path in photos.items()}
    stream = read_ahead(photos.values(), decoder)
    while batch := list(itertools.islice(stream, BATCH)):
        readable = [(images[path], photo) for path, photo in batch if isinstance(photo, Photo)]
        failed += [(path.name, str(e)) for path, e in batch if isinstance(e, InvalidImage)]
        if readable:
            features, early = extract_features(model, [photo.picture for _, photo in readable])
            rows = zip(features.mean(dim=(-2, -1)), early, strict=True)
            for (image, _), row in zip(readable, rows, strict=True):
                if all(part.isfinite().all() for part in row):
                    pooled[image] = row
                else:
                    failed.append((photos[image].name, NO_RESULT))
        progress(len(batch))
    groups: dict[str, list[tuple[Tensor, Tensor]]] = defaultdict(list)
    for image in photos:
        if image in pooled:
            groups[image if lesions is None else lesions[image]].append(pooled[image])
    return Scores(_nine(model, groups, prior), tuple(sorted(failed)))


def _nine(
    model: Model, groups: Mapping[str, Sequence[tuple[Tensor, Tensor]]], prior: Prior
) -> dict[str, tuple[float, ...]]:
    """The values after the last photo of each group; groups of one length go together."""
    by_length: dict[int, list[str]] = defaultdict(list)
    for name, rows in groups.items():
        by_length[len(rows)].append(name)
    found: dict[str, tuple[float, ...]] = {}
    for length, names in by_length.items():
        for start in range(0, len(names), 256):
            part = names[start : start + 256]
            photos = [row for name in part for row in groups[name]]
            pooled = torch.stack([row for row, _ in photos])  # (B * T, F)
            early = torch.stack([row for _, row in photos])
            visit = torch.arange(length).expand(len(part), -1)
            with torch.no_grad():
                series = pooled.unflatten(0, visit.shape)  # (B, T, F)
                logits = model.network.forward_pooled(series, visit)[:, -1]
            probabilities = model.calibration.probabilities(
                logits.numpy(), prior=prior, photos=length
            )
            unknown = np.zeros(len(part))
            if model.unknown:
                unknown = model.unknown.scores(pooled, early).reshape(-1, length).max(axis=1)
            rows = np.column_stack([probabilities, unknown]).tolist()
            found |= {n: tuple(row) for n, row in zip(part, rows, strict=True)}
    return {name: found[name] for name in groups}


def write_csv(path: Path, first_column: str, rows: Mapping[str, Sequence[float]]) -> None:
    """Writes the challenge's format, replacing the file in one step.

    Its scores are confidences in [0, 1] with 0.5 as the line between yes and no, and need not sum
    to 1 (https://forum.isic-archive.com/t/submission-procedure/1172). Here the eight do, and UNK
    stands beside them.
    """
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow((first_column, *CODES, UNKNOWN))
            for name, values in rows.items():
                # Twelve decimals: the eight sum to 1 within 1e-11, and no reader meets an exponent.
                writer.writerow((name, *(f"{value:.12f}" for value in values)))
            file.flush()
            os.fsync(file.fileno())
        os.chmod(unfinished, 0o644)  # mkstemp's files are for their owner alone
        os.replace(unfinished, path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise

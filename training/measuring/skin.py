"""Pieces of plain skin beside a lesion's outline and, as large, of the lesion itself.

The unknown score is fitted to both and measured on both: a piece is enlarged before the network
sees it, and what tells skin must not be what tells enlarged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from skinmodel.network import CnnLstm
from skinmodel.transforms import Preparation
from training.data.splits import Split
from training.learning.run import Run
from training.measuring.decoys import Pixels
from training.measuring.scoring import all_features
from training.outline.examples import read_masks

LEAST = 0.3  # of the photo's height, for a piece
STRENGTH = 0.1  # of 0.01 to 10, with the fewest pieces of lesions refused on calibration lesions


@dataclass(frozen=True)
class Pieces:
    """Pieces (h, w, 3) of photos, one of each kind a lesion, and the lesions' first photos."""

    skin: tuple[Pixels, ...]
    lesion: tuple[Pixels, ...]
    photos: tuple[int, ...]


def cut_pieces(run: Run, split: Split, most: int) -> Pieces:
    """Pieces of at most so many lesions of a split, drawn at random; none without outlines.

    The outlines lie in `masks` beside the folder of photos, as `<image>.png`.
    """
    random = np.random.default_rng(run.config.seed)
    first = [photos[0] for photos in run.lesions(split).photos]
    first = [first[place] for place in random.permutation(len(first))]
    paths, images = run.table["path"].loc[first], run.table["image"].loc[first]
    skin: list[Pixels] = []
    lesion: list[Pixels] = []
    photos: list[int] = []
    for photo, path, image in zip(first, paths, images, strict=True):
        if len(skin) == most:
            break
        mask = read_masks(Path(str(path)).parent.parent / "masks", [str(image)])[0]
        if mask is None:
            continue
        pixels = run.cache[photo]
        scaled = np.asarray(run.config.preparation.to_scale(Image.fromarray(mask))) > 0
        if scaled.shape != pixels.shape[:2] or not scaled.any():
            continue
        piece = plain_skin(pixels, scaled, random)
        if piece is not None:
            skin.append(piece)
            lesion.append(lesion_piece(pixels, scaled, piece.shape[:2], random))
            photos.append(photo)
    return Pieces(tuple(skin), tuple(lesion), tuple(photos))


def piece_features(
    network: CnnLstm, pieces: Pieces, preparation: Preparation
) -> tuple[Tensor, Tensor]:
    """Early features (N, E) of the pieces of skin, and of those of lesions."""
    skin, lesion = (
        all_features(network, kind.__getitem__, range(len(kind)), preparation)[1]
        for kind in (pieces.skin, pieces.lesion)
    )
    return skin, lesion


def toward_skin(skin: Tensor, lesions: Sequence[Tensor]) -> Tensor:
    """The direction (E,) in early features from lesions (N, E) to pieces of plain skin (M, E).

    By a logistic regression. `lesions` are whole photos and pieces as small: against whole photos
    alone it would learn what is enlarged.
    """
    every = torch.cat([skin, *lesions]).cpu().double().numpy()
    scaler = StandardScaler().fit(every)
    truth = np.arange(len(every)) < len(skin)
    found = LogisticRegression(C=STRENGTH, max_iter=5000).fit(scaler.transform(every), truth)
    return torch.tensor(found.coef_[0] / scaler.scale_, dtype=torch.float32)


def plain_skin(pixels: Pixels, lesion: NDArray[np.bool_], random: Generator) -> Pixels | None:
    """A piece of a photo (h, w, 3) beside the lesion (h, w), as large as there is, 4:3.

    None if there is none of LEAST of the photo's height.
    """
    height, width = lesion.shape
    table = np.pad(lesion.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    for high in range(height * 3 // 4, round(LEAST * height), -4):
        wide = min(width, high * 4 // 3)
        rows = table[high:] - table[:-high]
        free = np.argwhere(rows[:, wide:] == rows[:, :-wide])
        if len(free):
            top, left = free[random.integers(len(free))]
            return pixels[top : top + high, left : left + wide]
    return None


def lesion_piece(
    pixels: Pixels, lesion: NDArray[np.bool_], size: tuple[int, int], random: Generator
) -> Pixels:
    """A piece (height, width) of a photo around a random point of the lesion (h, w)."""
    inside = np.argwhere(lesion)
    centre = inside[random.integers(len(inside))]
    room = np.array(lesion.shape) - size
    top, left = np.clip(centre - np.array(size) // 2, 0, room)
    return pixels[top : top + size[0], left : left + size[1]]

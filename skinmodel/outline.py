"""A lesion's outline in a photo, and how sure it is.

The network is `OutlineNetwork`; its answer is averaged over the photo's four mirror images, reduced
to its largest piece and filled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from skinmodel.outline_bundle import OutlineModel
from skinmodel.outline_network import STRIDE, OutlineNetwork
from skinmodel.transforms import FILTER, Preparation

MASK_SIDE = 300  # pixels, short side of a mask: finer than the network, coarser than a photo
BY_HAND = "drawn by hand"  # in place of the model's version
MIRRORS = ((), (-1,), (-2,), (-1, -2))

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Outline:
    """What is lesion in a photo: `mask` (h, w) covers `frame`, a box in the photo's own pixels.

    `certainty` is the Dice overlap the network expects of its own mask. `uncertain` also when
    nothing was found; the mask is then empty.
    """

    mask: Mask = field(repr=False)
    frame: tuple[float, float, float, float]
    certainty: float
    uncertain: bool
    version: str


def find_outline(model: OutlineModel, picture: Image.Image) -> Outline:
    """The outline of the lesion in an upright RGB photo; its mask has a short side of 300 px."""
    frame = Preparation().frame(picture)
    left, top, right, bottom = frame
    height, width = _sides((bottom - top, right - left), MASK_SIDE, 1)
    coarse = lesion_probability(model.network, framed(picture, frame, model.side))
    lesion = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    mask, certainty = to_mask(np.asarray(lesion, dtype=np.float32))
    return Outline(mask, frame, certainty, certainty < model.sure_from, model.version)


@torch.inference_mode()
def lesion_probability(network: OutlineNetwork, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Probability of lesion (h, w) for pixels (h, w, 3), mean of the four mirror images."""
    photo = Preparation().normalise(torch.from_numpy(pixels).permute(2, 0, 1))[None]
    total = torch.zeros(photo.shape[-2:])
    for axes in MIRRORS:
        seen: Tensor = network(photo.flip(axes) if axes else photo).sigmoid()
        total += (seen.flip(axes) if axes else seen)[0, 0]
    mean: NDArray[np.float32] = (total / len(MIRRORS)).numpy()
    return mean


def to_mask(lesion: NDArray[np.float32]) -> tuple[Mask, float]:
    """The largest piece above one half, filled, and its expected Dice overlap (0 if empty)."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((lesion > 0.5).astype(np.uint8))
    if count < 2:
        return np.zeros(lesion.shape, dtype=bool), 0.0
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    piece = (labels == largest).astype(np.uint8)
    edges, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    mask = cv2.drawContours(np.zeros_like(piece), edges, -1, 1, thickness=-1).astype(bool)
    expected = 2 * float(lesion[mask].sum()) / (float(mask.sum()) + float(lesion.sum()))
    return mask, expected


def framed(
    picture: Image.Image, frame: tuple[float, float, float, float], side: int
) -> NDArray[np.uint8]:
    """The frame as the network's input: short side about `side`, both multiples of its stride."""
    left, top, right, bottom = frame
    height, width = _sides((bottom - top, right - left), side, STRIDE)
    return np.array(picture.resize((width, height), FILTER, box=frame))


def _sides(box: tuple[float, float], short: int, multiple: int) -> tuple[int, int]:
    """Height and width in the box's proportions, the shorter one `short`, as multiples."""
    ratio = short / min(box)
    height, width = (max(multiple, round(side * ratio / multiple) * multiple) for side in box)
    return height, width


def drawn_outline(points: Sequence[tuple[float, float]], size: tuple[int, int]) -> Outline:
    """A person's polygon, in the pixels of an upright photo of that size (width, height).

    It is certain by definition: what a person draws, a person answers for. Of a polygon that
    crosses itself the largest piece is taken, filled.
    """
    width, height = size
    rows, columns = _sides((height, width), MASK_SIDE, 1)
    # Centres of pixels lie at half integers, and OpenCV's fractions have four bits here.
    at = np.array(points) * (columns / width, rows / height) - 0.5
    filled = np.zeros((rows, columns), dtype=np.uint8)
    cv2.fillPoly(filled, [np.round(at * 16).astype(np.int32)], 1, shift=4)
    mask, _ = to_mask(filled.astype(np.float32))
    frame = (0.0, 0.0, float(width), float(height))
    return Outline(mask, frame, 1.0, False, BY_HAND)


def on_photo(outline: Outline, shape: tuple[int, int], ratio: float) -> Mask:
    """The mask on the whole photo scaled by `ratio` to `shape` (h, w)."""
    left, top, right, bottom = outline.frame
    rows, columns = outline.mask.shape
    x, y = (right - left) * ratio / columns, (bottom - top) * ratio / rows
    place = np.array(
        [[x, 0, left * ratio + (x - 1) / 2], [0, y, top * ratio + (y - 1) / 2]], dtype=np.float64
    )
    size = shape[1], shape[0]
    placed = cv2.warpAffine(outline.mask.astype(np.uint8), place, size, flags=cv2.INTER_NEAREST)
    return np.asarray(placed, dtype=bool)

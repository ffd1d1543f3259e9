"""Where the heat maps lie: inside the lesion's outline, or on the skin and the ruler around it.

The map is that of the diagnosis the page ranks first. A map that took no notice of the photo would
have the outline's share of the area inside it, which is therefore given beside each figure.
Pointing game: Zhang et al. 2016, https://arxiv.org/abs/1608.00507.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from skinmodel.bundle import Model
from skinmodel.gradcam import EMPTY, heat_maps
from training.measuring.evaluate import Labels, intervals
from training.measuring.metrics import Array

Outline = NDArray[np.bool_]


@dataclass(frozen=True)
class Attention:
    """One photo's heat map against its outline: `row` of the photo, both shares in [0, 1].

    `energy` is the share of the heat inside the outline, `area` the outline's share of what the
    network sees, `pointed` whether the hottest place is inside. `energy` is None where the map
    shows nothing, and all are None where the outline cannot be used, for the reason in `problem`.
    """

    row: int
    energy: float | None = None
    area: float | None = None
    pointed: bool | None = None
    problem: str | None = None


def attend(
    model: Model, features: Tensor, picture: Image.Image, outline: Path, *, row: int
) -> Attention:
    """The heat map of the leading diagnosis of feature maps (F, h, w) against an outline file."""
    try:
        inside = read_outline(outline, picture, model)
    except ValueError as error:
        return Attention(row, problem=str(error))
    visit = torch.zeros(1, dtype=torch.long)
    with torch.no_grad():
        logits = model.network.forward_head(features[None, None], visit[None])[0, -1]
    leading = int(model.calibration.probabilities(logits.numpy()).argmax())
    heat = heat_maps(model.network, features[None], visit, targets=[leading])[0, 0]
    return measure(heat, inside, row=row)


def read_outline(path: Path, picture: Image.Image, model: Model) -> Outline:
    """The part (h, w) of a photo's outline that the network sees; ValueError says what is wrong."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            mask = image.convert("L")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError) as error:
        raise ValueError("The outline cannot be read as PNG.") from error
    if abs(mask.width * picture.height - mask.height * picture.width) > max(
        *mask.size, *picture.size
    ):
        raise ValueError("The outline has other proportions than the photo.")
    left, top, right, bottom = (round(edge) for edge in model.preparation.frame(mask))
    inside = np.asarray(mask)[top:bottom, left:right] > 127
    if not inside.any():
        raise ValueError("The outline is empty.")
    return np.asarray(inside)


def measure(heat: NDArray[np.float32], inside: Outline, *, row: int) -> Attention:
    """Energy and pointing of a heat map (h, w), smoothly enlarged, against an outline (H, W)."""
    area = float(inside.mean())
    if heat.max() <= EMPTY:
        return Attention(row, area=area)
    height, width = inside.shape
    whole = Image.fromarray(np.ascontiguousarray(heat)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    spread = np.asarray(whole)
    hottest = np.unravel_index(int(spread.argmax()), spread.shape)
    share = float(spread[inside].sum() / spread.sum())
    return Attention(row, energy=share, area=area, pointed=bool(inside[hottest]))


def summary(
    found: Sequence[Attention], lesions: Labels, groups: dict[str, NDArray[np.bool_]]
) -> dict[str, Any]:
    """Means over photos with 95 % intervals by lesion, for all photos and for groups of them.

    `lesions` (N,) and the masks in `groups` (N,) are of all scored photos.
    """
    usable = [one for one in found if one.area is not None]
    problems: dict[str, int] = {}
    for one in found:
        if one.problem:
            problems[one.problem] = problems.get(one.problem, 0) + 1
    rows = np.array([one.row for one in usable], dtype=int)
    lit = np.array([one.energy is not None for one in usable], dtype=bool)
    parts = {"all photos": np.ones(len(rows), dtype=bool)}
    parts |= {name: chosen[rows] for name, chosen in groups.items()}
    return {
        "photos": len(usable),
        "without_highlight": int((~lit).sum()),
        "problems": problems,
        "groups": {
            name: _means([one for one, use in zip(usable, part & lit, strict=True) if use], lesions)
            for name, part in parts.items()
        },
    }


def _means(found: Sequence[Attention], lesions: Labels) -> dict[str, Any]:
    """Mean energy, area and pointing of photos whose maps show something."""
    if not found:
        return {"photos": 0, "lesions": 0, "energy": None, "area": None, "pointed": None}
    values = np.array([(one.energy, one.area, one.pointed) for one in found], dtype=float)
    own = lesions[[one.row for one in found]]

    def means(weights: Array) -> Array:
        return np.asarray(weights @ values / weights.sum())

    energy, area, pointed = intervals(means, own)
    return {
        "photos": len(found),
        "lesions": len(np.unique(own)),
        "energy": energy,
        "area": area,
        "pointed": pointed,
    }

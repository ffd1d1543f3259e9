"""Noise, nets and spots: the textures that drawn skin is made of.

Sizes are (width, height) in pixels, fields are (height, width) float64.
"""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

Field = NDArray[np.float64]
Size = tuple[int, int]


def polar(size: Size, centre: tuple[float, float]) -> tuple[Field, Field]:
    """Distance and angle of every pixel as seen from `centre` (x, y)."""
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]] + 0.5
    across, down = columns - centre[0], rows - centre[1]
    return np.hypot(across, down), np.arctan2(down, across)


def smooth(low: float, high: float, value: Field) -> Field:
    """A soft step: 0 where value is at `low`, 1 at `high`; `high` may be the lower of the two."""
    step = np.clip((value - low) / (high - low), 0, 1)
    return step * step * (3 - 2 * step)


def noise(random: np.random.Generator, size: Size, grain: float) -> Field:
    """Smooth noise of mean 0 and deviation 1 with blobs about `grain` pixels across."""
    cells = (max(4, math.ceil(size[0] / grain)), max(4, math.ceil(size[1] / grain)))
    coarse = Image.fromarray(random.standard_normal(cells[::-1]).astype(np.float32))
    field = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), dtype=np.float64)
    return (field - field.mean()) / field.std()


def net(random: np.random.Generator, size: Size, grain: float) -> Field:
    """An irregular honeycomb with meshes about `grain` pixels wide: 1 on its lines, 0 in its holes.

    The lines are where two of a jittered grid's points are equally near (Worley noise).
    """
    reach = 2 * grain
    rows, columns = np.mgrid[
        -reach : size[1] + reach : grain * 0.87, -reach : size[0] + reach : grain
    ]
    columns[::2] += grain / 2
    points = np.stack((columns, rows), axis=-1).reshape(-1, 2)
    points += random.normal(0, grain * 0.17, points.shape)
    bend = np.stack([noise(random, size, grain * 4) for _ in range(2)], axis=-1) * grain * 0.4
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    nearest, _ = cKDTree(points).query(np.stack((columns, rows), axis=-1) + bend, k=2)
    gap: Field = nearest[..., 1] - nearest[..., 0]
    return np.exp(-((gap / (grain * 0.24)) ** 2))


def spots(size: Size, places: Field, radii: Field) -> Field:
    """Soft round spots around `places` (N, 2) with `radii` (N,): 1 in the middle, 0 outside."""
    field = np.zeros(size[::-1])
    for (x, y), radius in zip(places, radii, strict=True):
        reach = math.ceil(radius * 2)
        left, top = max(0, int(x) - reach), max(0, int(y) - reach)
        part = field[top : max(0, int(y) + reach), left : max(0, int(x) + reach)]
        distance, _ = polar((part.shape[1], part.shape[0]), (x - left, y - top))
        np.maximum(part, smooth(radius * 1.25, radius * 0.7, distance), out=part)
    return field

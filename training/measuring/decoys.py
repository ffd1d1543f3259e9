"""Drawn pictures that show no lesion: blank, noise, textures and text.

They measure the unknown score wherever a model is made; what fits the score never sees them.
"""

from collections.abc import Callable
from math import cos, pi, sin

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from skinmodel.texture import net, noise

Pixels = NDArray[np.uint8]
SIZE = (300, 225)  # (width, height) of every decoy
WORDS = ("patient", "visit", "left", "of", "report", "total", "page", "the", "and", "17.3")


def draw_decoys(seed: int, each: int) -> dict[str, list[Pixels]]:
    """`each` pictures (h, w, 3) of every kind, the same for the same seed."""
    return {
        kind: [draw(np.random.default_rng((seed, k, i))) for i in range(each)]
        for k, (kind, draw) in enumerate(KINDS.items())
    }


def _blank(random: Generator) -> Pixels:
    """One colour, often black, white or a skin tone, sometimes with faint noise or a slope."""
    choice = int(random.integers(4))
    colour = (
        np.zeros(3),
        np.full(3, 255.0),
        np.array((214, 168, 150)) * random.uniform(0.4, 1.15),
        random.uniform(0, 255, 3),
    )[choice]
    field = np.broadcast_to(colour, (SIZE[1], SIZE[0], 3)).copy()
    if random.random() < 0.5:
        field += random.normal(0, random.uniform(0.5, 4), field.shape)
    if random.random() < 0.3:
        slope = np.linspace(-1, 1, SIZE[0])[None, :, None] * random.uniform(-40, 40, 3)
        field += slope
    return _to_pixels(field)


def _static(random: Generator) -> Pixels:
    """Noise, grey or coloured, of a pixel's or of larger grain."""
    grain = int(random.choice([1, 1, 2, 4, 8, 16]))
    shape = -(-SIZE[1] // grain), -(-SIZE[0] // grain), int(random.choice([1, 3]))
    if random.random() < 0.5:
        field = random.uniform(0, 255, shape)
    else:
        field = random.uniform(60, 200) + random.uniform(20, 90) * random.standard_normal(shape)
    large = field.repeat(grain, axis=0).repeat(grain, axis=1)[: SIZE[1], : SIZE[0]]
    return _to_pixels(np.broadcast_to(large, (SIZE[1], SIZE[0], 3)))


def _texture(random: Generator) -> Pixels:
    """Stripes, checks, nets, clouds or shapes in colours of any kind."""
    first, second = random.uniform(0, 255, (2, 3))
    kind = int(random.integers(5))
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(float)
    step = random.uniform(6, 50)
    turn = random.uniform(0, pi)
    along = columns * cos(turn) + rows * sin(turn)
    if kind == 4:
        return _shapes(random)
    if kind == 0:
        mix = (np.sin(2 * pi * along / step) > 0).astype(float)
    elif kind == 1:
        across = rows * cos(turn) - columns * sin(turn)
        mix = ((along // step + across // step) % 2).astype(float)
    elif kind == 2:
        mix = net(random, SIZE, step)
    else:
        mix = np.clip(0.5 + 0.4 * noise(random, SIZE, step), 0, 1)
    return _to_pixels(first + (second - first) * mix[..., None])


def _shapes(random: Generator) -> Pixels:
    """Boxes and discs of plain colours."""
    picture = Image.new("RGB", SIZE, _colour(random))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(random.integers(3, 25))):
        x, y = random.uniform((0, 0), SIZE)
        reach = random.uniform(8, 90)
        box = (x - reach, y - reach * random.uniform(0.3, 1), x + reach, y + reach)
        (pen.ellipse if random.random() < 0.5 else pen.rectangle)(box, fill=_colour(random))
    return np.asarray(picture)


def _page(random: Generator) -> Pixels:
    """A page of text or a program's window: lines of words, headings, boxes, rules."""
    dark = random.random() < 0.35
    paper, ink = ((24, 26, 31), (225, 225, 225)) if dark else ((252, 252, 250), (25, 25, 30))
    picture = Image.new("RGB", SIZE, paper)
    pen = ImageDraw.Draw(picture)
    left = 0.0
    if random.random() < 0.4:  # a side bar
        left = random.uniform(30, 90)
        pen.rectangle((0, 0, left, SIZE[1]), fill=_colour(random))
    y = random.uniform(4, 20)
    while y < SIZE[1]:
        size = float(random.choice([7, 8, 9, 10, 12, 18], p=[0.2, 0.2, 0.2, 0.2, 0.15, 0.05]))
        words = " ".join(random.choice(WORDS, int(random.integers(3, 14))))
        kind = random.random()
        if kind < 0.08:
            wide = random.uniform(30, 150)
            pen.rectangle((left + 8, y, left + 8 + wide, y + 14), fill=_colour(random))
        elif kind < 0.14:
            pen.line((left + 8, y, SIZE[0] - 8, y), fill=(128, 128, 128))
        else:
            pen.text((left + 8, y), words, ink, ImageFont.load_default(size))
        y += size * random.uniform(1.2, 2)
    return np.asarray(picture)


def _colour(random: Generator) -> tuple[int, int, int]:
    red, green, blue = random.integers(0, 256, 3)
    return int(red), int(green), int(blue)


def _to_pixels(field: NDArray[np.float64]) -> Pixels:
    return np.asarray(field.clip(0, 255).round(), dtype=np.uint8)


KINDS: dict[str, Callable[[Generator], Pixels]] = {
    "blank": _blank,
    "noise": _static,
    "texture": _texture,
    "page of text": _page,
}

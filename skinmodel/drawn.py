"""Draws practice lesions that grow: for examples and tests, never a photograph of a person.

The outline is star-shaped, so its area is known exactly. Pigment darkens skin as a filter does
(Beer-Lambert), which turns one amount of melanin into the right brown by itself.
"""

import datetime
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from skinmodel.texture import Field, Size, net, noise, polar, smooth, spots

CAPTION = "drawn, not a patient"
GROWTH_PER_VISIT = 0.22  # of the first visit's area
MOST_GROWTH = 0.66  # beyond this a lesion could leave the picture
_VISITED_ON = (
    datetime.date(2024, 3, 12),
    datetime.date(2024, 6, 18),
    datetime.date(2024, 10, 2),
)
# How strongly a unit of pigment and of blood takes red, green and blue out of the light.
_MELANIN = np.array((0.70, 1.14, 1.58))
_BLOOD = np.array((0.10, 0.75, 0.62))
_VEIL = np.array((0.27, 0.29, 0.38))  # pigment deep in the skin looks blue-grey
_MARGIN = 1.3  # the scene is drawn wider than the picture: a photo may be turned and shifted
# One purpose each, so that one more hair doesn't move the outline.
_OUTLINE, _PLACE, _SKIN, _LESION, _PHOTO = range(5)


def draw_lesion(seed: int, *, growth: float = 0.0, size: Size = (600, 450)) -> Image.Image:
    """The lesion of this seed, its area larger than at first by the fraction `growth`.

    `growth` is 0 to MOST_GROWTH; a grown lesion is darker too, and bulges to one side. `size` is
    (width, height) in pixels.
    """
    return _photograph(seed, growth, size, visit=0)


def draw_series(
    seed: int, *, visits: int = 3, size: Size = (600, 450)
) -> tuple[tuple[Image.Image, datetime.date], ...]:
    """One lesion at each visit, with the visit's date, larger by GROWTH_PER_VISIT each time.

    Each visit is photographed anew: turned, shifted and lit a little differently. From the fourth
    visit on the lesion stays as large as it is.
    """
    dates = list(_VISITED_ON[:visits])
    while len(dates) < visits:
        dates.append(dates[-1] + datetime.timedelta(days=105))
    return tuple(
        (_photograph(seed, min(GROWTH_PER_VISIT * visit, MOST_GROWTH), size, visit), day)
        for visit, day in enumerate(dates)
    )


def lesion_mask(seed: int, *, growth: float = 0.0, size: Size = (600, 450)) -> NDArray[np.bool_]:
    """True inside the outline that `draw_lesion` draws for the same arguments, (height, width)."""
    distance, angle = polar(size, _centre(seed, size, 1.0))
    return distance < outline(seed, growth, angle) * min(size)


def outline(seed: int, growth: float, angle: Field) -> Field:
    """Distance from the lesion's centre to its border at each angle, in short sides."""
    random = _random(seed, _OUTLINE)
    base = random.uniform(0.24, 0.265)
    waves = np.arange(2, 11)
    heights = random.uniform(0.4, 1.0, waves.size) * 0.17 / (waves - 0.6) ** 1.25
    phases = random.uniform(0, 2 * math.pi, waves.size)
    bulge = random.uniform(0, 2 * math.pi)

    def shape(at: Field) -> Field:
        swing = (heights * np.cos(at[..., None] * waves + phases)).sum(axis=-1)
        return 1 + swing + growth * 0.6 * np.exp(6 * (np.cos(at - bulge) - 1))

    turn = np.linspace(0, 2 * math.pi, 2048, endpoint=False)
    mean_square = float((shape(turn) ** 2).mean())  # the area is half the integral of the square
    return base * math.sqrt((1 + growth) / mean_square) * shape(angle)


def _random(seed: int, purpose: int, visit: int = 0) -> np.random.Generator:
    return np.random.default_rng((seed, purpose, visit))


def _centre(seed: int, size: Size, margin: float) -> tuple[float, float]:
    across, down = _random(seed, _PLACE).uniform(-0.02, 0.02, 2) * min(size) / margin
    return size[0] / 2 + across, size[1] / 2 + down


def _skin(seed: int, size: Size, unit: float) -> Field:
    """Bare skin, (height, width, 3) in 0 to 1: mottled, finely furrowed, with follicles."""
    random = _random(seed, _SKIN)
    tones = np.array(((0.88, 0.71, 0.65), (0.86, 0.68, 0.60), (0.90, 0.74, 0.67)))
    blood = 0.03 * noise(random, size, 150 * unit) + 0.02 * noise(random, size, 30 * unit)
    blood += 0.02 * noise(random, size, 9 * unit)
    melanin = 0.014 * noise(random, size, 60 * unit) + 0.012 * noise(random, size, 4 * unit)
    flecks = noise(random, size, 13 * unit) + 0.8 * noise(random, size, 90 * unit)
    melanin += 0.07 * smooth(1.2, 2.6, flecks) + 0.020 * net(random, size, 15 * unit)
    places = random.uniform((0, 0), size, (34, 2))
    melanin -= 0.05 * spots(size, places, random.uniform(2.0, 4.5, 34) * unit)
    tone = tones[random.integers(len(tones))]
    return tone * np.exp(-blood[..., None] * _BLOOD - melanin[..., None] * _MELANIN)


def _scene(seed: int, growth: float, size: Size, short: float, unit: float) -> Field:
    """The skin with the lesion in it, wider than the picture, whose short side is `short`."""
    centre = _centre(seed, size, _MARGIN)
    distance, angle = polar(size, centre)
    random = _random(seed, _LESION)
    border = outline(seed, growth, angle)
    depth = border - distance / short  # inward from the border, in short sides
    depth += 0.006 * noise(random, size, 10 * unit) + 0.005 * noise(random, size, 26 * unit)
    sharp = random.uniform(0, 2 * math.pi)  # the side where the border ends abruptly
    inside = smooth(-1, 1, depth / (0.034 - 0.018 * np.cos(angle - sharp)))

    zones = 0.8 * noise(random, size, 80 * unit) + 0.5 * noise(random, size, 30 * unit)
    grain = 0.6 * noise(random, size, 12 * unit) + 0.6 * noise(random, size, 5 * unit)
    lines = net(random, size, random.uniform(7, 9) * unit)
    netted = smooth(0.24, 0.05, depth + 0.05 * zones)  # the net shows towards the border
    netted *= smooth(-1.2, 1.2, noise(random, size, 45 * unit) + 0.5 * grain)
    turn, away = random.uniform(0, 2 * math.pi), random.uniform(0.05, 0.11) * short
    near, _ = polar(size, (centre[0] + away * math.cos(turn), centre[1] + away * math.sin(turn)))
    blotch = smooth(0.20, 0.02, near / short - 0.035 * zones - 0.06 * growth)
    pigment = 0.52 + 0.16 * zones + 0.09 * grain + 0.42 * blotch + 0.35 * growth
    pigment += netted * (0.75 * lines - 0.22) * (1 - 0.75 * blotch)

    count = int(random.integers(25, 60))
    around = random.uniform(-1.1, 1.1, count) + sharp
    share = 1 - random.gamma(2.0, 0.07, count)
    reach = outline(seed, growth, around) * share.clip(0.2, 0.97) * short
    places = np.stack((centre[0] + reach * np.cos(around), centre[1] + reach * np.sin(around)), -1)
    pigment += 0.55 * spots(size, places, random.uniform(1.5, 4.0, count) * unit)

    veil = smooth(0.0, 2.2, zones + 1.2 * blotch - 0.3 + 0.3 * grain) * (0.25 + growth) * inside
    redness = 0.08 * np.exp(-((depth / 0.05) ** 2)) + 0.05 * inside
    colour = _skin(seed, size, unit)
    colour *= np.exp(-redness[..., None] * _BLOOD)
    colour *= np.exp(-(inside * pigment.clip(0.05))[..., None] * _MELANIN)
    shade = 0.5 * veil.clip(0, 0.8)[..., None]
    return colour * (1 - shade) + _VEIL * shade


def _hairs(random: np.random.Generator, size: Size, unit: float) -> Field:
    """How much hair lies over each pixel: a few thin curves, drawn large and reduced."""
    fine = 4
    layer = Image.new("L", (size[0] * fine, size[1] * fine))
    pen = ImageDraw.Draw(layer)
    lie = random.uniform(0, math.pi)
    step = np.linspace(0, 1, 60)[:, None]
    for _ in range(int(random.integers(3, 8))):
        turn = lie + random.normal(0, 0.45)
        along = np.array((math.cos(turn), math.sin(turn)))
        across = np.array((-along[1], along[0]))
        start = random.uniform((-0.1, -0.1), (1.1, 1.1)) * size
        length = random.uniform(150, 380) * unit
        middle = start + along * length / 2 + across * length * random.normal(0, 0.13)
        end = start + along * length
        curve = (1 - step) ** 2 * start + 2 * step * (1 - step) * middle + step**2 * end
        thick = random.uniform(1.1, 2.0) * unit * fine
        for i in range(len(curve) - 1):
            width = max(1, round(thick * (1.05 - (2 * i / len(curve) - 0.8) ** 2 / 1.5)))
            pen.line([tuple(curve[i] * fine), tuple(curve[i + 1] * fine)], fill=255, width=width)
    return np.asarray(layer.resize(size, Image.Resampling.BOX), dtype=np.float64) / 255


def _photograph(seed: int, growth: float, size: Size, visit: int) -> Image.Image:
    """One visit's picture: the scene turned, shifted and lit, with hairs, grain and caption."""
    random = _random(seed, _PHOTO, visit)
    short, unit = min(size), min(size) / 450
    wide = (round(size[0] * _MARGIN), round(size[1] * _MARGIN))
    scene = _to_picture(_scene(seed, growth, wide, short, unit))
    turn, shift = (0.0, np.zeros(2)) if visit == 0 else _pose(random, short)
    scene = scene.rotate(turn, Image.Resampling.BICUBIC, translate=tuple(shift))
    left, top = (wide[0] - size[0]) // 2, (wide[1] - size[1]) // 2
    scene = scene.crop((left, top, left + size[0], top + size[1]))
    colour = np.asarray(scene.filter(ImageFilter.GaussianBlur(0.6 * unit)), dtype=np.float64) / 255

    hair = _hairs(random, size, unit)[..., None]
    colour = colour * (1 - 0.82 * hair) + np.array((0.16, 0.11, 0.09)) * 0.82 * hair
    spot = (size[0] * random.uniform(0.42, 0.58), size[1] * random.uniform(0.42, 0.58))
    distance, angle = polar(size, spot)
    light = 1.04 - 0.30 * (distance / math.hypot(*size) / 0.5) ** 2.6
    light += 0.02 * np.cos(angle - random.uniform(0, 2 * math.pi)) * distance / short
    colour *= light[..., None] * random.normal(1, 0.02) * random.normal(1, 0.008, 3)
    colour += random.normal(0, 0.008, colour.shape)
    return _captioned(_to_picture(colour), unit)


def _pose(random: np.random.Generator, short: int) -> tuple[float, Field]:
    return float(random.uniform(-9, 9)), random.uniform(-0.02, 0.02, 2) * short


def _to_picture(colour: Field) -> Image.Image:
    return Image.fromarray((colour.clip(0, 1) * 255).round().astype(np.uint8))


def _captioned(picture: Image.Image, unit: float) -> Image.Image:
    """The picture with the caption on a dark plate in its lower right corner."""
    font = ImageFont.load_default(max(9, round(13 * unit)))
    pen = ImageDraw.Draw(picture, "RGBA")
    left, top, right, bottom = pen.textbbox((0, 0), CAPTION, font)
    pad = round(5 * unit)
    corner = (picture.width - (right - left) - 2 * pad, picture.height - (bottom - top) - 2 * pad)
    pen.rectangle((*corner, picture.width, picture.height), fill=(20, 20, 22, 170))
    pen.text((corner[0] + pad - left, corner[1] + pad - top), CAPTION, (255, 255, 255, 235), font)
    return picture

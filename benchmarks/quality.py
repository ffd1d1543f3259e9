"""Warnings about photos, on real ones: untouched, and each made worse in one way.

How often a warning comes where nobody made anything worse, and how often where somebody did, with
Wilson's intervals; one photo a lesion. Untouched photos may be faulty, too: some are hairy, or have
ink or a scale beside the lesion, so what is counted there is no more than the false alarms.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from skinmodel.quality import faults, measure
from training.data.manifest import read_isic
from training.measuring.metrics import proportion

Pixels = NDArray[np.uint8]
Make = Callable[[Pixels, Generator], Pixels]

MOST = 500  # photos
FINE = 4  # drawn so many times larger, then scaled down
DYES = ((95, 60, 150), (50, 80, 165), (45, 50, 110), (50, 130, 95))  # violet, blues, green
WORDS = {  # in the sentence of each warning
    "blur": "blurred", "dark": "too dark", "overexposure": "overexposed",
    "reflections": "reflections", "no lesion": "little or no lesion", "ink": "ink",
    "scale": "ruler", "hair": "hair",
}  # fmt: skip


def blurred(sigma: float) -> Make:
    """Out of focus."""
    return lambda pixels, _: _bytes(cv2.GaussianBlur(pixels, (0, 0), sigma))


def lit(times: float) -> Make:
    """As if the light were so many times as strong."""
    return lambda pixels, _: _display((pixels / 255) ** 2.2 * times)


def reflecting(pixels: Pixels, _: Generator) -> Pixels:
    """Three bright spots near the middle."""
    changed = pixels.copy()
    height, width = pixels.shape[:2]
    for x, y in ((0.4, 0.4), (0.6, 0.5), (0.5, 0.65)):
        centre = round(width * x), round(height * y)
        cv2.circle(changed, centre, height // 25, (255, 255, 255), -1)
    return _bytes(cv2.GaussianBlur(changed, (0, 0), 0.7))


def inked(pixels: Pixels, random: Generator) -> Pixels:
    """A ring around the lesion, dots, a line or letters, drawn with a skin marker's dye."""
    height, width = pixels.shape[:2]
    drawn = np.zeros((height * FINE, width * FINE), np.uint8)
    thick = int(random.uniform(3, 8) * FINE)

    def at(x: float, y: float) -> tuple[int, int]:
        return int(x * width * FINE), int(y * height * FINE)

    match random.integers(4):
        case 0:
            axes, begin = at(random.uniform(0.3, 0.42), random.uniform(0.3, 0.45)), 360.0
            begin *= random.random()
            end = begin + random.uniform(90, 300)
            cv2.ellipse(drawn, at(0.5, 0.5), axes, 0, begin, end, 255, thick)
        case 1:
            for _ in range(random.integers(3, 7)):
                cv2.circle(drawn, at(*random.uniform(0.05, 0.95, 2)), thick, 255, -1)
        case 2:
            y = random.choice((0.2, 0.8)) + random.uniform(-0.1, 0.1)
            cv2.line(drawn, at(0.1, y), at(random.uniform(0.6, 0.95), y), 255, thick)
        case _:
            place = at(random.uniform(0.05, 0.6), random.uniform(0.35, 0.95))
            size = random.uniform(1.2, 2.2) * FINE
            text = str(random.choice(("A", "3", "B2", "L")))
            cv2.putText(drawn, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, 255, thick // 2 + 2)
    cover = _small(drawn, pixels) * random.uniform(0.7, 1)
    dye = (np.array(DYES[random.integers(len(DYES))]) / 255 * 1.15) ** 2.2 * 1.6
    skin = (pixels / 255) ** 2.2
    return _display(skin * (1 - cover) + skin * dye * cover)


def measured(pixels: Pixels, random: Generator) -> Pixels:
    """The ticks of a scale at a side of the photo, half of them on a line."""
    height, width = pixels.shape[:2]
    drawn = np.zeros((height * FINE, width * FINE), np.uint8)
    upright = random.random() < 0.4
    angle = np.radians(90 * upright + random.uniform(-8, 8))
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    side = random.choice((-1, 1))
    far = side * random.uniform(0.28, 0.42) * (width if upright else height)
    middle = np.array([width, height]) / 2 + across * far
    reach, gap = random.uniform(0.3, 0.6) * max(height, width), random.uniform(6, 14)
    long, thick = random.uniform(5, 9), max(2, round(random.uniform(0.8, 1.8) * FINE))

    def stroke(begin: NDArray[np.float64], end: NDArray[np.float64]) -> None:
        one, two = ((point * FINE).astype(int).tolist() for point in (begin, end))
        cv2.line(drawn, one, two, 255, thick, cv2.LINE_AA)

    for tick in range(int(-reach / gap), int(reach / gap) + 1):
        foot = middle + along * tick * gap
        stroke(foot, foot + across * side * long * (1 if tick % 5 else 1.6))
    if random.random() < 0.5:
        stroke(middle - along * reach, middle + along * reach)
    return _over(pixels, drawn, (30, 28, 30), random.uniform(0.5, 0.85))


def hairy(count: int) -> Make:
    """So many dark hairs, more or less in one direction."""

    def make(pixels: Pixels, random: Generator) -> Pixels:
        height, width = pixels.shape[:2]
        drawn = np.zeros((height * FINE, width * FINE), np.uint8)
        common = random.uniform(0, np.pi)
        for _ in range(count):
            angle = common + random.normal(0, 0.45)
            along = np.array([np.cos(angle), np.sin(angle)])
            way = np.linspace(-0.5, 0.5, 25)[:, None]
            long = random.uniform(40, 150)
            bent = 4 * way**2 * random.normal(0, 0.15) * long * np.array([-along[1], along[0]])
            points = random.uniform(0, 1, 2) * (width, height) + way * long * along + bent
            thick = max(2, round(random.uniform(1, 2.2) * FINE))
            strand = (points * FINE).astype(np.int32)[:, None]
            cv2.polylines(drawn, [strand], False, 255, thick, cv2.LINE_AA)
        return _over(pixels, drawn, (45, 32, 28), 0.8)

    return make


# What is made worse, the warning it should bring, and how.
WORSE: Mapping[str, tuple[str, Make]] = {
    "blurred, sigma 1 px": ("blur", blurred(1.0)),
    "blurred, sigma 3 px": ("blur", blurred(3.0)),
    "blurred, sigma 8 px": ("blur", blurred(8.0)),
    "a seventh of the light": ("dark", lit(0.15)),
    "three times the light": ("overexposure", lit(3)),
    "three bright reflections": ("reflections", reflecting),
    "ink drawn on it": ("ink", inked),
    "a scale drawn on it": ("scale", measured),
    "10 hairs drawn on it": ("hair", hairy(10)),
    "20 hairs drawn on it": ("hair", hairy(20)),
}


def photos(folder: Path, most: int = MOST, seed: int = 0) -> list[Pixels]:
    """At most so many photos of an ISIC folder, one a lesion, chosen at random."""
    first = read_isic(folder).table.drop_duplicates("lesion")
    chosen = first.sample(min(most, len(first)), random_state=seed)
    return [np.asarray(Image.open(path).convert("RGB")) for path in chosen["path"]]


def said(found: list[Pixels], make: Make | None = None) -> list[str]:
    """The warnings of each photo, made worse with the same seeds each time."""
    texts = []
    for place, pixels in enumerate(found):
        shown = make(pixels, np.random.default_rng(place)) if make else pixels
        texts.append(" ".join(faults(measure(Image.fromarray(shown)))))
    return texts


def share(texts: list[str], warning: str) -> list[float]:
    """[share, low, high] of the photos that got a warning."""
    hits = sum(WORDS[warning] in text for text in texts)
    return proportion(hits, len(texts)) or [0.0, 0.0, 1.0]


def _small(drawn: Pixels, like: Pixels) -> NDArray[np.float64]:
    """A drawing scaled to a photo, (h, w, 1), 0 to 1, with soft edges."""
    size = like.shape[1], like.shape[0]
    scaled = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA).astype(np.float64) / 255
    return np.asarray(cv2.GaussianBlur(scaled, (0, 0), 0.5)[..., None], dtype=np.float64)


def _over(pixels: Pixels, drawn: Pixels, colour: tuple[int, ...], strength: float) -> Pixels:
    cover = _small(drawn, pixels) * strength
    return _bytes(pixels * (1 - cover) + np.array(colour) * cover)


def _display(light: NDArray[np.float64]) -> Pixels:
    """Linear light to display values."""
    return _bytes(light.clip(0, 1) ** (1 / 2.2) * 255)


def _bytes(values: NDArray[np.generic]) -> Pixels:
    return np.asarray(np.round(values), dtype=np.uint8)

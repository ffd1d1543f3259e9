"""Photos moved by known transforms are brought back; different lesions are refused."""

from math import cos, exp, log, radians, sin
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.random import Generator
from PIL import Image

from skinmodel.drawn import draw_lesion
from skinmodel.occlusion import corners, hair
from skinmodel.registration import prepare, register


def moved(picture: Image.Image, random: Generator) -> tuple[Image.Image, np.ndarray]:
    """Photographed again: turned, scaled, shifted, other light, blur, hairs; and the transform."""
    width, height = picture.size
    angle, scale = radians(random.uniform(-180, 180)), exp(random.uniform(log(0.7), log(1.4)))
    centre = np.array([width - 1, height - 1]) / 2
    shift = random.uniform(-0.25, 0.25, size=2) * (width, height) * random.uniform()
    turn = scale * np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    matrix = np.column_stack([turn, centre + shift - turn @ centre])
    pixels = cv2.warpAffine(
        np.array(picture),
        matrix,
        picture.size,
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    light = random.uniform(0.85, 1.15) * random.uniform(0.95, 1.05, size=3)
    pixels = np.clip(pixels * light + random.uniform(-12, 12), 0, 255).astype(np.uint8)
    pixels = cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.3, 0.9) * width / 200)
    for _ in range(random.integers(0, 6)):
        start, end = (random.uniform(size=(2, 2)) * (width, height)).astype(int)
        cv2.line(pixels, start.tolist(), end.tolist(), (40, 30, 25), max(1, width // 200))
    return Image.fromarray(pixels), matrix


def error(found: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> float:
    """Median distance, in pixels at 200x150, of where points land and where they belong."""
    width, height = size
    x, y = np.meshgrid(np.linspace(0.1, 0.9, 9) * width, np.linspace(0.1, 0.9, 7) * height)
    points = np.stack([x, y], axis=-1).reshape(-1, 2)
    back = cv2.invertAffineTransform(matrix)
    difference = (points @ found[:, :2].T + found[:, 2]) - (points @ back[:, :2].T + back[:, 2])
    return float(np.median(np.linalg.norm(difference, axis=1))) * 150 / height


def test_moved_photos_are_brought_back(real_data: Path, times) -> None:
    files = sorted((real_data / "isic2019" / "ISIC_2019_Training_Input").glob("*.jpg"))
    random = np.random.default_rng(1)
    errors = []
    for number in random.choice(len(files), times(8, 200), replace=False):
        picture = Image.open(files[number]).convert("RGB")
        again, matrix = moved(picture, random)
        found = register(prepare(again), prepare(picture))
        errors.append(np.inf if found.refusal else error(found.matrix, matrix, picture.size))
    assert np.median(errors) <= 1.5
    assert np.mean(np.isinf(errors)) <= 0.1


def test_different_lesions_are_refused(real_data: Path, times) -> None:
    files = sorted((real_data / "uploads_600x450").glob("*.jpg"))
    prepared = [prepare(Image.open(file).convert("RGB")) for file in files[: times(6, 14)]]
    found = [register(a, b) for i, a in enumerate(prepared) for b in prepared[:i]]
    assert np.mean([f.refusal is not None for f in found]) >= 0.95


def test_drawn_lesions_too() -> None:
    picture = draw_lesion(7)
    again, matrix = moved(picture, np.random.default_rng(3))
    found = register(prepare(again), prepare(picture))
    assert found.refusal is None
    assert error(found.matrix, matrix, picture.size) <= 1.5
    scale = np.hypot(matrix[0, 0], matrix[1, 0])
    assert found.scale == pytest.approx(1 / scale, rel=0.02)
    assert np.array_equal(found.matrix, register(prepare(again), prepare(picture)).matrix)


def test_a_blank_photo_is_refused_in_a_sentence() -> None:
    blank = prepare(Image.new("RGB", (600, 450), (220, 180, 160)))
    found = register(blank, prepare(draw_lesion(7)))
    assert found.matrix is None
    assert found.refusal == "These photos could not be aligned: too few points in common."


def test_hair_and_dark_corners_are_found() -> None:
    pixels = np.full((300, 400, 3), (220, 180, 160), dtype=np.uint8)
    cv2.line(pixels, (40, 60), (350, 200), (50, 40, 30), 3)
    cv2.circle(pixels, (300, 80), 6, (60, 40, 30), -1)  # a dot is no hair
    strand = hair(pixels)
    assert strand[130, 195]
    assert not strand[80, 300]
    y, x = np.mgrid[:300, :400]
    pixels[(x - 200) ** 2 + (y - 150) ** 2 > 190**2] = 5
    dark = corners(pixels)
    assert dark[0, 0]
    assert not dark[150, 200]

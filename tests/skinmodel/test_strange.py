"""The bundled model shown what is no sound photo of a lesion: refused or warned about."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from skinmodel.analysis import Analysis, analyse
from skinmodel.bundle import Model, load_model
from skinmodel.registry import Registry
from skinmodel.series import SeriesPhoto
from training.measuring.decoys import draw_decoys

ROOT = Path(__file__).resolve().parents[2]
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def bundled() -> Model:
    model = load_model(Registry(ROOT / "assets" / "models", ROOT / "none").newest_bundled())
    if model.unknown is None:
        pytest.skip("the bundled model was made before there was an unknown score")
    return model


@pytest.fixture(scope="module")
def lesion(real_data: Path) -> Pixels:
    path = real_data / "uploads_600x450" / "NV_ISIC_0024306.jpg"
    return np.asarray(Image.open(path).convert("RGB"))


def shown(model: Model, pixels: Pixels, explain: bool = False) -> Analysis:
    photo = SeriesPhoto(Image.fromarray(pixels), "0", "photo.jpg")
    return analyse(model, [photo], explain=explain)


@pytest.mark.parametrize("kind", ["black", "white", "noise", "page of text"])
def test_what_is_drawn_is_not_assessed(bundled: Model, kind: str) -> None:
    if kind in ("black", "white"):
        pixels = np.full((300, 400, 3), 0 if kind == "black" else 255, dtype=np.uint8)
    else:
        pixels = draw_decoys(5, 1)[kind][0]
    result = shown(bundled, pixels)
    assert not result.assessed and result.unknown is not None and result.unknown > 0.5


def test_photos_of_other_things_are_not_assessed(bundled: Model, real_data: Path) -> None:
    """A cat was, by a score that knew the last features alone."""
    paths = sorted((real_data / "not_skin").glob("*.jpg"))
    results = [shown(bundled, np.asarray(Image.open(p).convert("RGB"))) for p in paths]
    assert len(results) == 4 and not any(result.assessed for result in results)


def test_lesions_are_assessed(bundled: Model, real_data: Path) -> None:
    paths = sorted((real_data / "uploads_600x450").glob("*.jpg"))
    results = [shown(bundled, np.asarray(Image.open(p).convert("RGB"))) for p in paths]
    assert len(results) == 14 and all(result.assessed for result in results)


@pytest.mark.parametrize(("what", "word"), [("blur", "blurred"), ("light", "overexposed")])
def test_a_spoilt_photo_is_named(bundled: Model, lesion: Pixels, what: str, word: str) -> None:
    if what == "blur":
        spoilt = cv2.GaussianBlur(lesion, (0, 0), 12)
    else:
        spoilt = (lesion.astype(float) * 1.8).clip(0, 255).astype(np.uint8)
    result = shown(bundled, np.asarray(spoilt))
    assert not result.assessed or any(word in text for text in result.warnings)


def dressed(lesion: Pixels, with_what: str) -> Pixels:
    """The photo with a ruler's marks along an edge, bubbles in the gel, or a round dark frame."""
    picture = Image.fromarray(lesion)
    pen = ImageDraw.Draw(picture)
    height, width = lesion.shape[:2]
    if with_what == "ruler":
        for x in range(5, width, 16):
            pen.line((x, 0, x, 30), fill=(25, 25, 25), width=2)
    elif with_what == "bubbles":
        for x, y in ((90, 80), (500, 100), (480, 360)):
            pen.ellipse((x - 14, y - 14, x + 14, y + 14), outline=(250, 250, 250), width=3)
    else:
        rows, columns = np.ogrid[0:height, 0:width]
        far = np.hypot(rows - height / 2, columns - width / 2) > width * 0.52
        return np.asarray(np.where(far[..., None], 5, lesion), dtype=np.uint8)
    return np.asarray(picture)


@pytest.mark.parametrize("with_what", ["ruler", "bubbles", "vignette"])
def test_the_heat_map_is_not_on_a_corner(bundled: Model, lesion: Pixels, with_what: str) -> None:
    result = shown(bundled, dressed(lesion, with_what), explain=True)
    assert result.assessed or result.warnings
    heat = result.maps[int(result.probabilities[-1].argmax()), 0]
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    high, wide = heat.shape
    assert not (row in (0, high - 1) and column in (0, wide - 1))

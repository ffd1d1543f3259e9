"""The map of colour differences shows what changed, and neither light nor place."""

import cv2
import numpy as np
import pytest
from PIL import Image

from skinmodel.difference import difference
from skinmodel.drawn import draw_lesion, lesion_mask
from skinmodel.measures import contour
from skinmodel.outline import Outline
from skinmodel.registration import Registration, prepare, register

SIZE = (400, 300)
PICTURE = draw_lesion(5, size=SIZE)
MASK = lesion_mask(5, size=SIZE)
OUTLINE = Outline(MASK, (0.0, 0.0, 400.0, 300.0), 0.95, False, "1.0")


def laid(move: np.ndarray) -> Registration:
    """A registration that is known, not found."""
    return Registration(np.asarray(move, dtype=np.float64), 100, 1.0, 0.1, 0.9, None)


def test_other_light_and_another_place_are_no_difference() -> None:
    turn = np.column_stack([cv2.getRotationMatrix2D((200, 150), 20, 1.1)])
    pixels = np.array(PICTURE).astype(np.float32)
    lit = pixels * np.linspace(0.85, 1.05, 400)[None, :, None]
    moved = cv2.warpAffine(np.clip(lit, 0, 255).astype(np.uint8), turn, SIZE)
    back = laid(cv2.invertAffineTransform(turn))
    found = difference((PICTURE, OUTLINE), (Image.fromarray(moved), None), back)
    assert found.shape == (300, 400)
    assert np.isnan(found).any()  # corners that the turned photo does not show
    assert np.nanmedian(found[MASK]) < 2.5


def test_a_new_spot_is_where_the_difference_is() -> None:
    pixels = np.array(PICTURE)
    cv2.circle(pixels, (230, 170), 14, (40, 25, 60), -1)
    changed = Image.fromarray(pixels)
    found = difference((PICTURE, OUTLINE), (changed, OUTLINE), laid(np.eye(2, 3)))
    down, across = np.unravel_index(int(np.nanargmax(found)), found.shape)
    assert np.hypot(across - 230, down - 170) < 16
    assert np.nanmax(found) > 15
    assert np.nanmedian(found) < 0.5


def test_photos_that_do_not_align_have_no_difference() -> None:
    refused = register(prepare(Image.new("RGB", SIZE, (220, 180, 160))), prepare(PICTURE))
    assert refused.placement is None
    with pytest.raises(ValueError, match="could not be aligned"):
        difference((PICTURE, None), (PICTURE, None), refused)


def test_a_canvas_counts_from_the_pixels_corners() -> None:
    placed = laid(np.array([[2.0, 0, 0.5], [0, 2.0, 0.5]])).placement
    assert placed is not None
    # A pixel of the later photo covers two by two of the earlier: corner to corner.
    np.testing.assert_allclose(placed, [[2, 0, 0], [0, 2, 0]])


def test_the_contour_lies_on_the_photo() -> None:
    half = Outline(MASK, (40.0, 30.0, 240.0, 180.0), 0.95, False, "1.0")
    on_photo = contour(half)
    down, across = np.nonzero(MASK)
    middle = np.array([across.mean() + 0.5, down.mean() + 0.5]) / 2 + [40, 30]
    inside = (on_photo.min(axis=0) + on_photo.max(axis=0)) / 2
    np.testing.assert_allclose(inside, middle, atol=3)
    area = cv2.contourArea(on_photo.astype(np.float32))
    assert area == pytest.approx(MASK.sum() / 4, rel=0.03)
    nothing = Outline(np.zeros_like(MASK), half.frame, 0.0, True, "1.0")
    assert contour(nothing).shape == (0, 2)

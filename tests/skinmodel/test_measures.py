"""Measures of shapes whose size is known, and changes against their error."""

import cv2
import numpy as np
import pytest
from PIL import Image

from skinmodel.changes import Repeatability, compare
from skinmodel.drawn import draw_lesion, lesion_mask
from skinmodel.measures import Measures, NotMeasurable, measure
from skinmodel.outline import Outline

SKIN, BROWN = (228, 184, 160), (120, 80, 60)
KNOWN = {
    name: Repeatability(0.02, 0.05, 100)
    for name in ("area", "longest", "shortest", "asymmetry", "irregularity")
} | {"tone": Repeatability(1.0, 3.0, 100)}


def outlined(mask: np.ndarray, size: tuple[int, int]) -> Outline:
    return Outline(mask, (0.0, 0.0, float(size[0]), float(size[1])), 0.95, False, "1.0")


def ellipse(
    axes: tuple[int, int], angle: float = 0.0, size: tuple[int, int] = (800, 600)
) -> tuple[Image.Image, Outline]:
    """A brown ellipse on skin, and its outline at half the photo's size."""
    width, height = size
    pixels = np.full((height, width, 3), SKIN, dtype=np.uint8)
    cv2.ellipse(pixels, (width // 2, height // 2), axes, angle, 0, 360, BROWN, -1)
    mask = cv2.resize((pixels[..., 0] == BROWN[0]).astype(np.uint8), (width // 2, height // 2))
    return Image.fromarray(pixels), outlined(mask.astype(bool), size)


@pytest.mark.parametrize("angle", [0, 30, 77])
def test_an_ellipse_has_its_size_and_no_irregularity(angle: float) -> None:
    found = measure(*ellipse((200, 120), angle))
    assert found.area == pytest.approx(np.pi * 200 * 120, rel=0.01)
    assert found.longest == pytest.approx(400, rel=0.01)
    assert found.shortest == pytest.approx(240, rel=0.015)
    assert found.asymmetry < 0.02
    assert found.irregularity < 0.02


def test_a_notched_border_is_irregular_and_a_lopsided_lesion_asymmetric() -> None:
    size = (800, 600)
    y, x = np.mgrid[:300, :400]
    angle = np.arctan2(y - 150, x - 200)
    distance = np.hypot(y - 150, x - 200)
    photo = Image.new("RGB", size, SKIN)

    def found(radius: np.ndarray) -> Measures:
        mask = distance < radius
        pixels = np.array(photo)
        pixels[cv2.resize(mask.astype(np.uint8), size) > 0] = BROWN
        return measure(Image.fromarray(pixels), outlined(mask, size))

    smooth = found(np.full_like(angle, 90.0))
    notched = found(90 + 12 * np.cos(9 * angle))
    lopsided = found(80 + 45 * np.exp(4 * (np.cos(angle - 0.7) - 1)))
    assert notched.irregularity > smooth.irregularity + 0.1
    assert lopsided.asymmetry > smooth.asymmetry + 0.02


def test_light_changes_neither_colours_nor_tone() -> None:
    photo, outline = ellipse((200, 120))
    darker = Image.fromarray((np.array(photo) * 0.85).astype(np.uint8))
    one, other = measure(photo, outline), measure(darker, outline)
    assert one.colours == other.colours != ()
    assert np.linalg.norm(np.subtract(one.tone, other.tone)) < 8


def test_a_second_colour_is_seen() -> None:
    photo, outline = ellipse((200, 120))
    pixels = np.array(photo)
    cv2.circle(pixels, (460, 300), 60, (100, 108, 130), -1)
    with_blue = measure(Image.fromarray(pixels), outline)
    assert "blue-grey" in with_blue.colours
    assert "blue-grey" not in measure(photo, outline).colours


def test_what_cannot_be_measured_is_said() -> None:
    photo, outline = ellipse((200, 120))
    with pytest.raises(NotMeasurable, match="No lesion"):
        measure(photo, outlined(np.zeros_like(outline.mask), (800, 600)))
    shifted = np.roll(outline.mask, 110, axis=1)
    with pytest.raises(NotMeasurable, match="edge"):
        measure(photo, outlined(shifted, (800, 600)))


def test_growth_of_a_drawn_lesion_is_found_whatever_the_magnification() -> None:
    """The true outlines: what is tested is the arithmetic, not the network."""
    small, large = lesion_mask(5), lesion_mask(5, growth=0.3)
    before = measure(draw_lesion(5), outlined(small, (600, 450)))
    after = measure(
        draw_lesion(5, growth=0.3, size=(400, 300)),
        outlined(lesion_mask(5, growth=0.3, size=(400, 300)), (400, 300)),
    )
    area = compare(before, after, 1.5, KNOWN)[0]
    assert area.measure == "area"
    assert area.value == pytest.approx(large.sum() / small.sum() - 1, abs=0.02)
    assert area.seen


def test_a_change_below_the_limit_is_not_seen() -> None:
    before = measure(*ellipse((200, 120)))
    after = measure(*ellipse((203, 121)))
    area = compare(before, after, 1.0, KNOWN)[0]
    assert 0 < area.value < area.limit
    assert not area.seen


def test_without_a_scale_shape_and_colour_alone_are_compared() -> None:
    before = measure(*ellipse((200, 120)))
    found = [one.measure for one in compare(before, before, None, KNOWN)]
    assert found == ["asymmetry", "irregularity", "tone"]

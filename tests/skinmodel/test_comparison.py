"""Two photos compared, from outline to change, or the reason why not."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from skinmodel.changes import Change, Repeatability
from skinmodel.comparison import (
    NO_SKIN,
    Comparison,
    Examined,
    align,
    compare_photos,
    examine,
)
from skinmodel.drawn import draw_lesion, lesion_mask
from skinmodel.measures import measure
from skinmodel.outline import BY_HAND, Outline
from skinmodel.registration import SIDE, TOLERANCE, in_prepared_pixels, prepare
from skinmodel.scale import Scale
from training.outline.simulate import grown, rephotographed, stained

NAMES = ("area", "longest", "shortest", "asymmetry", "irregularity", "tone")
KNOWN = {"": {name: Repeatability(0.02, 0.05, 100) for name in NAMES}}


def examined(picture: Image.Image, mask: np.ndarray) -> Examined:
    """As `examine` gives it, with a known outline."""
    outline = Outline(mask, (0.0, 0.0, *map(float, picture.size)), 0.95, False, "1.0")
    return Examined(outline, measure(picture, outline), None, prepare(picture), picture.size)


@pytest.fixture(scope="module")
def before() -> Examined:
    return examined(draw_lesion(5, size=(400, 300)), lesion_mask(5, size=(400, 300)))


def test_growth_by_a_known_amount_is_found(before: Examined) -> None:
    mask = lesion_mask(5, size=(400, 300))
    pixels, true = grown(np.array(draw_lesion(5, size=(400, 300))), mask, 0.3)
    found = compare_photos(before, examined(Image.fromarray(pixels), true), KNOWN)
    assert found.refusal is None
    area = next(change for change in found.changes if change.measure == "area")
    assert area.value == pytest.approx(true.sum() / mask.sum() - 1, abs=0.03)
    assert area.value == pytest.approx(0.3, abs=0.05)
    assert area.seen


@pytest.mark.parametrize("growth", [-0.25, 0.25])
def test_growth_is_not_taken_for_a_photo_from_nearer(before: Examined, growth: float) -> None:
    """The lesion's own features fit best at a scale that hides its growth."""
    mask = lesion_mask(5, size=(400, 300))
    pixels, true = grown(np.array(draw_lesion(5, size=(400, 300))), mask, growth)
    seen = rephotographed(pixels, np.random.default_rng(1))
    marked = np.repeat(np.where(true, 255, 0).astype(np.uint8)[..., None], 3, axis=2)
    outline = rephotographed(marked, np.random.default_rng(1))[..., 0] > 127  # moved alike
    found = compare_photos(before, examined(Image.fromarray(seen), outline), KNOWN)
    assert found.refusal is None
    assert found.changes[0].value == pytest.approx(true.sum() / mask.sum() - 1, abs=0.03)


def test_the_quality_is_that_of_the_alignment_by_skin(before: Examined) -> None:
    """Of a lesion that grew, the skin's points come together and the border's do not."""
    mask = lesion_mask(5, size=(400, 300))
    pixels, true = grown(np.array(draw_lesion(5, size=(400, 300))), mask, 0.4)
    after = examined(Image.fromarray(pixels), true)
    found, refusal = align(before, after)
    assert refusal is None and found.matrix is not None
    ratios = after.prepared.ratio, before.prepared.ratio
    laid = in_prepared_pixels(found.matrix, *ratios)
    here, there = found.matched[:, :2], found.matched[:, 2:]
    off = np.linalg.norm(here @ laid[:, :2].T + laid[:, 2] - there, axis=1)
    near = off <= TOLERANCE
    assert found.residual == pytest.approx(np.median(off[near]) / SIDE * 100)
    assert 0 < found.inliers <= near.sum() < len(off)


def filling(one: Examined) -> Examined:
    """The same with an outline that leaves no skin to align by."""
    return replace(one, outline=replace(one.outline, frame=(-160.0, -120.0, 560.0, 420.0)))


def test_a_lesion_that_fills_the_photo_gives_no_sizes(before: Examined) -> None:
    found = compare_photos(filling(before), before, KNOWN)
    assert found.refusal == NO_SKIN
    assert [one.measure for one in found.changes] == ["asymmetry", "irregularity", "tone"]
    assert found.registration.matrix is not None


def area_of(found: Comparison) -> Change:
    return next(one for one in found.changes if one.measure == "area")


def test_two_scales_give_sizes_where_the_skin_does_not(before: Examined) -> None:
    earlier = replace(filling(before), scale=Scale(0.02, 0.02, "marked"))
    later = replace(before, scale=Scale(0.022, 0.02, "marked"))
    found = compare_photos(earlier, later, KNOWN)
    assert (found.refusal, found.by_scale, found.contradicted) == (None, True, "")
    area = area_of(found)
    assert area.value == pytest.approx(1.1**2 - 1, abs=1e-6)
    # Both scales' errors count twice in an area, beside its own repeat error.
    off = 2 * np.hypot(0.02, 0.02)
    assert area.error == pytest.approx(np.expm1(np.hypot(0.02, off)))
    assert area.limit == pytest.approx(np.expm1(np.hypot(0.05, 1.96 * off)))
    one_sided = compare_photos(earlier, before, KNOWN)
    assert (one_sided.refusal, one_sided.by_scale) == (NO_SKIN, False)


def test_two_scales_give_sizes_at_another_magnification(before: Examined) -> None:
    """The skin tells the scale here too, but its errors were measured at one magnification."""
    sides = [replace(before, scale=Scale(0.02, 0.01, "field")) for _ in range(2)]
    found = compare_photos(*sides, KNOWN, like_optics=False)
    assert found.by_scale and area_of(found).value == pytest.approx(0)
    assert area_of(found).limit > area_of(compare_photos(*sides, KNOWN)).limit
    assert not compare_photos(before, before, KNOWN, like_optics=False).by_scale


def test_scales_that_the_skin_contradicts_are_not_used(before: Examined) -> None:
    sides = [replace(before, scale=Scale(mm, 0.02, "marked")) for mm in (0.02, 0.04)]
    for like in (True, False):
        found = compare_photos(*sides, KNOWN, like_optics=like)
        assert "one of the two scales is wrong" in found.contradicted and not found.by_scale
        assert area_of(found).value == pytest.approx(0, abs=1e-3)


def test_what_people_outlined_repeats_as_peoples_outlines_do(before: Examined) -> None:
    known = KNOWN | {
        kind: {name: Repeatability(error, 3 * error, 50) for name in NAMES}
        for kind, error in (("one", 0.1), ("both", 0.2))
    }
    drawn = replace(before, outline=replace(before.outline, version=BY_HAND))
    for sides, error in (
        ((before, before), 0.02),
        ((drawn, before), 0.1),
        ((before, drawn), 0.1),
        ((drawn, drawn), 0.2),
    ):
        assert area_of(compare_photos(*sides, known)).error == pytest.approx(np.expm1(error))
    assert area_of(compare_photos(drawn, drawn, KNOWN)).error == pytest.approx(np.expm1(0.02))


def test_a_photo_from_far_nearer_is_not_compared_in_shape_either(before: Examined) -> None:
    near = draw_lesion(5, size=(400, 300)).crop((60, 45, 340, 255))
    mask = lesion_mask(5, size=(400, 300))[45:255, 60:340]
    found = compare_photos(filling(before), examined(near, mask), KNOWN)
    assert (found.refusal, found.changes) == (NO_SKIN, ())


def test_a_stain_changes_the_tone_by_what_it_says() -> None:
    mask = lesion_mask(5, size=(400, 300))
    pixels = np.array(draw_lesion(5, size=(400, 300)))
    other, moved = stained(pixels, mask, np.array((-24.0, -8.0, -24.0)), 0.5)
    tones = [examined(Image.fromarray(each), mask).measures.tone for each in (pixels, other)]
    assert np.linalg.norm(np.subtract(*tones)) == pytest.approx(moved, rel=0.1)
    assert moved > 8


def test_growth_to_one_side_is_less_than_all_round() -> None:
    mask = lesion_mask(5, size=(400, 300))
    pixels = np.array(draw_lesion(5, size=(400, 300)))
    _, everywhere = grown(pixels, mask, 0.4)
    _, one_side = grown(pixels, mask, 0.4, towards=0.0)
    assert mask.sum() < one_side.sum() < everywhere.sum()
    assert one_side[:, :150].sum() <= mask[:, :150].sum() * 1.1


def test_a_photograph_taken_again_aligns(before: Examined) -> None:
    pixels = np.array(draw_lesion(5, size=(400, 300)))
    again = prepare(Image.fromarray(rephotographed(pixels, np.random.default_rng(0))))
    found = compare_photos(before, replace(before, prepared=again), KNOWN)
    assert found.registration.refusal is None


def test_another_lesion_and_an_unmeasured_model_give_no_numbers(before: Examined) -> None:
    blank = replace(before, prepared=prepare(Image.new("RGB", (400, 300), (220, 180, 160))))
    other = compare_photos(before, blank, KNOWN)
    assert (other.changes, other.refusal) == ((), other.registration.refusal)
    unmeasured = compare_photos(before, before, {})
    assert unmeasured.changes == ()
    assert "never measured" in str(unmeasured.refusal)


def test_a_photo_without_measures_says_so(before: Examined) -> None:
    unsure = replace(before, measures=None, refusal="The outline is uncertain in this photo.")
    found = compare_photos(before, unsure, KNOWN)
    assert found.refusal == "The later photo: The outline is uncertain in this photo."
    assert found.registration.matrix is not None


def test_an_outline_drawn_by_hand_takes_the_place_of_the_models() -> None:
    """A known square; whatever the model would find, and whatever it is."""
    picture = draw_lesion(5)
    square = [(200.0, 125.0), (400.0, 125.0), (400.0, 325.0), (200.0, 325.0)]
    found = examine(None, picture, square)  # type: ignore[arg-type]
    assert found.measures is not None
    assert found.measures.area == pytest.approx(200 * 200, rel=0.02)
    assert found.measures.longest == pytest.approx(200 * 2**0.5, rel=0.03)
    assert (found.outline.version, found.outline.uncertain) == ("drawn by hand", False)


def test_the_same_photo_again_has_not_changed(before: Examined) -> None:
    found = compare_photos(before, before, KNOWN)
    assert [change.value for change in found.changes] == pytest.approx([0.0] * 6, abs=1e-3)
    assert not any(change.seen for change in found.changes)

"""Millimetres per pixel: from two marks, a file, a field of view, each with its error."""

import pytest

from skinmodel.scale import FILE, PLANE, Scale, between, chosen, field_of_view, marked, of_file

SIZE = (1200, 900)


def test_a_longer_distance_is_the_surer_one() -> None:
    long = marked([(100, 100), (1100, 100)], 10.0, SIZE)
    short = marked([(100, 100), (200, 100)], 1.0, SIZE)
    assert long.mm_per_pixel == short.mm_per_pixel == pytest.approx(0.01)
    # Three pixels of 900 at each end, and what a ruler's height does.
    assert long.error == pytest.approx(((2**0.5 * 3 / 1000) ** 2 + PLANE**2) ** 0.5)
    assert short.error > 4 * long.error - PLANE


def test_a_field_of_view_is_of_the_longer_side() -> None:
    for size in (SIZE, SIZE[::-1]):
        found = field_of_view(24.0, 0.48, size)
        assert found.mm_per_pixel == pytest.approx(0.02)
        assert found.error == pytest.approx(((0.01 / 0.98) ** 2 + PLANE**2) ** 0.5, rel=0.01)


def test_a_scale_that_another_contradicts_says_so() -> None:
    by_hand = Scale(0.020, 0.02, "marked")
    assert chosen([]) == (None, "")
    assert chosen([by_hand, of_file(0.0205)]) == (by_hand, "")
    used, said = chosen([by_hand, of_file(0.040)])
    assert used == by_hand
    assert said == (
        "The scale marked by hand and that of the DICOM file differ by 100 %; the first is used."
        " Check them."
    )


def test_the_error_of_a_common_field_of_view_cancels_out() -> None:
    wide = field_of_view(20.0, 5.0, SIZE)
    assert between(wide, wide) == (1.0, pytest.approx(2**0.5 * PLANE))
    other = field_of_view(10.0, 2.5, SIZE)
    ratio, error = between(wide, other)
    assert ratio == pytest.approx(0.5) and error > 2 * wide.error / 2
    assert between(of_file(0.02), of_file(0.02))[1] == pytest.approx(2**0.5 * FILE)

"""The clinic's case mix: what it refuses, and what it may change."""

import numpy as np
import pytest

from skinmodel.calibration import Calibration
from skinmodel.casemix import CaseMix, InvalidCaseMix
from skinmodel.diagnoses import CODES

SHARES = (0.2, 0.5, 0.1, 0.05, 0.1, 0.02, 0.02, 0.01)


def test_it_is_the_prior_of_the_probabilities() -> None:
    mix = CaseMix(SHARES)
    equal = Calibration(2.0).probabilities(np.zeros(8), prior=mix)
    np.testing.assert_allclose(equal, SHARES)
    same = Calibration(2.0, SHARES).probabilities(np.arange(8.0))
    np.testing.assert_allclose(
        Calibration(2.0).probabilities(np.arange(8.0), prior=mix), same, atol=1e-12
    )
    malignant = Calibration().probabilities([[0.0]], prior=mix)[0, 0]
    assert malignant == pytest.approx(0.31)


def test_it_survives_json() -> None:
    mix = CaseMix(SHARES)
    assert mix.to_dict()["NV"] == 0.5
    assert CaseMix.from_dict(dict(reversed(mix.to_dict().items()))) == mix


@pytest.mark.parametrize(
    ("shares", "why"),
    [
        (SHARES[:7], "number for each"),
        ((float("nan"), *SHARES[1:]), "number for each"),
        (("0.2", *SHARES[1:]), "number for each"),
        ((0.21, *SHARES[1:]), "add up to 100 %, not 101 %"),
        ((0.2, 0.506, 0.1, 0.05, 0.1, 0.02, 0.02, 0.004), "Squamous cell carcinoma .* 0.5 %"),
    ],
)
def test_what_is_no_mix_is_refused(shares: tuple[float, ...], why: str) -> None:
    with pytest.raises(InvalidCaseMix, match=why):
        CaseMix(shares)


def test_a_code_too_few_is_refused() -> None:
    with pytest.raises(InvalidCaseMix, match=CODES[0]):
        CaseMix.from_dict(dict(zip(CODES[1:], SHARES[1:], strict=True)))

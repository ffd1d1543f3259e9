"""A result's calls in words, with the figures that were found in testing."""

from dataclasses import replace

import numpy as np
import pytest

from skinmodel import sentences
from skinmodel.alert import AlertLine, AlertTest
from skinmodel.analysis import Analysis, analyse
from skinmodel.bundle import Model
from skinmodel.diagnoses import CODES
from skinmodel.series import SeriesPhoto
from skinmodel.sets import SetRule, SetTest

Photos = tuple[SeriesPhoto, ...]
TESTED = AlertTest(
    photos=1, melanomas=70, melanomas_below=3, malignant=90, malignant_below=4, benign=900,
    benign_below=600,
)  # fmt: skip


@pytest.fixture(scope="module")
def analysis(model: Model, photos: Photos) -> Analysis:
    return analyse(model, photos, explain=False)


def with_line(analysis: Analysis, *tested: AlertTest, above: bool) -> Analysis:
    line = AlertLine(sensitivity=0.95, threshold=0.1, tested=tested)
    return replace(analysis, alert_line=line, alerts=(above,) * len(analysis.visits))


def with_set(analysis: Analysis, codes: tuple[str, ...], *tested: SetTest) -> Analysis:
    rule = SetRule(coverage=0.9, thresholds=(0.1,) * 8, tested=tested)
    return replace(analysis, set_rule=rule, prediction_sets=(codes,) * len(analysis.visits))


def test_below_the_line_says_how_many_melanomas_were_there_too(analysis: Analysis) -> None:
    assert sentences.alert(with_line(analysis, TESTED, above=False)) == (
        "Below the alert line.",
        "In testing 3 of 70 melanomas also fell below it; this does not exclude malignancy.",
    )
    untested = sentences.alert(with_line(analysis, above=False))
    assert untested[1] == "This does not exclude malignancy."


def test_above_the_line_says_how_many_others_were_there_too(analysis: Analysis) -> None:
    assert sentences.alert(with_line(analysis, TESTED, above=True)) == (
        "Above the alert line.",
        "In testing 86 of 90 malignant lesions and 300 of 900 others were above it.",
    )


def test_a_set_names_its_diagnoses_and_what_it_was_worth(analysis: Analysis) -> None:
    few = SetTest(photos=1, cases=992, contained=901, melanomas=70, melanomas_contained=64)
    many = SetTest(photos=3, cases=50, contained=46, melanomas=0, melanomas_contained=0)
    found = with_set(analysis, ("MEL", "BKL"), few, many)
    assert sentences.prediction_set(found, 0) == (
        "Melanoma or benign keratosis.",
        "In testing, 901 of 992 such sets contained the diagnosis; for melanoma 64 of 70.",
    )
    assert sentences.prediction_set(found, -1)[1] == (
        "In testing, 46 of 50 such sets contained the diagnosis."
    )
    assert sentences.one_of(("NV",)) == "Melanocytic nevus"
    assert sentences.one_of(("NV", "DF", "MEL")) == "Melanocytic nevus, dermatofibroma or melanoma"
    assert sentences.one_of(CODES) == "Any of the eight diagnoses"


def test_a_refused_result_is_neither_below_a_line_nor_in_a_set(analysis: Analysis) -> None:
    scores = np.array([0.1, 0.9, *[0.2] * (len(analysis.photos) - 2)])
    refused = replace(
        with_set(with_line(analysis, TESTED, above=False), ("NV",)),
        assessed=False,
        unknown=0.9,
        unknown_by_photo=scores,
    )
    assert sentences.alert(refused) == sentences.prediction_set(refused) == ()
    assert sentences.alert(refused, drawn=True) and sentences.prediction_set(refused, drawn=True)
    (reason,) = sentences.strangeness(refused)
    assert reason.startswith(f"{analysis.photos[1].name} is further")
    assert sentences.strangeness(analysis) == ()


def test_a_warning_of_many_photos_is_said_once() -> None:
    blurred = [f"Photo {n} is blurred: focus again." for n in (1, 3, 6, 7, 8)]
    said = sentences.together([*blurred[:2], "1 photo has no date.", "Photo 2 is too dark.",
                               *blurred[2:]])  # fmt: skip
    assert said == (
        "Photo 1 is blurred: focus again. Also photos 3 and 6 to 8.",
        "1 photo has no date.",
        "Photo 2 is too dark.",
    )
    dark = sentences.together(["The photo is blurred.", "Photo 1 is dark.", "Photo 2 is dark."])
    assert dark == ("The photo is blurred.", "Photo 1 is dark. Also photo 2.")

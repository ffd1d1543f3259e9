"""The Model page: every part of a full card, and what its plots show."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.components.frame import serving
from pages.components.model import confusion, ranges, reliability
from pages.components.model.card import UNREADABLE
from skinmodel.diagnoses import CODES
from tests.pages.test_examine import MAIN, says
from tests.tiny import save_tiny_model

PAGE = MAIN.parent / "clinic" / "model.py"
SHARE = [0.7, 0.6, 0.8]
KINDS = ("single_photos", "series", "one_photo")
REPORT = {
    "cases": 16,
    "lesions": 16,
    **dict.fromkeys(("balanced_accuracy", "accuracy", "macro_auroc", "log_loss"), SHARE),
    "per_diagnosis": {
        code: {"cases": 2, "recall": [1.0, 0.34, 1.0], "precision": None, "f1": SHARE,
               "auroc": SHARE}
        for code in CODES
    },
    "confusion": [[int(i == j) + int(j == 1) for j in range(8)] for i in range(8)],
}  # fmt: skip
CALIBRATED = {
    "cases": 16,
    "perfect_95": 0.038,
    "bins": [[0.4, 0.3, 8], [0.9, 0.95, 8]],
    **dict.fromkeys(
        ("calibration_error", "calibration_error_before", "brier", "brier_before"), SHARE
    ),
}
SETS = {
    "cases": 16, "coverage": SHARE, "expected": [0.8, 0.97], "mean_size": [1.8, 1.7, 1.9],
    "per_diagnosis": {code: {"cases": 2, "share": SHARE} for code in CODES},
}  # fmt: skip
ALERT = {
    "cases": 16, "sensitivity_melanoma": {"share": SHARE, "cases": 5},
    "sensitivity_malignant": {"share": SHARE, "cases": 8},
    "specificity": SHARE, "benign_per_malignant": [2.1, 1.8, 2.4],
}  # fmt: skip
COUNTS = {"photos": 3, "photos_refused": 1, "lesions": 2, "lesions_refused": 1}
FOUND = {"pictures": 30, "auroc": 0.99, "refused": 29}
NUMBERS: dict[str, Any] = {
    "how": "On test lesions.",
    "single_photos": REPORT,
    "series": REPORT,
    "calibration": dict.fromkeys(KINDS, CALIBRATED),
    "sets": dict.fromkeys(KINDS[1:], SETS),
    "alert": dict.fromkeys(KINDS[1:], ALERT) | {"lines": {}},
    "subgroups": {"fewest_lesions": 10, "groups": [
        {"kind": "Sex", "group": "female", "photos": 9, "lesions": 8, "accuracy": SHARE,
         "melanoma_recall": None, "malignancy_auroc": SHARE}
    ]},
    "several_photos": {
        "lesions": 4, "share_of_course": 0.83, "arms": {"first photo alone": {"log_loss": SHARE}},
    },
    "unknown": {"test": COUNTS, "per_diagnosis": dict.fromkeys(CODES, COUNTS),
                "drawn": {"noise": FOUND}, "all_drawn": FOUND, "plain_skin": None},
    "head_alone": {
        "started_from": "imagenet.safetensors", "seconds": 80.0, "whole_seconds": 4200.0,
        "share_of_time": 0.019, "head": {"balanced_accuracy": SHARE},
        "whole": {"balanced_accuracy": SHARE},
        "minus_whole": {"balanced_accuracy": [-0.1, -0.2, 0.0]},
    },
    "robustness": {"photos": 9, "wanted": 0.95, "changes": {
        "mirrored": {"same": 9, "same_top_diagnosis": 1.0, "interval": [0.7, 1.0],
                     "mean_change": 0.0, "moved": 0.0},
        "blue + 10 %": {"same_top_diagnosis": 0.78, "mean_change": 0.0234},  # as older cards
    }},
}  # fmt: skip
CARD = {
    "numbers": NUMBERS,
    "intended_use": "Research.",
    "outside_evidence": {"phototypes": ["V", "VI"], "sites": ["nail"], "under_age": 18},
    "splits": {"test": {"photos": 16, "lesions": 16}},
    "training": {"command": "python -m training fit", "commit": "abc", "notes": ["A note."]},
}


@pytest.fixture(params=[CARD], ids=["full"])
def page(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AppTest]:
    save_tiny_model(tmp_path, card=request.param)
    monkeypatch.setenv("SKIN_MODELS_DIR", str(tmp_path))
    st.cache_resource.clear()
    yield AppTest.from_file(str(PAGE), default_timeout=30).run()
    serving.decoder().close()
    st.cache_resource.clear()


def test_every_part_of_a_full_card_is_shown(page: AppTest) -> None:
    assert not page.exception and UNREADABLE not in says(page)
    headings = [one.value for one in (*page.header, *page.subheader)]
    for wanted in (
        "What ranked first", "Single photos", "By diagnosis", "Prediction sets",
        "Calibration by number of photos", "Alert line", "Subgroups", "Not assessed",
        "Several photos of one lesion", "Training the head alone",
        "The same photo, made another way",
    ):  # fmt: skip
        assert wanted in headings
    told = {metric.label: metric.delta for metric in page.metric}
    assert told["Melanomas above the alert line"].endswith("of 5 melanomas")
    assert len(page.get("plotly_chart")) == 7
    assert r"Phototypes V and VI\, nail\, age under 18" in says(page)
    assert r"Fewer do: blue \+ 10 \%." in says(page)
    assert "head alone minus the whole network: -0.10 (-0.20 to 0.00)" in says(page)
    assert "the LSTM's reading counts for 83" in says(page)
    cells = {str(cell) for table in page.table for cell in table.value.to_numpy().ravel()}
    assert {"80 s", "70 min", "9 of 9"} <= cells
    assert any(cell.startswith(r"2\.3") for cell in cells)
    assert any(cell.startswith(r"\>") for cell in cells)  # a "> 99 %" is no quotation


@pytest.mark.parametrize(
    "page",
    [CARD | {"numbers": NUMBERS | {"sets": {"series": {}}, "alert": 3}}],
    indirect=True,
    ids=["odd"],
)
def test_a_part_that_cannot_be_read_costs_that_part_alone(page: AppTest) -> None:
    assert not page.exception and UNREADABLE in says(page)
    assert "Subgroups" in [one.value for one in page.subheader]


def test_the_plots_are_told_in_words() -> None:
    said = confusion.sentence(("MEL", "NV"), [[3, 2], [0, 4]])
    assert "Melanoma: 3 of 5 ranked first, 2 taken for melanocytic nevus." in said
    assert said.endswith("Melanocytic nevus: 4 of 4 ranked first.")
    told = ranges.Range("Melanoma", 0.7, 0.6, 0.8, 9).text
    assert told == "Melanoma: 70\u202f% (60\u202f% to 80\u202f%), 9 cases"
    assert reliability.sentence(CALIBRATED["bins"]).count("shown") == 2


@pytest.mark.parametrize("depth", [0, 0.25, 0.4, 0.5, 0.6, 0.75, 1])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_cell_of_a_matrix_can_be_read(depth: float, theme: str) -> None:
    paper, ink = (st.get_option(f"theme.{theme}.{c}Color") for c in ("background", "text"))
    mixed = [(1 - depth) * a + depth * b for a, b in zip(rgb(paper), rgb(ink), strict=True)]
    lights = sorted(map(luminance, (mixed, rgb(confusion.legible(depth, paper, ink)))))
    assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.5


def rgb(colour: str) -> list[float]:
    return [channel / 255 for channel in bytes.fromhex(colour[1:])]


def luminance(channels: list[float]) -> float:
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

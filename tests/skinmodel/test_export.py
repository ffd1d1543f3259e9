"""An analysis as JSON, CSV and PNG."""

import csv
import datetime
import io
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from skinmodel import export
from skinmodel.analysis import Analysis, analyse
from skinmodel.bundle import Model
from skinmodel.diagnoses import CODES
from skinmodel.inferno import colour_table
from skinmodel.series import SeriesPhoto

Photos = tuple[SeriesPhoto, ...]


@pytest.fixture(scope="module")
def analysis(model: Model, photos: Photos) -> Analysis:
    return analyse(model, photos)


def test_the_colours_are_matplotlibs() -> None:
    wanted = np.rint(np.array(colormaps["inferno"].colors) * 255)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(colour_table(), wanted)


def test_json_says_what_the_analysis_says(analysis: Analysis) -> None:
    values = json.loads(json.dumps(export.to_dict(analysis), allow_nan=False))
    assert [visit["date"] for visit in values["visits"]] == [
        "2025-01-10", "2025-02-09", "2025-04-10", "2026-02-14"
    ]  # fmt: skip
    assert [len(visit["photos"]) for visit in values["visits"]] == [1, 2, 2, 1]
    shares = [entry["probability"] for entry in values["differential"]]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)
    assert {e["code"]: e["probability"] for e in values["differential"]} == {
        code: values["visits"][-1]["all_photos_up_to_this_visit"][code] for code in CODES
    }
    assert values["malignancy"] == analysis.malignancy[-1]
    assert values["model_version"] == "tiny-1"
    assert values["notice"] == "Decision support, not a diagnosis"


def test_csv_says_what_the_analysis_says(analysis: Analysis) -> None:
    rows = list(csv.DictReader(io.StringIO(export.to_csv(analysis))))
    assert len(rows) == 8
    assert [float(rows[6][code]) for code in CODES] == analysis.probabilities[-1].tolist()
    assert [float(rows[7][code]) for code in CODES] == analysis.alone[-1].tolist()
    assert float(rows[6]["malignancy"]) == analysis.malignancy[-1]
    assert rows[2]["photos"] == "photo1.jpg; photo2.jpg"
    assert rows[0]["notice"] == "Decision support, not a diagnosis"


def test_a_file_name_is_never_a_formula(model: Model, photos: Photos) -> None:
    nasty = replace(photos[0], name='=HYPERLINK("http://x")')
    rows = list(csv.DictReader(io.StringIO(export.to_csv(analyse(model, [nasty])))))
    assert rows[0]["photos"] == '\'=HYPERLINK("http://x")'


def test_a_binary_model_is_exported(make_model: Callable[..., Model], photos: Photos) -> None:
    analysis = analyse(make_model(task="binary"), photos)
    values = export.to_dict(analysis)
    assert [entry["code"] for entry in values["differential"]] == ["MALIGNANT"]
    row = next(csv.DictReader(io.StringIO(export.to_csv(analysis))))
    assert float(row["MALIGNANT"]) == analysis.malignancy[0]
    assert "malignancy" not in row


def test_a_date_cannot_be_misread() -> None:
    assert export.long_date(datetime.date(2025, 3, 12)) == "12 Mar 2025"
    assert export.long_date(None) == ""


def test_heat_covers_its_frame_and_nothing_else() -> None:
    picture = Image.new("RGB", (120, 60), (200, 150, 140))
    heat = np.zeros((6, 8), dtype=np.float32)
    heat[0, 0] = 1
    pixels = np.asarray(export.overlay(picture, heat, (20, 0, 100, 60), opacity=1.0))
    assert pixels[2, 22].tolist() == colour_table()[255]
    assert pixels[58, 98].tolist() == [200, 150, 140]
    assert (pixels[:, :20] == (200, 150, 140)).all() and (pixels[:, 100:] == (200, 150, 140)).all()
    untouched = export.overlay(picture, heat, (20, 0, 100, 60), opacity=0.0)
    assert untouched.tobytes() == picture.tobytes()


def test_heat_covers_by_its_value_as_on_the_page() -> None:
    picture = Image.new("RGB", (40, 30), (200, 150, 140))
    heat = np.full((2, 2), 0.5, dtype=np.float32)
    pixel = np.asarray(export.overlay(picture, heat, (0, 0, 40, 30), opacity=0.6))[15, 20]
    wanted = 0.3 * np.array(colour_table()[128]) + 0.7 * np.array((200, 150, 140))
    np.testing.assert_allclose(pixel, wanted, atol=2)


def test_warnings_about_single_photos_are_exported(analysis: Analysis) -> None:
    remarks = [("photo1.jpg", "Colour converted.")]
    assert export.to_dict(analysis, remarks=remarks)["photo_warnings"] == [
        {"name": "photo1.jpg", "warning": "Colour converted."}
    ]
    row = next(csv.DictReader(io.StringIO(export.to_csv(analysis, remarks=remarks))))
    assert row["warnings"].endswith("photo1.jpg: Colour converted.")
    plain, warned = (
        Image.open(io.BytesIO(export.overlay_png(analysis, 0, 5, remarks=texts)))
        for texts in ((), ("Colour converted from print colours, and a longer warning.",))
    )
    assert warned.height > plain.height


def test_an_overlay_says_what_it_is(analysis: Analysis) -> None:
    output = next(k for k in range(8) if analysis.highlights(k, 5))
    image = Image.open(io.BytesIO(export.overlay_png(analysis, output, 5)))
    assert image.size[0] == 160 and image.size[1] > 120
    name = export.output_diagnosis(CODES[output]).name
    assert image.text["Title"].startswith(f"Regions that raised the score for {name}.")  # type: ignore[attr-defined]
    assert image.text["Disclaimer"] == "Decision support, not a diagnosis"  # type: ignore[attr-defined]
    picture = np.asarray(image)[:120]
    assert (picture != np.asarray(analysis.photos[5].picture)).any()
    assert (np.asarray(image)[120:] < 100).any()  # the caption, black on white


def test_an_empty_map_leaves_the_photo_as_it_is(analysis: Analysis) -> None:
    none = replace(analysis, maps=np.zeros_like(analysis.maps))
    image = Image.open(io.BytesIO(export.overlay_png(none, 0, 0)))
    assert image.text["Title"] == "No highlighted region for Melanoma."  # type: ignore[attr-defined]
    np.testing.assert_array_equal(
        np.asarray(image)[:120], np.asarray(analysis.photos[0].picture.convert("RGB"))
    )

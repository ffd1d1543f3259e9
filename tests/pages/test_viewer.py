"""What the viewer is told to draw."""

import json

from PIL import Image

from pages.components.examination import viewer
from skinmodel.series import SeriesPhoto, arrange


def test_while_waiting_nothing_can_be_read_as_a_diagnosis() -> None:
    pictures = [Image.new("RGB", (80, 60))] * 3
    values = viewer.waiting(arrange([SeriesPhoto(p, "", "") for p in pictures]))
    assert values["title"] == "Analysing 3 photos"
    assert "maps" not in values
    rows = values["visits"][0]["running"]
    assert len(rows) == 8  # the size of the answer, so that nothing jumps
    assert len(values["photos"]) == 3  # and of the film strip
    assert {(row["name"], row["behaviour"], row["probability"]) for row in rows} == {("-", "", 0.0)}


def test_a_picture_travels_inside_the_message() -> None:
    values = viewer.photo_values(
        Image.new("RGB", (800, 600)), label="12 Mar 2025", alt="Photo", frame=(0, 0, 800, 600)
    )
    assert values["source"].startswith("data:image/jpeg;base64,")
    assert len(values["thumbnail"]) < len(values["source"])
    json.dumps(values)

"""The Examine page's logic, run by Streamlit itself without a browser."""

import base64
import dataclasses
import datetime
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest

import settings
from pages.components.examination import examples, menu
from pages.components.frame import serving
from skinmodel import analysis
from skinmodel.__main__ import main
from skinmodel.bundle import Model, load_model
from skinmodel.drawn import draw_lesion
from skinmodel.images import read_photo
from skinmodel.series import SeriesPhoto
from tests.tiny import save_tiny_model

MAIN = Path(__file__).parents[2] / "pages" / "main.py"
UPLOADED = "image/jpeg"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    folder = tmp_path_factory.mktemp("models")
    save_tiny_model(folder)
    st.cache_resource.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKIN_MODELS_DIR", str(folder))
        yield load_model(folder / "tiny-1")
        serving.decoder().close()
    st.cache_resource.clear()


@pytest.fixture
def analyses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many photos each analysis had; a longer list means the network ran."""
    calls: list[int] = []
    real = analysis.analyse

    def counted(model: Model, series: list[SeriesPhoto], **options: Any) -> analysis.Analysis:
        calls.append(len(series))
        return real(model, series, **options)

    monkeypatch.setattr(analysis, "analyse", counted)
    return calls


@pytest.fixture
def page(model: Model) -> AppTest:
    return AppTest.from_file(str(MAIN), default_timeout=30).run()


def jpeg(seed: int, taken_on: datetime.date | None = None) -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    if taken_on:
        exif.get_ifd(0x8769)[0x9003] = f"{taken_on:%Y:%m:%d} 10:00:00"
    draw_lesion(seed, size=(200, 150)).save(file, "JPEG", exif=exif)
    return file.getvalue()


def upload(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    uploader = page.file_uploader[0]
    for name, data in files:
        uploader.upload(name, data, UPLOADED)
    return page.run()


def press(page: AppTest, label: str) -> AppTest:
    return next(button for button in page.button if button.label == label).click().run()


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


def shown(page: AppTest) -> dict[str, Any] | None:
    """What the viewer was told to draw, if there is a result."""
    assert not page.exception
    views = [
        json.loads(one.proto.json or "null")
        for one in page.get("bidi_component")
        if one.proto.component_name.endswith("viewer")
    ]
    return views[-1] if views else None


def says(page: AppTest) -> str:
    kinds = (page.markdown, page.caption, page.warning, page.error, page.title)
    return "\n".join(element.value for kind in kinds for element in kind)


def test_the_empty_page_says_what_it_is_for_and_what_it_keeps(page: AppTest) -> None:
    assert "ranked differential over eight diagnoses" in says(page)
    assert "Nothing is stored" in says(page)
    assert shown(page) is None


def test_an_upload_is_freed_once_it_was_read(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    managers: list[MemoryUploadedFileManager] = []
    real = MemoryUploadedFileManager.remove_file

    def noted(manager: MemoryUploadedFileManager, session_id: str, file_id: str) -> None:
        managers.append(manager)
        real(manager, session_id, file_id)

    monkeypatch.setattr(MemoryUploadedFileManager, "remove_file", noted)
    upload(page, ("lesion.jpg", jpeg(1)), ("note.txt", b"not a photo"))
    assert len(managers) == 2
    assert not any(files for manager in managers for files in manager.file_storage.values())


def test_one_photo_gives_the_differential_that_the_analysis_gives(
    page: AppTest, model: Model
) -> None:
    data = jpeg(1)
    upload(page, ("lesion.jpg", data))
    view = shown(page)
    assert view
    photo = read_photo(data)
    direct = analysis.analyse(model, [SeriesPhoto(photo.picture, photo.sha256, "lesion.jpg")])
    rows = view["visits"][0]["running"]
    assert {row["code"]: row["probability"] for row in rows} == dict(
        zip(direct.codes, direct.probabilities[0], strict=True)
    )
    assert [row["probability"] for row in rows] == sorted(direct.probabilities[0], reverse=True)
    maps = np.frombuffer(base64.b64decode(view["maps"]["values"]), np.uint8)
    np.testing.assert_array_equal(maps.reshape(direct.maps.shape), np.ceil(direct.maps * 255))
    assert view["facts"][0] == "Decision support, not a diagnosis."
    assert "Model tiny-1" in view["facts"][1]
    assert "training mix, not your clinic's" in view["facts"][1]


def test_the_page_says_what_the_command_line_says(
    model: Model,
    real_data: Path,
    times: Callable[[int, int], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = settings.load().models_dir / model.version
    photos = sorted((real_data / "uploads_600x450").glob("*.jpg"))
    for path in photos[: times(3, len(photos))]:
        assert main(["diagnose", str(path), "--json", "--model", str(folder)]) == 0
        said = json.loads(capsys.readouterr().out)["differential"]
        page = AppTest.from_file(str(MAIN), default_timeout=30).run()
        view = shown(upload(page, (path.name, path.read_bytes())))
        assert view
        rows = view["visits"][0]["running"]
        assert [(row["code"], row["probability"]) for row in rows] == [
            (row["code"], row["probability"]) for row in said
        ]


def test_several_photos_wait_for_their_dates(page: AppTest, analyses: list[int]) -> None:
    first, second = datetime.date(2025, 3, 12), datetime.date(2025, 6, 1)
    upload(page, ("a.jpg", jpeg(2, second)), ("b.jpg", jpeg(1, first)), ("c.jpg", jpeg(3)))
    assert analyses == []
    assert [one.label for one in page.date_input] == [
        "Photo 1, 12 Mar 2025",
        "Photo 2, 1 Jun 2025",
        "Photo 3, no date",
    ]
    page.date_input[2].set_value(datetime.date(2025, 7, 2)).run()
    press(page, "Analyse 3 photos")
    view = shown(page)
    assert view
    assert [photo["label"] for photo in view["photos"]] == [
        "12 Mar 2025",
        "1 Jun 2025",
        "2 Jul 2025",
    ]
    assert "Each visit alone" in says(page)


def test_photos_without_dates_are_put_in_order(page: AppTest, analyses: list[int]) -> None:
    upload(page, *((f"{seed}.jpg", jpeg(seed)) for seed in (1, 2, 3)))
    page.selectbox[2].set_value(1).run()
    assert [box.value for box in page.selectbox] == [1, 2, 3]  # each says where its photo is now
    assert [item.name for item in page.session_state["tray"].items] == ["3.jpg", "1.jpg", "2.jpg"]
    press(page, "Analyse 3 photos")
    result = page.session_state["tray"]
    assert [p.name for p in result.results[result.shown].analysis.photos] == [
        "3.jpg",
        "1.jpg",
        "2.jpg",
    ]
    page.date_input[0].set_value(datetime.date(2025, 3, 12)).run()
    assert not any("Place of" in box.label for box in page.selectbox)  # a date puts them in order


def test_no_two_controls_share_a_name(page: AppTest) -> None:
    upload(page, *((f"{seed}.jpg", jpeg(seed)) for seed in (1, 2, 3)))
    names = [one.label for kind in (page.button, page.date_input, page.selectbox) for one in kind]
    assert len(set(names)) == len(names) == 11


def test_all_taken_today_is_one_click(page: AppTest) -> None:
    upload(page, ("a.jpg", jpeg(1)), ("b.jpg", jpeg(2)))
    press(page, "All taken today")
    assert [one.value for one in page.date_input] == [datetime.date.today()] * 2
    press(page, "Analyse 2 photos")
    view = shown(page)
    assert view
    assert len(view["visits"]) == 1


def test_a_refused_file_says_why_and_stops_no_other(page: AppTest) -> None:
    good = jpeg(1)
    upload(page, ("good.jpg", good), ("half.jpg", good[: len(good) // 2]), ("note.jpg", b"hello"))
    view = shown(page)
    assert view
    assert "This result is from 1 of 3 photos." in view["warnings"]
    assert "half\\.jpg: This photo is incomplete \\(file cut off\\)" in says(page)
    assert "note\\.jpg: " in says(page)


def test_the_same_file_counts_once(page: AppTest, analyses: list[int]) -> None:
    upload(page, ("a.jpg", jpeg(1)), ("again.jpg", jpeg(1)))
    assert analyses == [1]
    assert "again\\.jpg: Already among the photos as a\\.jpg\\." in says(page)
    view = shown(page)
    assert view
    assert view["warnings"] == []


def test_a_changed_date_outdates_the_result_until_it_is_made_anew(
    page: AppTest, analyses: list[int]
) -> None:
    days = datetime.date(2025, 3, 12), datetime.date(2025, 6, 1)
    upload(page, ("a.jpg", jpeg(1, days[0])), ("b.jpg", jpeg(2, days[1])))
    press(page, "Analyse 2 photos")
    assert "outdated" not in says(page)
    page.date_input[0].set_value(datetime.date(2025, 8, 1)).run()
    assert "The result below is outdated" in says(page)
    press(page, "Analyse again")
    assert "outdated" not in says(page)
    assert analyses == [2, 2]
    view = shown(page)
    assert view
    assert [photo["label"] for photo in view["photos"]] == ["1 Jun 2025", "1 Aug 2025"]


def test_a_removed_photo_comes_back_with_its_result(page: AppTest, analyses: list[int]) -> None:
    upload(page, ("a.jpg", jpeg(1)), ("b.jpg", jpeg(2)))
    press(page, "Analyse 2 photos")
    press(page, "Remove photo 1")
    assert "outdated" in says(page)
    press(page, "Put back a\\.jpg")
    assert "outdated" not in says(page)
    assert analyses == [2]


def test_the_only_photo_removed_comes_back(page: AppTest, analyses: list[int]) -> None:
    upload(page, ("a.jpg", jpeg(1)))
    press(page, "Remove photo 1")
    assert "outdated" in says(page)
    press(page, "Put back a\\.jpg")
    assert "outdated" not in says(page)
    assert analyses == [1]


def test_dates_replaced_by_todays_come_back(page: AppTest) -> None:
    day = datetime.date(2025, 3, 12)
    upload(page, ("a.jpg", jpeg(1, day)), ("b.jpg", jpeg(2)))
    press(page, "All taken today")
    press(page, "Put the dates back")
    assert [one.value for one in page.date_input] == [day, None]
    assert "Put the dates back" not in labels(page)


def test_a_file_given_again_whole_is_no_longer_missing(page: AppTest) -> None:
    other, good = jpeg(1), jpeg(2)
    upload(page, ("a.jpg", other), ("b.jpg", good[: len(good) // 2]))
    upload(page, ("b.jpg", good))
    assert "Not taken" not in says(page)
    press(page, "Analyse again")
    view = shown(page)
    assert view
    assert len(view["photos"]) == 2 and view["warnings"] == []


def test_what_was_refused_can_be_left_out(page: AppTest) -> None:
    upload(page, ("a.jpg", jpeg(1)), ("note.jpg", b"hello"))
    press(page, "Leave these out")
    assert "Not taken" not in says(page)
    press(page, "Analyse again")
    view = shown(page)
    assert view
    assert view["warnings"] == []


def test_many_refusals_show_every_reason_in_full(page: AppTest) -> None:
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
    upload(page, *((f"{n}.jpg", b"hello" * n) for n in range(1, 6)), ("IMG_1.HEIC", heic))
    table = page.table[0].value
    assert len(table) == 6
    assert "save the photo as JPEG and upload that" in table.iloc[5, 1]


def test_the_export_carries_the_warnings_and_the_refusals(page: AppTest) -> None:
    file = io.BytesIO()
    draw_lesion(1, size=(200, 150)).convert("L").save(file, "PNG")
    upload(page, ("grey.png", file.getvalue()), ("note.jpg", b"hello"))
    tray = page.session_state["tray"]
    values = json.loads(menu.as_json(tray.results[tray.shown], stated=tray.stated, notices=()))
    view = shown(page)
    assert view
    (one,) = values["photo_warnings"]
    assert "no colour information" in one["warning"]
    assert view["warnings"] == [*values["warnings"], f"{one['name']}: {one['warning']}"]
    assert [refusal["name"] for refusal in values["refused"]] == ["note.jpg"]


def test_drawn_and_real_photos_never_mix(page: AppTest) -> None:
    press(page, "Try an example: three visits")
    view = shown(page)
    assert view
    assert view["title"] == "Drawn, for practice"
    assert len(view["visits"]) == 3
    upload(page, ("a.jpg", jpeg(1)))
    view = shown(page)
    assert view
    assert view["title"] == "Differential"
    assert len(view["photos"]) == 1


def test_more_files_than_the_limit_are_counted(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = settings.load
    monkeypatch.setattr(serving, "limits", lambda: dataclasses.replace(load(), max_photos=2))
    upload(page, *((f"{seed}.jpg", jpeg(seed)) for seed in range(5)))
    assert "Analyse 2 photos" in labels(page)
    assert "3 further files: The limit is 2 photos of one lesion" in says(page)


def test_a_failed_analysis_shows_no_result(
    page: AppTest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    upload(page, ("a.jpg", jpeg(1)), ("b.jpg", jpeg(2)))

    def fail(*_: Any, **__: Any) -> None:
        raise analysis.AnalysisFailed(analysis.NO_RESULT)

    monkeypatch.setattr(analysis, "analyse", fail)
    press(page, "Analyse 2 photos")
    assert page.error[0].value.startswith("No result - please try again. Nothing was lost.")
    assert page.error[0].value.rsplit(" ", 1)[1] in caplog.text
    assert shown(page) is None
    assert len(page.date_input) == 2


def test_an_analysis_that_never_ends_ends_in_no_result(page: AppTest) -> None:
    load, release = settings.load, threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            serving, "limits", lambda: dataclasses.replace(load(), max_analysis_seconds=0.3)
        )
        patch.setattr(analysis, "analyse", lambda *_, **__: release.wait(30))
        upload(page, ("a.jpg", jpeg(1)))
    release.set()
    assert page.error[0].value.startswith("No result - please try again. It took longer than")
    assert shown(page) is None
    press(page, "Analyse 1 photo")
    assert shown(page) and not page.error


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>.jpg", "![a](http://x).jpg"])
def test_a_file_name_is_text_and_nothing_else(page: AppTest, name: str) -> None:
    upload(page, (name, jpeg(1)))
    captions = [caption.value for caption in page.caption]
    assert not any("<img" in text or "](http" in text for text in captions)


def test_sessions_do_not_see_each_other(page: AppTest) -> None:
    upload(page, ("a.jpg", jpeg(1)))
    other = AppTest.from_file(str(MAIN), default_timeout=30).run()
    assert shown(page) and shown(other) is None


def test_a_binary_model_shows_the_malignancy_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Model
) -> None:
    save_tiny_model(tmp_path, task="binary")
    monkeypatch.setenv("SKIN_MODELS_DIR", str(tmp_path))
    page = AppTest.from_file(str(MAIN), default_timeout=30).run()
    upload(page, ("a.jpg", jpeg(1)))
    view = shown(page)
    assert view
    (row,) = view["visits"][0]["running"]
    assert (row["name"], row["behaviour"]) == ("Malignant lesion", "malignant")
    assert view["visits"][0]["running_total"] == ""


def test_the_models_card_can_be_read(page: AppTest) -> None:
    upload(page, ("a.jpg", jpeg(1)))
    press(page, "About the model")
    assert page.title[0].value == r"Model tiny\-1"
    assert "**Licence.** none" in says(page)
    assert "- It is a \\<b\\>test\\<\\/b\\>\\." in says(page)
    assert "This model was not measured." in says(page)


def test_the_example_is_what_the_generator_draws() -> None:
    with Image.open(examples.FOLDER / examples.SINGLE[0]) as stored:
        drawn = draw_lesion(11, size=stored.size)
        difference = np.asarray(stored, dtype=float) - np.asarray(drawn, dtype=float)
    assert np.abs(difference).mean() < 3  # JPEG's own


def test_without_a_model_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIN_MODELS_DIR", str(tmp_path))
    page = AppTest.from_file(str(MAIN), default_timeout=30).run()
    assert page.error[0].value.startswith("DermTrace has no model to use. There is no model.")


def test_many_visits_are_turned_over_like_pages(page: AppTest, analyses: list[int]) -> None:
    upload(page, *((f"{seed}.jpg", jpeg(seed)) for seed in range(26)))
    press(page, "Analyse 26 photos")
    view = shown(page)
    assert view
    assert [photo["index"] for photo in view["photos"]] == list(range(2, 26))
    assert "Visits 3 to 26 of 26" in says(page) and "Photos 1 to 12 of 26" in says(page)
    page.pagination[0].set_value(1).run()
    view = shown(page)
    assert view
    assert [photo["index"] for photo in view["photos"]] == list(range(24))
    assert analyses == [26]


def zipped(*files: tuple[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in files:
            archive.writestr(name, data)
    return made.getvalue()


def test_photos_in_a_zip_are_taken_one_by_one(page: AppTest) -> None:
    photos = zipped(("a/1.jpg", jpeg(1)), ("a/2.jpg", jpeg(2)), ("notes.txt", b"Jane Doe"))
    upload(page, ("photos.zip", photos))
    assert "Analyse 2 photos" in labels(page)
    said = page.warning[0].value.replace("\\", "")
    assert "notes.txt: This file is not a supported image." in said


def test_an_unsafe_zip_is_refused_whole(page: AppTest) -> None:
    upload(page, ("photos.zip", zipped(("1.jpg", jpeg(1)), ("../2.jpg", jpeg(2)))))
    said = page.warning[0].value.replace("\\", "")
    assert "photos.zip: This ZIP contains a path that leads elsewhere (2.jpg)" in said
    assert not any(label.startswith("Analyse") for label in labels(page))

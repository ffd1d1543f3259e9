"""Bringing data sets in: from folders and ZIPs, safe, resumable, and whole or not at all."""

import io
import os
import shutil
import stat
import threading
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from tests.training.conftest import NAME, Layout
from training.data import endings, gathering, intake, intake_process
from training.data.datasets import DataSet, data_sets
from training.data.inspection import Inspection
from training.data.intake import Request, State
from training.data.manifest import InvalidData, read_isic
from training.runs.process import alone


@pytest.fixture
def few(tmp_path: Path, drawn_isic: Layout) -> Layout:
    """Twelve photos of the data set, free to be damaged."""
    layout = Layout(tmp_path / "few")
    layout.photos.mkdir(parents=True)
    truth = pd.read_csv(drawn_isic.truth, dtype=str).iloc[:120:10]
    truth.to_csv(layout.truth, index=False)
    metadata = pd.read_csv(drawn_isic.metadata, dtype=str, keep_default_na=False)
    metadata[metadata["image"].isin(truth["image"])].to_csv(layout.metadata, index=False)
    for image in truth["image"]:
        shutil.copy(drawn_isic.photos / f"{image}.jpg", layout.photos)
    return layout


def ask(datasets: Path, source: Path, **more: object) -> Path:
    kind = "folder" if source.is_dir() else "zip"
    request = Request(kind, "Twelve", source=str(source), **more)  # type: ignore[arg-type]
    return intake.begin(datasets, request)


def bring(folder: Path) -> DataSet | State:
    """Runs an intake in this process: the data set, or what stands in its way."""
    datasets = folder.parent
    if intake_process.work(folder) == 0:
        return data_sets(datasets)[-1]
    (found,) = intake.intakes(datasets)
    return found.state


def zipped(folder: Path, *, top: str = "", more: Callable[[zipfile.ZipFile], None] | None = None):
    path = folder.with_suffix(".zip")
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # of names twice
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, top + file.relative_to(folder).as_posix())
        if more:
            more(archive)
    return path


def settle_all(datasets: Path) -> None:
    """As once the audit log knows how intakes ended."""
    for path, ending in endings.endings(datasets):
        endings.settle(path, ending)


def nothing_stays(datasets: Path) -> bool:
    """Whether no photo is left of what was refused."""
    return not data_sets(datasets) and not list(datasets.rglob("*.jpg"))


# Sound ones


def test_a_folder_becomes_a_data_set_that_outlives_it(tmp_path: Path, few: Layout) -> None:
    before = read_isic(few.folder).table
    made = bring(ask(tmp_path / "datasets", few.folder))
    shutil.rmtree(few.folder)
    assert isinstance(made, DataSet)
    assert (made.name, made.kind, made.photos) == ("Twelve", "folder", 12)
    table = made.table()
    assert table.drop(columns="path").equals(before.drop(columns="path"))
    assert all(Path(path).is_file() for path in table["path"])
    assert set(made.fingerprints()["image"]) == set(table["image"])
    report = Inspection.read(made.folder)
    assert report is not None and report.photos == 12
    assert intake.intakes(tmp_path / "datasets") == ()
    assert read_isic(made.folder).table["image"].equals(table["image"])  # usable from the shell


@pytest.mark.parametrize("top", ["", "isic 2019/"])
def test_a_zip_becomes_a_data_set(tmp_path: Path, few: Layout, top: str) -> None:
    def extras(archive: zipfile.ZipFile) -> None:
        archive.writestr("__MACOSX/._a.jpg", b"x")
        archive.writestr(f"{top}{NAME}_Input/ATTRIBUTION.txt", b"thanks")
        archive.writestr(f"{top}masks/a.jpg", b"not a photo")

    made = bring(ask(tmp_path / "datasets", zipped(few.folder, top=top, more=extras)))
    assert isinstance(made, DataSet)
    assert (made.kind, made.photos) == ("zip", 12)


def test_photos_may_be_packed_beside_the_tables(tmp_path: Path, few: Layout) -> None:
    """As ISIC publishes them."""
    shutil.make_archive(str(few.photos), "zip", few.folder, few.photos.name)
    shutil.rmtree(few.photos)
    made = bring(ask(tmp_path / "datasets", few.folder))
    assert isinstance(made, DataSet) and made.photos == 12


def test_an_uploaded_zip_becomes_a_data_set(tmp_path: Path, few: Layout) -> None:
    data = zipped(few.folder).read_bytes()
    folder = intake.begin(tmp_path / "datasets", Request("zip", "Sent"), upload=data)
    made = bring(folder)
    assert isinstance(made, DataSet) and made.photos == 12
    assert not list((tmp_path / "datasets").rglob("*.zip"))


def test_photos_are_linked_where_that_is_possible(
    tmp_path: Path, few: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = bring(ask(tmp_path / "a", few.folder))
    assert isinstance(linked, DataSet)
    first = Path(linked.table()["path"][0])
    assert first.samefile(few.photos / first.name)

    def refuse(*_: object) -> None:
        raise OSError("another disk")

    monkeypatch.setattr(os, "link", refuse)
    copied = bring(ask(tmp_path / "b", few.folder))
    assert isinstance(copied, DataSet)
    assert not Path(copied.table()["path"][0]).samefile(few.photos / first.name)


# What is refused, and what can be left out


def test_unreadable_photos_can_be_left_out_after_asking(tmp_path: Path, few: Layout) -> None:
    photos = sorted(few.photos.iterdir())
    photos[0].write_bytes(photos[0].read_bytes()[:200])
    photos[1].write_bytes(b"<html>")
    folder = ask(tmp_path / "datasets", few.folder)
    state = bring(folder)
    assert isinstance(state, State)
    assert state.stage == "refused"
    assert sum("1 photo cannot be used" in text for text in state.problems) == 2
    assert set(state.rows) == {photos[0].stem, photos[1].stem}
    assert not data_sets(tmp_path / "datasets")
    intake.agree(folder, state.rows)
    made = bring(folder)
    assert isinstance(made, DataSet) and made.photos == 10
    report = Inspection.read(made.folder)
    assert report and "Left out on request: 2 photos." in report.notes
    assert len(list(made.folder.glob("*/*.jpg"))) == 10


def test_the_same_file_twice_can_be_left_out_and_under_two_diagnoses_not(
    tmp_path: Path, few: Layout
) -> None:
    one, two, *_ = sorted(few.photos.iterdir())
    two.write_bytes(one.read_bytes())
    state = bring(ask(tmp_path / "a", few.folder))
    assert isinstance(state, State)
    assert "2 photos are the same file under two diagnoses" in state.problems[0]
    assert state.rows == ()

    def same(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table["image"] == two.stem, table.columns[1:]] = "0"
        table.loc[table["image"] == two.stem, one.stem.split("_")[1]] = "1"
        return table

    few.change(few.truth, same)
    state = bring(ask(tmp_path / "b", few.folder))
    assert isinstance(state, State)
    assert state.rows in ((one.stem,), (two.stem,))


@pytest.mark.parametrize("extra", [1, 9])
def test_photos_that_the_table_does_not_list(tmp_path: Path, few: Layout, extra: int) -> None:
    for number in range(extra):
        Image.new("RGB", (96, 72)).save(few.photos / f"extra-{number}.jpg")
    folder = ask(tmp_path / "datasets", few.folder)
    found = bring(folder)
    if extra == 9:  # so many are a mistake
        assert isinstance(found, State)
        assert "Photos that the table does not list: 9" in found.problems[0]
        assert len(found.rows) == 9
        intake.agree(folder, found.rows)
        found = bring(folder)
    assert isinstance(found, DataSet) and found.photos == 12
    report = Inspection.read(found.folder)
    asked = "Left out on request: 9 photos."
    assert report and any(asked in n or "does not list" in n for n in report.notes)


def test_a_link_in_the_folder_is_refused(tmp_path: Path, few: Layout) -> None:
    photo = sorted(few.photos.iterdir())[0]
    photo.unlink()
    photo.symlink_to("/etc/passwd")
    state = bring(ask(tmp_path / "datasets", few.folder))
    assert isinstance(state, State)
    assert "holds links" in state.problems[0]
    assert nothing_stays(tmp_path / "datasets")


def add(name: str | zipfile.ZipInfo, data: bytes = b"x") -> Callable[[zipfile.ZipFile], None]:
    return lambda archive: archive.writestr(name, data)


def link() -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(f"{NAME}_Input/link.jpg")
    made.create_system, made.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return made


def inner() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a", b"b")
    return made.getvalue()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (add("../../evil.jpg"), "a path that leads elsewhere"),
        (add("/etc/passwd"), "a path that leads elsewhere"),
        (add(link()), "a link or device"),
        (add("a.zip", inner()), "another archive"),
        (add(f"{NAME}_Input/disguised.jpg", inner()), "another archive"),
        (add(f"{NAME}_Input/bomb.jpg", bytes(9_000_000)), "far more than its size"),
        (add(f"{NAME}_GroundTruth.csv".upper()), "two files of one name"),
        (add(f"again/{NAME}_GroundTruth.csv"), "in two folders"),
    ],
)
def test_a_zip_that_could_do_harm_is_refused(tmp_path: Path, few: Layout, more, sentence) -> None:
    state = bring(ask(tmp_path / "datasets", zipped(few.folder, more=more)))
    assert isinstance(state, State)
    assert state.stage == "refused"
    assert sentence in state.problems[0]
    assert state.rows == ()
    assert nothing_stays(tmp_path / "datasets")
    assert not (tmp_path / "evil.jpg").exists()


def test_a_zip_that_lies_about_a_photo_leaves_nothing(tmp_path: Path, few: Layout) -> None:
    path = zipped(few.folder)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\1\2")
    start = data.rindex(b"PK\3\4")
    for place in (at + 24, start + 22):  # the size, in both headers
        data[place : place + 4] = (1234).to_bytes(4, "little")
    path.write_bytes(data)
    state = bring(ask(tmp_path / "datasets", path))
    assert isinstance(state, State)
    assert "says something else" in state.problems[0]
    assert nothing_stays(tmp_path / "datasets")


def test_a_zip_cut_off_is_refused(tmp_path: Path, few: Layout) -> None:
    path = zipped(few.folder)
    path.write_bytes(path.read_bytes()[:-30])
    state = bring(ask(tmp_path / "datasets", path))
    assert isinstance(state, State) and "damaged or incomplete" in state.problems[0]


def test_another_layout_is_refused_with_the_one_expected(tmp_path: Path, few: Layout) -> None:
    few.photos.rename(few.folder / "images")
    state = bring(ask(tmp_path / "datasets", few.folder))
    assert isinstance(state, State)
    assert "Expected are a folder *Input with photos as .jpg" in state.problems[0]


def test_a_disk_without_room_is_said_before_anything_is_written(
    tmp_path: Path, few: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=200_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    state = bring(ask(tmp_path / "datasets", zipped(few.folder)))
    assert isinstance(state, State)
    assert state.stage == "failed"
    assert state.problems[0].startswith("Disk full: 0.2 GB free, need 0.3 GB.")
    assert nothing_stays(tmp_path / "datasets")


# Interrupted, cancelled, asked for twice


def test_the_same_is_not_brought_in_twice_at_once(tmp_path: Path, few: Layout) -> None:
    ask(tmp_path, few.folder)
    with pytest.raises(intake.Refused):
        ask(tmp_path, few.folder)


def test_what_was_left_behind_does_not_stand_in_the_way(tmp_path: Path, few: Layout) -> None:
    folder = ask(tmp_path, few.folder)
    (folder / intake.REQUEST).unlink()
    assert intake_process.work(folder) == 1
    assert intake.intakes(tmp_path) == ()
    assert isinstance(bring(ask(tmp_path, few.folder)), DataSet)


def test_a_process_that_only_begins_is_stopped_and_not_robbed(tmp_path: Path, few: Layout) -> None:
    folder = ask(tmp_path, few.folder)
    intake.say(folder, State("starting"))
    intake.cancel(folder)
    assert folder.exists()
    assert intake_process.work(folder) == 1
    settle_all(tmp_path)
    assert list(tmp_path.glob(".*")) == []


def test_an_intake_that_ends_or_begins_this_moment_is_not_called_interrupted(
    tmp_path: Path, few: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ask(tmp_path, few.folder)
    looks: list[int] = []

    def ends(_: Path) -> bool:
        intake.say(folder, State("stopped"))
        return False

    def begins(_: Path) -> bool:
        intake.say(folder, State("copying"))
        looks.append(1)
        return len(looks) > 1

    for moment in (ends, begins):
        intake.say(folder, State("reading"))
        monkeypatch.setattr(intake, "taken", moment)
        one = intake.look(folder)
        assert one is not None and not one.interrupted
        assert one.running == (moment is begins)


def test_somebody_who_only_looks_keeps_no_intake_from_beginning(
    tmp_path: Path, few: Layout
) -> None:
    folder = ask(tmp_path, few.folder)
    held, over = threading.Event(), threading.Event()

    def look() -> None:
        with alone(folder / intake.LOCK):
            held.set()
            over.wait(0.2)

    looking = threading.Thread(target=look)
    looking.start()
    held.wait()
    assert isinstance(bring(folder), DataSet)
    looking.join()


@pytest.mark.parametrize("stage", ["copying", "unpacking", "reading", "comparing"])
def test_an_intake_that_was_killed_is_no_data_set_and_goes_on(
    tmp_path: Path, few: Layout, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    source = zipped(few.folder) if stage == "unpacking" else few.folder
    folder = ask(tmp_path / "datasets", source)
    said = intake.Report.__call__

    def killed(self: intake.Report, now: str, *rest: int) -> None:
        if now == stage:
            raise SystemExit(9)
        said(self, now, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(intake.Report, "__call__", killed)
        with pytest.raises(SystemExit):
            intake_process.work(folder)
    assert not data_sets(tmp_path / "datasets")
    (found,) = intake.intakes(tmp_path / "datasets")
    assert not found.running
    made = bring(folder)
    assert isinstance(made, DataSet) and made.photos == 12


def test_cancelled_leaves_nothing(
    tmp_path: Path, few: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ask(tmp_path / "datasets", few.folder)
    (folder / intake.CANCEL).touch()
    assert intake_process.work(folder) == 1
    settle_all(tmp_path / "datasets")
    assert list((tmp_path / "datasets").iterdir()) == []
    folder = ask(tmp_path / "datasets", few.folder)
    intake.cancel(folder)  # nobody works on it yet
    intake.cancel(folder)
    assert list((tmp_path / "datasets").iterdir()) == []


def test_a_process_of_its_own_does_it(tmp_path: Path, few: Layout) -> None:
    folder = ask(tmp_path / "datasets", few.folder)
    intake.start(folder)
    until = time.monotonic() + 120
    while folder.exists() and time.monotonic() < until:
        for found in intake.intakes(tmp_path / "datasets"):
            assert found.running or not folder.exists() or found.state.stage != "failed"
        time.sleep(0.1)
    (made,) = data_sets(tmp_path / "datasets")
    assert made.photos == 12


def test_two_processes_never_work_on_one_intake(tmp_path: Path, few: Layout) -> None:
    folder = ask(tmp_path / "datasets", few.folder)
    with alone(folder / intake.LOCK):
        assert intake_process.work(folder) == 1
        (found,) = intake.intakes(tmp_path / "datasets")
        assert found.running
    assert isinstance(bring(folder), DataSet)


def test_gathering_refuses_a_link_as_source(tmp_path: Path, few: Layout) -> None:
    link = tmp_path / "link"
    link.symlink_to(few.folder)
    with pytest.raises(InvalidData, match="is a link"):
        gathering.gather(link, tmp_path, lambda *_: None)

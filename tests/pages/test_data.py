"""The page of data sets, run by Streamlit itself; intakes run in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.components.frame import serving
from pages.components.learning import contactsheet, twins
from records import audit
from records.access.actors import ADMIN, CONSOLE
from records.models import jobs
from tests.pages.conftest import SignIn
from tests.signing import somebody
from tests.training.conftest import write_isic
from tests.training.test_datasets import TODAY, rows
from training.data import intake, intake_process
from training.data.datasets import data_sets, delete, write_data_set
from training.data.inspection import Inspection, Pair
from training.data.manifest import read_isic

PAGE = Path(__file__).parents[2] / "pages" / "admin" / "data.py"


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sign_in: SignIn) -> Iterator[Path]:
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SKIN_DATABASE_URL", f"sqlite:///{tmp_path / 'records.sqlite'}")
    st.cache_resource.clear()
    sign_in(somebody(ADMIN))
    yield tmp_path
    serving.decoder().close()
    serving.database().close()
    st.cache_resource.clear()


def open_page() -> AppTest:
    return AppTest.from_file(str(PAGE), default_timeout=100).run()


def dialog() -> AppTest:
    """The first way of the dialog to add data, which AppTest would close at every click."""

    def script() -> None:
        from pages.components.learning import adding

        adding.inbox()

    return AppTest.from_function(script, default_timeout=100).run()


def press(page: AppTest, label: str) -> AppTest:
    (found,) = (button for button in page.button if button.label == label)
    return found.click().run()


def shown(page: AppTest) -> str:
    parts = [*page.markdown, *page.caption, *page.warning, *page.info]
    return "\n".join(str(one.value) for one in parts)


def kinds() -> list[str]:
    return [one.kind for one in audit.entries(serving.database(), actor=CONSOLE, limit=50)]


def test_without_data_there_is_one_button(data_dir: Path) -> None:
    page = open_page()
    assert [button.label for button in page.button] == ["Add data"]
    assert "Models learn from photos" in shown(page)


def test_a_folder_of_the_inbox_becomes_a_data_set_with_a_report(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "start", intake_process.work)
    write_isic(data_dir / "inbox" / "patches")
    press(dialog(), "Add")
    page = open_page()
    assert "Folder · 130 photos · 64 lesions · added on" in shown(page)
    page = press(page, "Report")
    text = shown(page)
    assert "Photos per diagnosis" in text
    assert "Where photos go" in text
    assert "Fewer than 10 lesions: melanoma 8" in text.replace("\\", "")
    page = press(dialog(), "Add")
    assert "There is a data set patches already" in page.warning[0].value
    delete(data_sets(serving.datasets())[0])
    assert data_sets(serving.datasets()) == ()
    page = press(open_page(), "Bring back")
    assert len(data_sets(serving.datasets())) == 1
    assert {"data set asked for", "data set brought back"} <= set(kinds())


def test_a_data_set_without_its_photos_is_not_trained_on(data_dir: Path) -> None:
    folder = serving.datasets() / "one"
    (folder / "photos").mkdir(parents=True)
    (folder / "photos" / "a.jpg").write_bytes(b"a photo")
    table = rows({"image": "1", "lesion": "one"})
    write_data_set(folder, table, name="One", kind="folder", created_on=TODAY)
    assert "Train on it" in [button.label for button in open_page().button]
    (folder / "photos" / "a.jpg").unlink()
    page = open_page()
    assert "Its photos are not here" in shown(page) and "bring it in again" in shown(page)
    assert "Train on it" not in [button.label for button in page.button]


def test_data_that_a_waiting_run_needs_stays(data_dir: Path) -> None:
    folder = serving.datasets() / "one"
    folder.mkdir(parents=True)
    table = rows({"image": "1", "lesion": "one"})
    write_data_set(folder, table, name="One", kind="folder", created_on=TODAY)

    def script() -> None:
        from pages.components.frame import serving
        from pages.components.learning import discarding
        from training.data.datasets import data_sets

        for one in data_sets(serving.datasets()):
            discarding.ask(one)

    def press_delete() -> AppTest:
        page = AppTest.from_function(script, default_timeout=100).run()
        return page.button(key="delete-now").click().run()

    job = jobs.ask(serving.database(), actor=CONSOLE, kind="fit", request={"data": ["one"]})
    page = press_delete()
    assert "Run 1 is waiting and needs this data set" in page.warning[0].value
    assert len(data_sets(serving.datasets())) == 1
    jobs.cancel(serving.database(), actor=CONSOLE, job_id=job.id)
    assert not press_delete().exception
    assert data_sets(serving.datasets()) == () and "data set deleted" in kinds()


def test_what_was_refused_says_why_and_what_can_be_done(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "start", intake_process.work)
    layout = write_isic(data_dir / "inbox" / "patches")
    sorted(layout.photos.iterdir())[0].write_bytes(b"no photo")
    press(dialog(), "Add")
    page = open_page()
    assert "1 photo cannot be used" in shown(page)
    page = press(page, "Leave 1 photo out and go on")
    assert len(data_sets(serving.datasets())) == 1
    assert "photos left out" in kinds()


def test_an_export_cannot_run_as_a_formula() -> None:
    pair = Pair(("=1+1", "@x"), ("train", "test"), ("MEL", "NV"), same_lesion=False)
    assert b"'=1+1,'@x," in twins.pairs_csv([pair])


def test_a_contact_sheet_leaves_out_what_cannot_be_read(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no photo")
    paths = (str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg"))
    assert contactsheet.sheet(paths, "").startswith(b"RIFF")
    assert Inspection.read(tmp_path) is None


def test_data_sets_that_share_photos_cannot_be_learned_from_together(tmp_path: Path) -> None:
    table = read_isic(write_isic(tmp_path / "isic").folder).table
    folder = tmp_path / "sets"
    kinds = {"one": table, "three": table[table["diagnosis"] != "DF"], "two": table}
    for name, own in kinds.items():
        (folder / name).mkdir(parents=True)
        own = own.assign(lesion=own["lesion"] + name)
        write_data_set(folder / name, own, name=name.capitalize(), kind="folder", created_on=TODAY)

    def script(folder: str) -> None:
        from pathlib import Path

        import streamlit as st

        from pages.components.learning import together
        from training.data.datasets import data_sets

        found = data_sets(Path(folder))
        st.markdown(f"{together.check(found[:1])} {together.check(found[::2])}")
        st.markdown(f"{together.check(found[1:2])} {together.check(found[1:2], binary=True)}")

    page = AppTest.from_function(script, default_timeout=100, args=(str(folder),)).run()
    assert [one.value for one in page.markdown] == ["True False", "False True"]
    said = [one.value.replace("\\", "") for one in page.warning]
    assert "Photo ids in two data sets, One and Two: LESION" in said[0]
    assert "No lesion falls into the train split that is dermatofibroma" in said[-1]

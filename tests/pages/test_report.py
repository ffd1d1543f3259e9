"""A lesion's report, from the button to the PDF's own words."""

import datetime
import io
from dataclasses import replace

import pytest
from pypdf import PdfReader
from streamlit.testing.v1 import AppTest

from pages.components.frame import serving
from pages.components.report import findings, reporting
from records import audit
from records.access.sessions import SignedIn
from records.clinic import comparability, confirmations, photos, visits
from records.clinic.confirmations import ConfirmationFields
from records.keeping import blobs
from records.reports.report import Report
from skinmodel.diagnoses import CODES
from skinmodel.drawn import draw_lesion
from tests.pages.test_compare import HOW, SIZE, visited
from tests.pages.test_examine import jpeg, labels, press
from tests.pages.test_records import (
    JUNE,
    MARCH,
    add_lesion,
    examined,
    kept,
    open_page,
    save,
)


def words(made: Report) -> str:
    pages = PdfReader(io.BytesIO(made.pdf)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def prepare(lesion_id: str, *, with_name: bool = False) -> Report:
    return reporting.prepare(lesion_id, with_name=with_name, progress=lambda *_: None)


def test_the_button_prepares_the_report_and_then_offers_it(person: SignedIn) -> None:
    opened = add_lesion(person)
    save(person, *examined(jpeg(1, MARCH), jpeg(2, JUNE)), opened)
    assert "Report" in labels(open_page("lesion", lesion=opened.lesion.id))
    script = (
        "from pages.components.report import reporting\n"
        f"reporting.ask({opened.lesion.id!r}, named=False, visits=2)"
    )
    page = AppTest.from_string(script, default_timeout=60).run()
    assert not page.get("download_button")
    page = press(page, "Prepare")
    (button,) = page.get("download_button")
    assert button.proto.label.startswith("Download (")
    entry, *_ = audit.history(serving.database(), actor=person.actor, object_ids=[opened.lesion.id])
    assert entry.kind == "report made"
    assert any(str(entry.detail["sha256"]) in caption.value for caption in page.caption)


def test_it_says_what_the_screens_say(person: SignedIn) -> None:
    opened = add_lesion(person)
    tray, result = examined(jpeg(1, MARCH), jpeg(2, JUNE))
    save(person, tray, result, opened)
    confirmations.confirm(
        serving.database(),
        actor=person.actor,
        lesion_id=opened.lesion.id,
        fields=ConfirmationFields("MEL", "histopathology", JUNE),
        codes=CODES,
        save_key="a-confirmation-key",
    )
    text = words(prepare(opened.lesion.id))
    leading = max(zip(result.analysis.probabilities[-1], result.analysis.codes, strict=True))[1]
    for said in (
        "Patient 4711", "born 1958", "Female", "Lesion A, lower extremity",
        "2, 12 Mar 2025 to 1 Jun 2025", f"· {leading}", "Malignant in total", "Model tiny-1",
        "Confirmed diagnosis", "Melanoma (histopathology, 1 Jun 2025)", "2.7 months", "10 x",
        "Decision support, not a", "It is a <b>test</b>.", "Probabilities at the training mix",
        "heat map", result.analysis.photos[0].sha256,
    ):  # fmt: skip
        assert said in text, said


def test_warnings_of_photos_and_of_time_stay_in_it(person: SignedIn) -> None:
    opened = add_lesion(person)
    tray, result = examined(jpeg(1, MARCH))
    tray.items[0].photo = replace(tray.items[0].photo, warnings=("Colour converted from print.",))
    save(person, tray, result, opened)
    (visit,) = kept(person, opened).visits
    fields = replace(visit.visit.fields, day=MARCH + datetime.timedelta(days=1), note="Itches =1+1")
    visits.change(
        serving.database(), actor=person.actor, visit_id=visit.visit.id, fields=fields, edition=1
    )
    text = words(prepare(opened.lesion.id))
    assert "Photo of 13 Mar 2025: Colour converted from print." in text
    assert "The assessment is outdated: 1 photo was given another day since." in text
    assert "Itches =1+1" in text


def test_a_damaged_original_costs_its_picture_and_nothing_else(
    person: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = add_lesion(person)
    save(person, *examined(jpeg(1, MARCH)), opened)

    def missing(*_: object, **__: object) -> bytes:
        raise blobs.PhotoUnusable("The original file is missing since 3 May 2025.")

    monkeypatch.setattr(photos, "read", missing)
    text = words(prepare(opened.lesion.id))
    assert "A photo of 12 Mar 2025 is not shown. The original file is missing" in text
    assert "Malignant in total" in text


def test_an_empty_lesion_has_a_report_too(person: SignedIn) -> None:
    text = words(prepare(add_lesion(person).lesion.id))
    assert "This lesion was not analysed." in text and "None yet." in text


def test_of_many_visits_the_first_and_the_newest_are_shown(
    person: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "MOST", 2)
    opened = add_lesion(person)
    days = [MARCH + datetime.timedelta(days=n) for n in range(4)]
    save(person, *examined(*(jpeg(n, day) for n, day in enumerate(days))), opened)
    page = kept(person, opened)
    shown, left_out = reporting.chosen(page)
    assert left_out == 2
    assert [one.visit.fields.day for one in shown] == [days[0], *days[3:]]
    assert "The photos of 2 visits are not shown." in words(prepare(opened.lesion.id))


def test_numbers_that_were_withheld_are_withheld_here(
    person: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = add_lesion(person)
    save(person, *examined(jpeg(1, MARCH)), opened)
    restored = reporting.restored

    def strange(*values: object) -> object:
        analysis = restored(*values)  # type: ignore[arg-type]
        return replace(analysis, assessed=False, unknown_by_photo=analysis.malignancy * 0 + 0.9)

    monkeypatch.setattr(reporting, "restored", strange)
    text = words(prepare(opened.lesion.id))
    assert "Not assessed: this does not look like a dermoscopic photo" in text
    assert "Malignant in total" not in text.split("Visits")[0]
    assert findings.DISCLAIMER in text


def test_changes_are_measured_or_withheld_with_the_reason(person: SignedIn) -> None:
    grown = [draw_lesion(5, growth=growth, size=SIZE) for growth in (0.0, 0.4)]
    text = words(prepare(visited(person, *grown).lesion.id))
    assert "Change from 12 Jan 2025 to 12 Apr 2025" in text
    assert "3.0 months apart. Short-term monitoring interval" in text
    assert "Area +" in text and "repeat error" in text and "Outline model 1.0" in text


def test_sizes_of_other_magnifications_are_not_compared(person: SignedIn) -> None:
    same = [draw_lesion(5, growth=growth, size=SIZE) for growth in (0.0, 0.01)]
    opened = visited(person, *same, last=replace(HOW, magnification=20))
    text = words(prepare(opened.lesion.id))
    assert "Another magnification: 10 x, then 20 x." in text
    assert comparability.WITHHELD in text and "Area" not in text

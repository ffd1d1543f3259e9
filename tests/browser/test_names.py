"""The longest ids and names are read to their end, on a desk and on a phone."""

import pytest
from playwright.sync_api import Page, expect

from records.clinic import patients
from records.clinic.patients import PatientFields
from records.schema import open_database
from tests.browser.server import Server
from tests.browser.test_compare import ANNA

pytestmark = pytest.mark.browser
CUT = "links => links.flatMap(one => [one, ...one.querySelectorAll('*')])"
CUT += ".filter(one => one.scrollWidth > one.clientWidth + 1 && one.clientWidth).length"


@pytest.mark.parametrize("width", [1440, 390])
def test_a_patient_with_a_long_id_and_name_is_shown_whole(
    page: Page, server: Server, width: int
) -> None:
    clinic_id = f"{width}".ljust(64, "9")
    database = open_database(f"sqlite:///{server.data / 'records.sqlite'}")
    fields = PatientFields(clinic_id, name="Wolfeschlegelsteinhausenbergerdorff-" * 2)
    patients.add(database, actor=ANNA, fields=fields, save_key=f"long-name-{width}")
    database.close()
    page.goto(f"{server.address}/patients")
    page.get_by_label("Find by the clinic's id").fill(clinic_id)
    link = page.get_by_role("main").get_by_role("link", name=clinic_id)
    expect(link).to_contain_text("year of birth not known")
    assert link.evaluate_all(CUT) == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width

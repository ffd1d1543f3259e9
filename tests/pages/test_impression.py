"""The clinician's own impression: asked for before anything of the result is seen."""

import pytest
from streamlit.testing.v1 import AppTest

from pages.components.examination import impression, saving
from pages.components.frame import serving
from records import preferences
from records.access.actors import ROLES
from records.access.sessions import SignedIn
from records.clinic import series
from records.clinic.visits import VisitFields
from records.preferences import IMPRESSION_FIRST
from tests import signing
from tests.pages.test_examine import jpeg, labels, press, shown, upload
from tests.pages.test_records import KEY, add_lesion, open_page


@pytest.fixture
def asking(person: SignedIn) -> SignedIn:
    """The clinician, where the clinic wants impressions first."""
    admin = signing.add(serving.database(), *ROLES, name="Ada")
    preferences.change(
        serving.database(), actor=SignedIn("x", admin).actor, name=IMPRESSION_FIRST, value=True
    )
    return person


def choose(page: AppTest, code: str) -> AppTest:
    return next(radio for radio in page.radio if radio.label == "Most likely").set_value(code).run()


def test_nothing_of_the_result_is_seen_before_the_impression(asking: SignedIn) -> None:
    opened = add_lesion(asking)
    page = upload(open_page("examine", lesion=opened.lesion.id), ("a.jpg", jpeg(1)))
    if not page.radio:
        press(page, "Analyse 1 photo")
    assert shown(page) is None
    assert "Your impression first" in [one.value for one in page.header]
    record = next(b for b in page.button if b.label.startswith("Record, and analyse"))
    assert record.disabled
    choose(page, "BKL")
    press(page, "Record, and analyse 1 photo")
    assert shown(page) is not None
    tray = page.session_state["tray"]
    result = tray.results[tray.shown]
    saving.save(
        asking.actor, tray, result, opened,
        how=VisitFields(), day=None, although_known=False, save_key=KEY,
    )  # fmt: skip
    kept = series.page(serving.database(), actor=asking.actor, lesion_id=opened.lesion.id)
    before = kept.assessments[0].impression
    assert before and before.code == "BKL" and before.at <= result.made_at
    said = impression.words(before, {before.account_id: "Nora"})
    assert said.startswith("Impression before the result: Benign keratosis. Nora, ")
    page = open_page("lesion", lesion=opened.lesion.id)
    assert any(one.value.startswith("Impression before the result") for one in page.caption)


def test_cancelling_keeps_the_photos(asking: SignedIn) -> None:
    page = upload(open_page("examine"), ("a.jpg", jpeg(1)))
    press(page, "Cancel")
    assert "Analyse 1 photo" in labels(page) and shown(page) is None

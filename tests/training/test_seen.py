"""A model's card tells which lesions the model has met, without their ids."""

from pathlib import Path

import pandas as pd
import pytest

from tests.tiny import save_tiny_model
from training.data.manifest import read_isic
from training.data.seen import SEEN, fingerprints, seen
from training.data.splits import assign
from training.learning.config import InvalidConfig
from training.learning.origin import begin, met_before


@pytest.fixture
def table(isic) -> pd.DataFrame:
    return assign(read_isic(isic.folder).table)


def test_what_was_not_tested_on_has_been_met(table: pd.DataFrame) -> None:
    card = {SEEN: fingerprints(table)}
    met = seen(table, card)
    assert met is not None and (met == (table["split"] != "test")).all()
    foreign = table.assign(lesion="elsewhere " + table["lesion"])
    assert not seen(foreign, card).any()


def test_a_patient_who_was_met_is_met_with_every_lesion(table: pd.DataFrame) -> None:
    card = {SEEN: fingerprints(assign(table.assign(patient="P2")))}
    other = table[:1].assign(lesion="another lesion")
    assert seen(other.assign(patient="P2"), card).all()
    assert not seen(other.assign(patient="P3"), card).any()


def test_a_fingerprint_may_end_in_zero(table: pd.DataFrame) -> None:
    learned = table[:2].assign(lesion=["L451", "L0"], split="train")
    assert seen(learned, {SEEN: fingerprints(learned)}).all()


def test_what_the_first_model_met_its_successor_has_met(table: pd.DataFrame) -> None:
    elsewhere = table.assign(lesion="elsewhere " + table["lesion"], split="train")
    first = {SEEN: fingerprints(elsewhere)}
    assert seen(elsewhere, {SEEN: fingerprints(table, first)}).all()
    # If nobody knows what the first one met, nobody knows what this one did.
    assert seen(elsewhere, {SEEN: fingerprints(table, {})}) is None


def start(folder: Path, table: pd.DataFrame | None) -> Path:
    """A model that has met what is not on the test side of a table, or does not say."""
    return save_tiny_model(folder, card={} if table is None else {SEEN: fingerprints(table)})


def test_a_start_that_met_test_lesions_is_refused(table: pd.DataFrame, tmp_path: Path) -> None:
    begin(table, tmp_path, start(tmp_path, table))  # it learned from the same sides
    learned = table.assign(
        split=table["split"].mask(table["diagnosis"].isin(["MEL", "DF"]), "train")
    )
    with pytest.raises(InvalidConfig, match="has met 4 of the 16 test lesions"):
        begin(table, tmp_path / "run", start(tmp_path / "other", learned))


def test_what_the_start_had_met_stays_known(table: pd.DataFrame, tmp_path: Path) -> None:
    elsewhere = table.assign(lesion="elsewhere " + table["lesion"])
    begin(table, tmp_path, start(tmp_path, elsewhere))
    cards, notes = met_before(tmp_path, None)  # measured later, when nobody names the start again
    assert seen(elsewhere, {SEEN: fingerprints(table, *cards)}).equals(elsewhere["split"] != "test")
    assert notes == ("It started from model tiny-1, which has met none of the test lesions.",)
    (tmp_path / "run").mkdir()
    begin(table, tmp_path / "run", unknown := start(tmp_path / "unknown", None))
    assert "does not say which lesions it met" in met_before(tmp_path / "run", unknown)[1][0]
    assert met_before(tmp_path / "nothing", None) == ((), ())

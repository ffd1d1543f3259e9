"""A model's card tells which lesions the model has met, without their ids."""

import pandas as pd
import pytest

from training.manifest import read_isic
from training.seen import SEEN, fingerprints, seen
from training.splits import assign


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

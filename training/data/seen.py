"""Which lesions a model has met, as short fingerprints in its card, without their ids.

A lesion has been met if it, or another of the same patient, took part in training, in choosing the
epoch or in calibration.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

import pandas as pd

SEEN = "seen_lesions"  # the name in the card
BYTES = 4  # of each fingerprint: one foreign lesion in a million is taken for one of 6,000
BY_CHANCE = 2  # lesions that short fingerprints may take for others


def fingerprints(manifest: pd.DataFrame, *before: Mapping[str, Any]) -> str | None:
    """The card's text for all lesions and patients outside the test side of an assigned manifest.

    Four bytes of each id's SHA-256, sorted, in base64. `before` are the cards of the models that
    training started or learned from, which had met their own; None if one does not say which.
    """
    met = manifest[manifest["split"] != "test"]
    marks = {*_marks(met, "lesion"), *_marks(met, "patient")}
    for card in before:
        known = _known(card)
        if known is None:
            return None
        marks |= known
    return base64.b64encode(b"".join(sorted(marks - {b""}))).decode()


def seen(manifest: pd.DataFrame, card: Mapping[str, Any]) -> "pd.Series[bool] | None":
    """For each photo whether its model has met the lesion or the patient; None if unknown."""
    known = _known(card)
    if known is None:
        return None
    # Not isin: that drops zeros at a fingerprint's end, and would call the lesion one never met.
    lesions, patients = (_marks(manifest, c).map(known.__contains__) for c in ("lesion", "patient"))
    return lesions | patients


def _known(card: Mapping[str, Any]) -> set[bytes] | None:
    """The fingerprints in a card; None if there are none to be read."""
    try:
        data = base64.b64decode(card[SEEN], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None
    return {data[i : i + BYTES] for i in range(0, len(data), BYTES)}


def _marks(manifest: pd.DataFrame, column: str) -> "pd.Series[Any]":
    """The fingerprint of each photo's lesion or patient, empty where it is blank."""
    return manifest[column].map(
        lambda text: hashlib.sha256(f"{column} {text}".encode()).digest()[:BYTES] if text else b""
    )

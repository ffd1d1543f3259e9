"""A model in four numbers: what it finds, what it flags beside, and what it declines."""

from collections.abc import Sequence

import streamlit as st

from pages.components.frame.words import percent
from pages.components.model.card import Part, part


def draw(numbers: Part) -> None:
    """The numbers of lesions with all their photos, each with its interval and count."""
    for pair in ((_ranked, _found), (_spared, _declined)):
        for place, one in zip(st.columns(2), pair, strict=True):
            with place:
                part(one, numbers)


def _ranked(numbers: Part) -> None:
    report = numbers["series"]
    _metric(
        "Balanced accuracy",
        report["balanced_accuracy"],
        f"{report['cases']:,} lesions",
    )


def _found(numbers: Part) -> None:
    found = numbers["alert"]["series"]["sensitivity_melanoma"]
    _metric("Melanomas above the alert line", found["share"], f"{found['cases']:,} melanomas")


def _spared(numbers: Part) -> None:
    alert = numbers["alert"]["series"]
    others = alert["cases"] - alert["sensitivity_malignant"]["cases"]
    _metric("Others below it", alert["specificity"], f"{others:,} lesions")


def _declined(numbers: Part) -> None:
    test = numbers["unknown"]["test"]
    share = test["lesions_refused"] / test["lesions"]
    _metric("Not assessed", (share,), f"{test['lesions']:,} real lesions")


def _metric(label: str, value: Sequence[float], of: str) -> None:
    between = f"{percent(value[1])} to {percent(value[2])}, of " if len(value) == 3 else "Of "
    st.metric(
        label,
        percent(value[0]),
        delta=f"{between}{of}",
        delta_color="off",
        delta_arrow="off",
        border=True,
    )

"""A model's card as words and tables."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import streamlit as st

from pages.components.frame.words import DASH, count, markdown, percent
from skinmodel.bundle import CARD
from skinmodel.evidence import Limits
from skinmodel.export import long_date, output_diagnosis

Part = Mapping[str, Any]
UNREADABLE = "This part of the model's card cannot be read; it stands in the whole card below."
PURPOSE = ("intended_use", "not_for", "limits")
ORIGIN = ("licence", "data", "data_source", "data_licence", "started_from", "created_on")
NAMES = {
    "accuracy_at_training_mix": "Accuracy at the training mix",
    "calibration_error": "Calibration error (ECE)",
    "macro_precision": "Precision, mean of the diagnoses",
    "macro_f1": "F1, mean of the diagnoses",
    "macro_auroc": "AUROC, mean of the diagnoses",
    "malignancy_auroc": "AUROC, malignant or not",
    "auroc": "AUROC",
    "f1": "F1",
    "single_photos": "Single photos",
    "series": "Lesions, all their photos",
    "one_photo": "Lesions, one photo each",
    "two_photos": "Lesions, two photos each",
    "three_or_more_photos": "Lesions, three photos or more",
}


def part(draw: Callable[..., None], values: Any, *rest: Any) -> None:
    """Draws one part of a card; a card of another form costs that part alone."""
    try:
        draw(values, *rest)
    except (AttributeError, KeyError, TypeError, ValueError):
        st.caption(UNREADABLE)


def purpose(card: Part) -> None:
    """What the model is for, what not, and for whom it has no evidence."""
    _texts(card, PURPOSE)
    limits = Limits.from_card(card)
    if limits:
        outside = [f"phototypes {' and '.join(limits.phototypes)}"] if limits.phototypes else []
        outside += [*limits.sites, f"age under {limits.under_age}"]
        st.markdown(f"**Outside its evidence.** {markdown(_capital(', '.join(outside)))}.")


def origin(card: Part) -> None:
    """What the model was made from, and how."""
    st.header("Where it comes from", anchor=False)
    _texts(card, ORIGIN)
    for name, split in card.get("splits", {}).items():
        photos, lesions = count(split["photos"], "photo"), count(split["lesions"], "lesion")
        st.markdown(f"- {name.capitalize()}: {photos} of {lesions}")
    made = card.get("training")
    if isinstance(made, Mapping) and made.get("command"):
        st.markdown("**Training command**")
        st.code(str(made["command"]), language="sh", wrap_lines=True)
        changes = [*made.get("notes", ()), *made.get("changes_during_run", ())]
        st.markdown("".join(f"- {markdown(str(text))}\n" for text in changes))
        if made.get("commit"):
            st.caption(f"Made by the program's commit {markdown(str(made['commit'])[:12])}.")


def interval(value: Sequence[float] | None, *, share: bool = False, digits: int = 2) -> str:
    """A number with its 95 % interval, as 74 % (71 % to 77 %); a dash where undefined."""
    if value is None or any(number is None for number in value):
        return DASH
    middle, low, high = (percent(v) if share else f"{v:.{digits}f}" for v in value)
    return f"{middle} ({low} to {high})"


def between(value: Sequence[float] | None) -> str:
    """A range of shares, as 87 % to 95 %."""
    return DASH if value is None else " to ".join(percent(share) for share in value)


def diagnosis_name(code: str) -> str:
    """The name of a card's class."""
    try:
        return output_diagnosis(code).name
    except KeyError:  # a binary model's other side
        return title(code)


def title(name: str) -> str:
    """What a card calls a number, as a person reads it."""
    return NAMES.get(name) or markdown(name.replace("_", " ").capitalize())


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _readable(text: str) -> str:
    """A text, or a day as 12 Mar 2025."""
    try:
        return long_date(date.fromisoformat(text))
    except ValueError:
        return text


def _texts(card: Part, names: Sequence[str]) -> None:
    for name in names:
        value = card.get(name)
        if isinstance(value, str) and value.strip():
            st.markdown(f"**{title(name)}.** {markdown(_readable(value))}")
        elif isinstance(value, list) and value and all(isinstance(text, str) for text in value):
            st.markdown(f"**{title(name)}**\n" + "".join(f"\n- {markdown(t)}" for t in value))


def read_card(folder: Path) -> dict[str, Any]:
    """A model's card as it is; empty where it cannot be read."""
    try:
        values = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}

"""The end of a report: the model's card in short, and by what everything is known again."""

from collections.abc import Mapping, Sequence
from typing import Any

from pages.components.frame import words
from pages.components.report.visitlog import Material
from records.clinic.series import LesionPage
from records.reports.blocks import Block, Heading, Table, Text
from skinmodel.analysis import Analysis
from skinmodel.export import long_date

NO_CARD = "The card of the model that made this assessment is not installed here."
AUDITED = "The SHA-256 of this file is in DermTrace's audit log, under the day it was made."


def model(material: Material) -> tuple[Block, ...]:
    """The model's card in short: what for, from what, how good, and where its evidence ends."""
    if material.analysis is None:
        return ()
    card = material.card
    head = Heading(f"The model, {material.analysis.model_version}")
    if card is None:
        return head, Text(NO_CARD)
    found: list[Block] = [head]
    found += [Text(str(card[name])) for name in ("intended_use", "data") if card.get(name)]
    found += _measured(card)
    for title, name in (("Not for", "not_for"), ("Limits", "limits")):
        texts = card.get(name)
        if isinstance(texts, Sequence) and not isinstance(texts, str) and texts:
            found.append(Text(title, "strong"))
            found += [Text(f"\N{BULLET} {text}", "small") for text in texts]
    if card.get("licence"):
        found.append(Text(f"Licence: {card['licence']}", "small"))
    return tuple(found)


def _measured(card: Mapping[str, Any]) -> tuple[Block, ...]:
    """The numbers that a reader weighs a result by, with their intervals."""
    numbers = card.get("numbers") or {}
    bases = {"single_photos": "Single photos", "series": "Lesions, all photos"}
    there = [name for name in bases if isinstance(numbers.get(name), Mapping)]
    if not there:
        return (Text("This model was not measured."),)

    def value(report: Mapping[str, Any], *path: str) -> str:
        one: Any = report
        for step in path:
            one = one.get(step) if isinstance(one, Mapping) else None
        if not isinstance(one, Sequence) or len(one) != 3 or None in one:
            return words.DASH
        return f"{one[0]:.2f} ({one[1]:.2f} to {one[2]:.2f})"

    measured = (
        ("Cases", None),
        ("Balanced accuracy over eight diagnoses", ("balanced_accuracy",)),
        ("Melanomas ranked first", ("per_diagnosis", "MEL", "recall")),
        ("AUROC, malignant or not", ("malignancy_auroc",)),
        ("Calibration error (ECE)", ("calibration_error",)),
    )
    rows = [("In testing, with 95 % intervals", *(bases[name] for name in there))]
    for title, path in measured:
        cells = (
            f"{numbers[name].get('cases', words.DASH)}" if path is None
            else value(numbers[name], *path)
            for name in there
        )  # fmt: skip
        rows.append((title, *cells))
    return (Table(tuple(rows), (3, *(2.0 for _ in there))),)


def origin(page: LesionPage, analysis: Analysis | None) -> tuple[Block, ...]:
    """The hashes of the photos and of the model's weights, and where the report's own is."""
    rows = [("Photo", "SHA-256 of the original")]
    for one in page.visits:
        day = long_date(one.visit.fields.day) or "Day not known"
        rows += [(day, photo.sha256) for photo in one.photos]
    found: list[Block] = [Heading("Where this report comes from"), Text(AUDITED, "small")]
    if analysis:
        weights = f"Weights of model {analysis.model_version}: SHA-256 {analysis.model_sha256}"
        found.append(Text(weights, "small"))
    if len(rows) > 1:
        found.append(Table(tuple(rows), (1, 4)))
    return tuple(found)

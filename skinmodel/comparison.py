"""Two photos of one lesion: outlined, aligned, measured and compared, or the reason why not."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import Image

from skinmodel.changes import Change, Repeatability, compare
from skinmodel.measures import Measures, NotMeasurable, measure
from skinmodel.outline import Outline, find_outline
from skinmodel.outline_bundle import OutlineModel
from skinmodel.registration import Prepared, Registration, prepare, register


@dataclass(frozen=True)
class Examined:
    """One photo with all that a comparison needs; `refusal` says why it has no measures."""

    outline: Outline
    measures: Measures | None
    refusal: str | None
    prepared: Prepared = field(repr=False)


@dataclass(frozen=True)
class Comparison:
    """A later photo against an earlier one.

    `changes` is empty if `refusal`, one sentence, says why sizes are withheld. Even then
    `registration` may hold, so that the photos can be shown one on the other.
    """

    registration: Registration
    changes: tuple[Change, ...]
    refusal: str | None


def examine(model: OutlineModel, picture: Image.Image) -> Examined:
    """Outline, measures and keypoints of an upright RGB photo; done once per photo."""
    outline = find_outline(model, picture)
    prepared = prepare(picture)
    if outline.uncertain:
        sentence = "The outline is uncertain in this photo; draw it by hand to measure."
        return Examined(outline, None, sentence, prepared)
    try:
        return Examined(outline, measure(picture, outline), None, prepared)
    except NotMeasurable as error:
        return Examined(outline, None, str(error), prepared)


def compare_photos(
    before: Examined, after: Examined, repeatability: Mapping[str, Repeatability]
) -> Comparison:
    """What changed from the earlier photo to the later one."""
    registration = register(after.prepared, before.prepared)
    if registration.refusal:
        return Comparison(registration, (), registration.refusal)
    for examined, which in ((before, "earlier"), (after, "later")):
        if examined.measures is None:
            return Comparison(registration, (), f"The {which} photo: {examined.refusal}")
    assert before.measures and after.measures  # for the type checker: told apart above
    if not repeatability:
        sentence = "The error of this outline model was never measured, so no change is stated."
        return Comparison(registration, (), sentence)
    changes = compare(before.measures, after.measures, registration, repeatability)
    return Comparison(registration, changes, None)


def repeatability_of(model: OutlineModel) -> dict[str, Repeatability]:
    """What unchanged lesions' measures differ by; empty if that was never measured."""
    known = model.card.get("change", {}).get("measures", {})
    return {name: Repeatability(**values) for name, values in known.items()}

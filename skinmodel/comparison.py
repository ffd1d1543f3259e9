"""Two photos of one lesion: outlined, aligned, measured and compared, or the reason why not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image

from skinmodel.changes import Change, Repeatability, compare
from skinmodel.measures import Measures, NotMeasurable, measure
from skinmodel.outline import Outline, drawn_outline, find_outline, on_photo
from skinmodel.outline_bundle import OutlineModel
from skinmodel.registration import (
    Prepared,
    Registration,
    in_prepared_pixels,
    placed,
    prepare,
    register,
)
from skinmodel.surroundings import align_by_skin

NO_SKIN = (
    "Too little of the skin around the lesion is in sight and alike in both photos, so growth"
    " cannot be told from a photo taken nearer."
)
NEARER = 1.15  # times; re-photographs whose errors are known were nearer or farther by a tenth


@dataclass(frozen=True)
class Examined:
    """One photo with all that a comparison needs; `refusal` says why it has no measures.

    `mm_per_pixel` is known only where the photo's file says it.
    """

    outline: Outline
    measures: Measures | None
    refusal: str | None
    prepared: Prepared = field(repr=False)
    mm_per_pixel: float | None = None


@dataclass(frozen=True)
class Comparison:
    """A later photo against an earlier one.

    `changes` hold no sizes if `refusal`, one sentence, says why those are withheld, and may then be
    empty. Even so `registration` may hold, so that the photos can be shown one on the other.
    `by_file`: their sizes are compared by the scale in their files, not by the skin.
    """

    registration: Registration
    changes: tuple[Change, ...]
    refusal: str | None
    by_file: bool = False


def examine(
    model: OutlineModel,
    picture: Image.Image,
    drawn: Sequence[tuple[float, float]] = (),
    *,
    mm_per_pixel: float | None = None,
) -> Examined:
    """Outline, measures and keypoints of an upright RGB photo; done once per photo.

    `drawn`, a polygon in the photo's pixels, takes the place of the model's outline.
    """
    outline = drawn_outline(drawn, picture.size) if drawn else find_outline(model, picture)
    prepared = prepare(picture)
    if outline.uncertain:
        sentence = "The outline is uncertain in this photo; draw it by hand to measure."
        return Examined(outline, None, sentence, prepared, mm_per_pixel)
    try:
        return Examined(outline, measure(picture, outline), None, prepared, mm_per_pixel)
    except NotMeasurable as error:
        return Examined(outline, None, str(error), prepared, mm_per_pixel)


def compare_photos(
    before: Examined, after: Examined, repeatability: Mapping[str, Repeatability]
) -> Comparison:
    """What changed from the earlier photo to the later one.

    Where the skin cannot tell their scale, that in both photos' files does.
    """
    registration, refusal = align(before, after)
    if registration.refusal:
        return Comparison(registration, (), registration.refusal)
    for examined, which in ((before, "earlier"), (after, "later")):
        if examined.measures is None:
            return Comparison(registration, (), f"The {which} photo: {examined.refusal}")
    assert before.measures and after.measures  # for the type checker: told apart above
    if not repeatability:
        sentence = "The error of this outline model was never measured, so no change is stated."
        return Comparison(registration, (), sentence)
    scale = None if refusal else registration.scale
    by_file = False
    if scale is None and before.mm_per_pixel and after.mm_per_pixel:
        scale, refusal, by_file = after.mm_per_pixel / before.mm_per_pixel, None, True
    if scale is None and not _alike(registration, before, after):
        return Comparison(registration, (), refusal)
    changes = compare(before.measures, after.measures, scale, repeatability)
    return Comparison(registration, changes, refusal, by_file)


def _alike(registration: Registration, before: Examined, after: Examined) -> bool:
    """Whether the lesion is about as large in both photos, so that shape and colour compare."""
    nearer = registration.scale * before.prepared.ratio / after.prepared.ratio
    return 1 / NEARER <= nearer <= NEARER


def align(before: Examined, after: Examined) -> tuple[Registration, str | None]:
    """The later photo laid on the earlier one, and why its scale is not to be relied on, if so.

    Where both have an outline, the skin around the lesion decides.
    """
    registration = register(after.prepared, before.prepared)
    if registration.matrix is None:
        return registration, registration.refusal
    ratios = after.prepared.ratio, before.prepared.ratio
    lesions = [
        on_photo(each.outline, each.prepared.usable.shape, each.prepared.ratio)
        for each in (before, after)
    ]
    if not all(lesion.any() for lesion in lesions):
        return registration, NO_SKIN
    found = align_by_skin(
        after.prepared,
        lesions[1],
        before.prepared,
        lesions[0],
        in_prepared_pixels(registration.matrix, *ratios),
    )
    if found is None:
        return registration, NO_SKIN
    return placed(found, registration.matched, after.prepared, before.prepared), None


def repeatability_of(model: OutlineModel) -> dict[str, Repeatability]:
    """What unchanged lesions' measures differ by; empty if that was never measured."""
    known = model.card.get("change", {}).get("measures", {})
    return {name: Repeatability(**values) for name, values in known.items()}

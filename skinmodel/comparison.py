"""Two photos of one lesion: outlined, aligned, measured and compared, or the reason why not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot, log

from PIL import Image

from skinmodel.changes import HANDS, Change, Repeatability, compare
from skinmodel.measures import Measures, NotMeasurable, measure
from skinmodel.outline import BY_HAND, Outline, drawn_outline, find_outline, on_photo
from skinmodel.outline_bundle import OutlineModel
from skinmodel.registration import (
    Prepared,
    Registration,
    in_prepared_pixels,
    placed,
    prepare,
    register,
)
from skinmodel.scale import SKIN, SURELY, Scale, between
from skinmodel.surroundings import align_by_skin

NO_SKIN = (
    "Too little of the skin around the lesion is in sight and alike in both photos, so growth"
    " cannot be told from a photo taken nearer."
)
CONTRADICTED = (
    "The skin says that one of the two scales is wrong, by {} %, so there are no millimetres."
    " Check both."
)
NEARER = 1.15  # times; re-photographs whose errors are known were nearer or farther by a tenth


@dataclass(frozen=True)
class Examined:
    """One photo with all that a comparison needs; `refusal` says why it has no measures.

    `size` is the picture's (width, height); `scale` of its pixels, None where it is not known, and
    `doubt` says where another scale of it contradicts that one.
    """

    outline: Outline
    measures: Measures | None
    refusal: str | None
    prepared: Prepared = field(repr=False)
    size: tuple[int, int]
    scale: Scale | None = None
    doubt: str = ""


@dataclass(frozen=True)
class Comparison:
    """A later photo against an earlier one.

    `changes` hold no sizes if `refusal`, one sentence, says why those are withheld, and may then be
    empty. Even so `registration` may hold, so that the photos can be shown one on the other.
    `by_scale`: sizes are compared by both photos' scales, not by the skin. `contradicted` says that
    those scales and the skin do not go together, "" where they do.
    """

    registration: Registration
    changes: tuple[Change, ...]
    refusal: str | None
    by_scale: bool = False
    contradicted: str = ""


def examine(
    model: OutlineModel,
    picture: Image.Image,
    drawn: Sequence[tuple[float, float]] = (),
    *,
    scale: Scale | None = None,
) -> Examined:
    """Outline, measures and keypoints of an upright RGB photo; done once per photo.

    `drawn`, a polygon in the photo's pixels, takes the place of the model's outline.
    """
    outline = drawn_outline(drawn, picture.size) if drawn else find_outline(model, picture)
    prepared = prepare(picture)
    if outline.uncertain:
        sentence = "The outline is uncertain in this photo; draw it by hand to measure."
        return Examined(outline, None, sentence, prepared, picture.size, scale)
    try:
        return Examined(outline, measure(picture, outline), None, prepared, picture.size, scale)
    except NotMeasurable as error:
        return Examined(outline, None, str(error), prepared, picture.size, scale)


def compare_photos(
    before: Examined,
    after: Examined,
    repeatability: Mapping[str, Mapping[str, Repeatability]],
    *,
    like_optics: bool = True,
) -> Comparison:
    """What changed from the earlier photo to the later one; `repeatability` as of the model's card.

    The skin tells their scale, and where it cannot, or at another magnification (`like_optics` is
    False), the scales of both photos do, if they are known.
    """
    registration, refusal = align(before, after)
    if registration.refusal:
        return Comparison(registration, (), registration.refusal)
    for examined, which in ((before, "earlier"), (after, "later")):
        if examined.measures is None:
            return Comparison(registration, (), f"The {which} photo: {examined.refusal}")
    assert before.measures and after.measures  # for the type checker: told apart above
    known = errors_of(before, after, repeatability)
    if not known:
        sentence = "The error of this outline model was never measured, so no change is stated."
        return Comparison(registration, (), sentence)
    skin, error, by_scale, contradicted = None if refusal else registration.scale, 0.0, False, ""
    scale = skin
    if before.scale and after.scale:
        stated, off = between(before.scale, after.scale)
        apart = abs(log(skin / stated)) if skin else 0.0
        if apart > SURELY * hypot(off, SKIN):
            contradicted = CONTRADICTED.format(f"{100 * apart:.0f}")
        elif skin is None or not like_optics:
            scale, error, refusal, by_scale = stated, off, None, True
    if scale is None and not _alike(registration, before, after):
        return Comparison(registration, (), refusal)
    changes = compare(before.measures, after.measures, scale, known, scale_error=error)
    return Comparison(registration, changes, refusal, by_scale, contradicted)


def errors_of(
    before: Examined, after: Examined, repeatability: Mapping[str, Mapping[str, Repeatability]]
) -> Mapping[str, Repeatability]:
    """What unchanged lesions differ by when outlined as these two are, by hand or not.

    Where that was never measured, what they differ by when the network outlines both.
    """
    hands = sum(one.outline.version == BY_HAND for one in (before, after))
    kind = ("", *HANDS)[hands]
    return repeatability.get(kind) or repeatability.get("", {})


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


def repeatability_of(model: OutlineModel) -> dict[str, dict[str, Repeatability]]:
    """What unchanged lesions' measures differ by, without what was never measured.

    Under "" where the network outlined both photos, "one" and "both" where people did so many.
    """
    change = model.card.get("change", {})
    kinds = {"": change} | {name: change.get("hands", {}).get(name, {}) for name in HANDS}
    known = {
        kind: {name: Repeatability(**values) for name, values in of.get("measures", {}).items()}
        for kind, of in kinds.items()
    }
    return {kind: measures for kind, measures in known.items() if measures}

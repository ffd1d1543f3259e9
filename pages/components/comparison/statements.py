"""What is said of a comparison: what changed, sizes, and why there are none; the report's, too."""

from typing import Any

from pages.components.comparison import changelist
from pages.components.comparison.comparing import Compared
from pages.components.comparison.pairs import Pair
from records.clinic import comparability
from skinmodel.comparison import NO_SKIN
from skinmodel.measures import Measures
from skinmodel.registration import LEAST_INLIERS
from skinmodel.sizes import sizes

OTHER_LESION = "These photos may not show the same lesion."
UNDATED = "The day of a visit is not known, so nothing is measured. It can be set at the visit."
NOT_MEASURED = "Nothing is measured."
BY_SCALE = "Sizes are compared by both photos' scales, not by the skin."
NO_SCALE = "With a scale marked in both photos, such as two ticks of a ruler, they are compared."
OTHER_SCALE = "With a scale marked in the other photo, too, they are compared."
SHAPE_ALONE = "Sizes are not compared, only shape and colour."
# What the errors are measured on, by how many of the two outlines were drawn by hand.
REPEATED = {
    "": "lesions photographed again by simulation.",
    "one": "lesions photographed again by simulation, one photo outlined by a person.",
    "both": "lesions with two real photos, each outlined by a person.",
}


def otherwise(pair: Pair, found: Compared) -> list[str]:
    """How the photos were taken otherwise, in sentences; what is doubtful about their scales."""
    fields = pair.before.visit.fields, pair.after.visit.fields
    by_scale = found.comparison.by_scale
    magnified = comparability.magnified(*fields) if by_scale else ""
    said = [
        f"{magnified} {BY_SCALE}" if magnified else "",
        *comparability.differences(*fields, scaled=by_scale),
        found.comparison.contradicted,
    ]
    for shot, side in zip((pair.before, pair.after), found.sides, strict=True):
        if side.examined.doubt:
            said.append(f"{shot.label}: {side.examined.doubt}")
    return [one for one in said if one]


def withheld(pair: Pair, found: Compared) -> list[str]:
    """Why there are no numbers, or none of sizes, in sentences; none where there are."""
    comparison = found.comparison
    if comparison.registration.refusal:
        strange = comparison.registration.inliers < LEAST_INLIERS
        other = [OTHER_LESION] if strange else []
        return [comparison.registration.refusal, *other, NOT_MEASURED]
    if comparison.refusal and not comparison.changes:
        return [comparison.refusal, NOT_MEASURED]
    if pair.before.day is None or pair.after.day is None:
        return [UNDATED]
    fields = pair.before.visit.fields, pair.after.visit.fields
    if comparability.differences(*fields, scaled=comparison.by_scale):
        return [comparability.WITHHELD]
    return [comparison.refusal, SHAPE_ALONE] if comparison.refusal else []


def mendable(pair: Pair, found: Compared) -> str:
    """How sizes could be compared that are not, "" where nothing helps."""
    if found.comparison.refusal != NO_SKIN and pair.like_optics:
        return ""
    if found.comparison.by_scale or found.comparison.registration.refusal:
        return ""
    known = [side.examined.scale is not None for side in found.sides]
    return "" if all(known) else OTHER_SCALE if any(known) else NO_SCALE


def measured(pair: Pair, found: Compared) -> tuple[Measures, Measures] | None:
    """Both photos' measures, if any change between them is stated."""
    earlier, later = (side.examined.measures for side in found.sides)
    stated = not withheld(pair, found) or SHAPE_ALONE in withheld(pair, found)
    return (earlier, later) if stated and earlier and later else None


def rows(pair: Pair, found: Compared) -> list[dict[str, Any]]:
    """What changed, as far as it is stated, and both photos' sizes in millimetres."""
    told = measured(pair, found)
    stated = changelist.rows(found.comparison, *told) if told else []
    if found.comparison.contradicted:
        return stated
    in_mm = changelist.millimetres(
        [pair.before.label, pair.after.label],
        [sizes(side.examined, found.known) for side in found.sides],
    )
    return [*stated, *in_mm]


def about(pair: Pair, found: Compared) -> list[str]:
    """What has to be known of the stated changes and sizes."""
    comparison, told = found.comparison, measured(pair, found)
    sides = [side.examined for side in found.sides]
    by_scale = BY_SCALE if comparison.by_scale and pair.like_optics else ""
    stated = told or any(one.scale for one in sides)
    scales = changelist.scales([pair.before.label, pair.after.label], sides) if stated else ""
    parts = (
        changelist.quality(comparison),
        by_scale if told else "",
        "" if comparison.contradicted else scales,
        *((errors(found), changelist.COLOURS_NOTE) if told else ()),
        found.outlined,
    )
    return [part for part in parts if part]


def errors(found: Compared) -> str:
    """From what the errors of the measures are known."""
    kind = found.hands if found.hands in found.known else ""
    fewest = min((one.pairs for one in found.known.get(kind, {}).values()), default=0)
    return (
        f"Repeat errors: from {fewest:,} {REPEATED[kind]}"
        " A change of distance, focus or pressure on the skin can add to them."
    )

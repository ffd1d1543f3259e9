"""Two visits of a lesion beside and over each other, with what changed; drawn by the browser."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from pages.components.comparison import changelist, comparing, outlining, pairs, scaling
from pages.components.comparison.comparing import Compared
from pages.components.comparison.pairs import Pair, Shot
from pages.components.frame import aside, browser, guard, serving
from pages.components.frame.aside import Task
from pages.components.frame.words import markdown
from records.access.actors import CLINICIAN
from records.clinic import comparability
from records.clinic.assessments import Assessment
from records.clinic.series import LesionPage
from skinmodel.comparison import NO_SKIN
from skinmodel.export import DISCLAIMER, output_diagnosis
from skinmodel.inferno import colour_table
from skinmodel.measures import Measures
from skinmodel.outline_bundle import OutlineModel
from skinmodel.registration import LEAST_INLIERS
from skinmodel.sizes import sizes
from skinmodel.weights import InvalidModel

CLOSER = "compare-closer"  # the pair that is looked at closely, and its larger pictures
KEPT = 6  # pairs in this session, so that stepping back shows them at once
BLANK = {"name": "", "value": "", "error": "", "seen": False}  # nothing that could be read
HINT = "Space: blink. 1 to 4: view. O: outlines. H: heat maps. Plus and minus: zoom."
HINT_STEPS = "Left and right: other visits. "
OTHER_LESION = "These photos may not show the same lesion."
UNDATED = "The day of a visit is not known, so nothing is measured. It can be set at the visit."
NOT_MEASURED = "Nothing is measured."
BY_SCALE = "Sizes are compared by both photos' scales, not by the skin."
NO_SCALE = "With a scale marked in both photos, such as two ticks of a ruler, they are compared."
OTHER_SCALE = "With a scale marked in the other photo, too, they are compared."
# What the errors are measured on, by how many of the two outlines were drawn by hand.
REPEATED = {
    "": "lesions photographed again by simulation.",
    "one": "lesions photographed again by simulation, one photo outlined by a person.",
    "both": "lesions with two real photos, each outlined by a person.",
}
SHAPE_ALONE = "Sizes are not compared, only shape and colour."


@st.cache_resource(show_spinner=False)
def _component() -> Callable[..., Any]:
    return browser.component(__file__, heat=True)


@st.fragment
def show(page: LesionPage) -> None:
    """The chosen pair; a fragment, so that choosing another reruns nothing else."""
    visits = pairs.usable(page)
    if len(visits) < 2:
        if visits:
            st.caption("A comparison needs photos of at least 2 dates.")
        return
    try:
        model = serving.outline_model()
    except InvalidModel as error:
        st.error(str(error))
        return
    place = st.container()  # the photos come first, then the choice of others
    pair = pairs.choose(page.lesion.id, visits)
    explained = _explained(page, pair)
    key = _key(model, pair, explained)
    kept: dict[str, Task[Compared]] = st.session_state.setdefault("compared", {})
    if key not in kept:
        kept[key] = _work(model, pair, explained)
        while len(kept) > KEPT:
            del kept[next(iter(kept))]
    found = kept[key].answer
    with place:
        if isinstance(found, str):
            st.warning(markdown(found))
            st.button("Try again", key="compare-again", on_click=kept.pop, args=(key,))
            return
        closer = _closer(pair, key) if found else None
        _component()(
            key="compare",
            data=(describe(pair, found) if found else waiting(pair)) | _sharp(closer),
            on_step_change=lambda: _step(page, visits),
            on_closer_change=lambda: st.session_state.update({CLOSER: (key, None)}),
            width="stretch",
        )
        if found is None:
            aside.watch(kept[key], key="compare")
        else:
            corrections(pair.before, pair.after)
            if closer and closer.answer is None:
                aside.watch(closer, key="compare-closer", quiet=True)


def corrections(*shots: Shot) -> None:
    """What a clinician may set right of each photo: its outline and its scale."""
    with st.container(horizontal=True, gap="small"):
        for offer in (outlining.offer, scaling.offer):
            for shot in shots:
                offer(shot)


def _closer(pair: Pair, key: str) -> Task[tuple[str, str]] | None:
    """The larger pictures of this pair, once somebody has zoomed in on it."""
    of, task = st.session_state.get(CLOSER, ("", None))
    if of != key:
        return None
    if task is None:
        reader = comparing.reader(guard.require(CLINICIAN).actor)
        task = Task(lambda report: comparing.sharper(reader, pair, report), "Reading")
        st.session_state[CLOSER] = key, task
    return task


def _sharp(closer: Task[tuple[str, str]] | None) -> dict[str, Any]:
    """What the browser puts in the photos' place; where reading failed, nothing."""
    answer = closer.answer if closer else None
    return {"sharp": list(answer) if isinstance(answer, tuple) else []}


def _step(page: LesionPage, visits: Any) -> None:
    by = getattr(st.session_state.get("compare"), "step", None)
    if by in (-1, 1):
        pairs.step(page.lesion.id, visits, by)


def _work(model: OutlineModel, pair: Pair, explained: Assessment | None) -> Task[Compared]:
    reader = comparing.reader(guard.require(CLINICIAN).actor)
    return Task(
        lambda report: comparing.compare(reader, model, pair, explained, report), "Comparing"
    )


def _explained(page: LesionPage, pair: Pair) -> Assessment | None:
    """The newest assessment with heat maps of one of these photos, unless it was withheld."""
    wanted = {pair.before.photo.sha256, pair.after.photo.sha256}
    for one in reversed(page.assessments):
        if one.has_maps and one.result.more.get("assessed", True) and wanted & {*one.result.photos}:
            return one
    return None


def _key(model: OutlineModel, pair: Pair, explained: Assessment | None) -> str:
    shots = pair.before, pair.after
    return repr((shots, model.sha256, explained and explained.id))


def waiting(pair: Pair) -> dict[str, Any]:
    """The place of a comparison that is being made, at its final size."""
    data = _frame(pair) | {
        "waiting": "Reading, aligning and measuring",
        "photos": [
            _photo(shot.label, f"{shot.label}, being read", size=shot.photo.size)
            for shot in (pair.before, pair.after)
        ],
        "notices": [],
        "headline": "",
        "rows": [BLANK] * len(changelist.NAMES),
        "facts": [],
        "hint": "",
    }
    return data | {"id": _digest(data)}


def describe(pair: Pair, found: Compared) -> dict[str, Any]:
    """Everything the browser needs to draw a comparison, as plain values."""
    comparison = found.comparison
    placed = comparison.registration.placement
    notices = [*otherwise(pair, found), *withheld(pair, found), mendable(pair, found)]
    shots = pair.before, pair.after
    data = _frame(pair) | {
        "photos": [
            _photo(
                shot.label,
                f"{which} photo, {shot.label}",
                size=side.size,
                source=side.source,
                outline=side.contour,
                heat=side.heat,
            )
            | {"key": shot.photo.sha256}
            for shot, side, which in zip(shots, found.sides, ("Earlier", "Later"), strict=True)
        ],
        # As a canvas takes it: column by column.
        "matrix": None if placed is None else placed.T.ravel().tolist(),
        "difference": found.difference
        and found.difference | {"high": f"{comparing.HIGHEST:.0f} units and more"},
        "heat_of": output_diagnosis(found.heat_of).name if found.heat_of else "",
        "larger": any(
            min(shot.photo.size) > min(side.size)
            for shot, side in zip(shots, found.sides, strict=True)
        ),
        "notices": [one for one in notices if one],
        "headline": changelist.headline(comparison.changes) if measured(pair, found) else "",
        "rows": rows(pair, found),
        "facts": [f"{DISCLAIMER}.", *about(pair, found)],
        "hint": HINT_STEPS + HINT if pair.steps else HINT,
    }
    return data | {"id": _digest(data)}


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


def _frame(pair: Pair) -> dict[str, Any]:
    return {
        "title": f"{pair.before.label} to {pair.after.label}",
        "interval": pair.interval,
        "steps": list(pair.steps),
        "colours": colour_table(),
        "matrix": None,
        "difference": None,
        "heat_of": "",
        "larger": False,
    }


def _photo(label: str, alt: str, *, size: tuple[int, int], **more: Any) -> dict[str, Any]:
    """A photo as the browser takes it."""
    nothing = {"source": "", "outline": [], "heat": None, "key": ""}
    return nothing | {"label": label, "alt": alt, "size": list(size)} | more


def _digest(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(data.items())).encode()).hexdigest()[:16]

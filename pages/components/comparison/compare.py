"""Two visits of a lesion beside and over each other, with what changed; drawn by the browser."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from pages.components.comparison import changelist, comparing, outlining, pairs
from pages.components.comparison.comparing import Compared
from pages.components.comparison.pairs import Pair
from pages.components.frame import aside, browser, guard, serving
from pages.components.frame.aside import Task
from pages.components.frame.words import markdown
from records.access.actors import CLINICIAN
from records.clinic import comparability
from records.clinic.assessments import Assessment
from records.clinic.series import LesionPage
from skinmodel.export import DISCLAIMER, output_diagnosis
from skinmodel.inferno import colour_table
from skinmodel.measures import Measures
from skinmodel.outline_bundle import OutlineModel
from skinmodel.registration import LEAST_INLIERS
from skinmodel.weights import InvalidModel

CLOSER = "compare-closer"  # the pair that is looked at closely, and its larger pictures
KEPT = 6  # pairs in this session, so that stepping back shows them at once
BLANK = {"name": "", "value": "", "error": "", "seen": False}  # nothing that could be read
HINT = "Space: blink. 1 to 4: view. O: outlines. H: heat maps. Plus and minus: zoom."
HINT_STEPS = "Left and right: other visits. "
OTHER_LESION = "These photos may not show the same lesion."
UNDATED = "The day of a visit is not known, so nothing is measured. It can be set at the visit."
NOT_MEASURED = "Nothing is measured."
BY_FILE = "Too little skin is in sight to tell the scale; it is taken from the DICOM files."
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
            outlining.offer(pair)
            if closer and closer.answer is None:
                aside.watch(closer, key="compare-closer", quiet=True)


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
    shots = [(shot.photo.id, shot.photo.outline) for shot in (pair.before, pair.after)]
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
    reasons, told = withheld(pair, found), measured(pair, found)
    quality = changelist.quality(comparison)
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
        "notices": [
            *comparability.differences(shots[0].visit.fields, shots[1].visit.fields),
            *reasons,
        ],
        "headline": changelist.headline(comparison.changes) if told else "",
        "rows": changelist.rows(comparison, *told) if told else [],
        "facts": [
            f"{DISCLAIMER}.",
            *([quality] if quality else []),
            *(about(pair, found) if told else []),
            found.outlined,
        ],
        "hint": HINT_STEPS + HINT if pair.steps else HINT,
    }
    return data | {"id": _digest(data)}


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
    if comparability.differences(pair.before.visit.fields, pair.after.visit.fields):
        return [comparability.WITHHELD]
    return [comparison.refusal, SHAPE_ALONE] if comparison.refusal else []


def measured(pair: Pair, found: Compared) -> tuple[Measures, Measures] | None:
    """Both photos' measures, if any change between them is stated."""
    earlier, later = (side.examined.measures for side in found.sides)
    stated = not withheld(pair, found) or SHAPE_ALONE in withheld(pair, found)
    return (earlier, later) if stated and earlier and later else None


def about(pair: Pair, found: Compared) -> list[str]:
    """What has to be known of the stated changes."""
    by_file = BY_FILE if found.comparison.by_file else ""
    parts = by_file, sizes(pair, found), errors(found), changelist.COLOURS_NOTE
    return [part for part in parts if part]


def sizes(pair: Pair, found: Compared) -> str:
    """What the photos measure in millimetres, if that can be said."""
    if found.comparison.refusal:
        return ""
    return changelist.millimetres(
        [pair.before.label, pair.after.label],
        [side.examined.measures for side in found.sides],
        [side.examined.mm_per_pixel for side in found.sides],
    )


def errors(found: Compared) -> str:
    """From what the errors of the measures are known."""
    fewest = min((one.pairs for one in found.known.values()), default=0)
    return (
        f"Repeat errors: from {fewest:,} lesions photographed again by simulation. A change of"
        " distance, focus or pressure on the skin can add to them."
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

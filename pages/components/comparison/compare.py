"""Two visits of a lesion beside and over each other, with what changed; drawn by the browser."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from pages.components.comparison import (
    alone,
    changelist,
    comparing,
    outlining,
    pairs,
    scaling,
    statements,
)
from pages.components.comparison.comparing import Compared
from pages.components.comparison.pairs import Pair, Shot
from pages.components.frame import aside, browser, guard, serving
from pages.components.frame.aside import Task
from pages.components.frame.words import markdown
from records.access.actors import CLINICIAN
from records.clinic.assessments import Assessment
from records.clinic.series import LesionPage
from skinmodel.export import DISCLAIMER, output_diagnosis
from skinmodel.inferno import colour_table
from skinmodel.outline_bundle import OutlineModel
from skinmodel.weights import InvalidModel

CLOSER = "compare-closer"  # the pair that is looked at closely, and its larger pictures
KEPT = 6  # pairs in this session, so that stepping back shows them at once
BLANK = {"name": "", "value": "", "error": "", "seen": False}  # nothing that could be read
HINT = "Space: blink. 1 to 4: view. O: outlines. H: heat maps. Plus and minus: zoom."
HINT_STEPS = "Left and right: other visits. "


@st.cache_resource(show_spinner=False)
def _component() -> Callable[..., Any]:
    return browser.component(__file__, heat=True)


@st.fragment
@aside.part
def show(page: LesionPage) -> None:
    """The chosen pair, or the only visit; a fragment, so that choosing reruns nothing else."""
    visits = pairs.usable(page)
    if not visits:
        return
    try:
        model = serving.outline_model()
    except InvalidModel as error:
        st.error(str(error))
        return
    if len(visits) < 2:
        alone.show(model, pairs.shot(visits[0]))
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
            aside.watch(kept[key])
        else:
            corrections(pair.before, pair.after)
            if closer and closer.answer is None:
                aside.watch(closer, quiet=True)


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
    notices = [
        *statements.otherwise(pair, found),
        *statements.withheld(pair, found),
        statements.mendable(pair, found),
    ]
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
        "millimetre": _millimetre(found),
        "difference": found.difference
        and found.difference | {"high": f"{comparing.HIGHEST:.0f} units and more"},
        "heat_of": output_diagnosis(found.heat_of).name if found.heat_of else "",
        "larger": any(
            min(shot.photo.size) > min(side.size)
            for shot, side in zip(shots, found.sides, strict=True)
        ),
        "notices": [one for one in notices if one],
        "headline": changelist.headline(comparison.changes)
        if statements.measured(pair, found)
        else "",
        "rows": statements.rows(pair, found),
        "facts": [f"{DISCLAIMER}.", *statements.about(pair, found)],
        "hint": HINT_STEPS + HINT if pair.steps else HINT,
    }
    return data | {"id": _digest(data)}


def _millimetre(found: Compared) -> float | None:
    """How many millimetres a pixel of the earlier photo is, if that is known."""
    earlier, later = (side.examined.scale for side in found.sides)
    if found.comparison.contradicted:
        return None
    if earlier:
        return earlier.mm_per_pixel
    aligned = found.comparison.registration
    if later is None or aligned.matrix is None or found.comparison.refusal:
        return None
    return later.mm_per_pixel / aligned.scale


def _frame(pair: Pair) -> dict[str, Any]:
    return {
        "title": f"{pair.before.label} to {pair.after.label}",
        "interval": pair.interval,
        "steps": list(pair.steps),
        "colours": colour_table(),
        "matrix": None,
        "millimetre": None,
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

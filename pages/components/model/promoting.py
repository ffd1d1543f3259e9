"""Putting a model to use: the gate's verdict, promotion with a reason, override, roll back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import streamlit as st

from pages.components.frame import guard, saves, serving
from pages.components.frame.words import markdown
from pages.components.learning import runs
from records.access import accounts
from records.access.actors import ADMIN, Actor
from records.errors import Conflict, RecordError
from records.models import promotions
from records.models.promotions import OPEN, PROMOTED, ROLLED_BACK, Named, Promotion
from skinmodel.bundle import CARD
from skinmodel.registry import card_hash
from skinmodel.weights import InvalidModel
from training.measuring import compared
from training.measuring.promotion import Verdict, judge

T = TypeVar("T")
CHECKING = "Showing the model its golden set once more"
PASSED = "It may be promoted: nothing speaks against it."


def named(folder: Path) -> Named:
    """A model's version and hash, as far as its card can be read."""
    try:
        sha256 = json.loads((folder / CARD).read_text("utf-8"))["weights_sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        sha256 = ""
    return Named(folder.name, str(sha256)[:64])


def offer(folder: Path, names: dict[str, str], requests: list[Promotion]) -> None:
    """The gate's verdict on a model that is not in use, and what can be done."""
    active = serving.registry().active()
    verdict = verdict_on(folder, active)
    st.subheader("Verdict", anchor=False)
    for sentence in verdict.facts:
        st.write(markdown(sentence))
    for sentence in verdict.faults:
        st.error(markdown(sentence))
    for sentence in verdict.doubts:
        st.warning(markdown(sentence))
    request = next((one for one in requests if one.after == named(folder)), None)
    if request:
        decide(request, names)
    elif verdict.passed:
        st.write(PASSED)
        if st.button(f"Promote {folder.name} …", type="primary"):
            promote(folder)
    elif not verdict.faults:
        st.write("It can be promoted all the same if a second administrator agrees.")
        if st.button("Ask for an override …"):
            ask(folder)


def verdict_on(folder: Path, active: Path) -> Verdict:
    """The gate's verdict, kept as long as nothing about the two models changes."""
    kept = runs.places().comparisons
    measured = compared.stamps(folder, active, kept)
    try:
        return _verdict(folder, active, kept, card_hash(folder), card_hash(active), measured)
    except InvalidModel as error:
        return Verdict((str(error),), (), ())


@st.cache_data(show_spinner="Showing the model its golden set", max_entries=32)
def _verdict(
    folder: Path,
    active: Path,
    kept: Path,
    mine: str,
    other: str,
    measured: tuple[tuple[Path, int], ...],
) -> Verdict:
    return judge(folder, active, kept)


@st.dialog("Promote")
def promote(folder: Path) -> None:
    """Asks for a reason and puts the model to use."""
    models = serving.registry()
    before = models.active()
    st.write(
        f"Model {folder.name} takes the place of model {before.name} at everybody's next analysis."
        " Results that were saved keep their version."
    )
    reason = st.text_area("Reason", max_chars=promotions.LONGEST, key="promote-reason")
    if not st.button("Promote", type="primary", key="promote-now"):
        return
    actor = guard.require(ADMIN).actor

    def carry_out() -> Promotion:
        with st.spinner(CHECKING):
            # Now, not as it was when the page was drawn.
            verdict = judge(folder, before, runs.places().comparisons)
        if not verdict.passed:
            raise RecordError(" ".join((*verdict.faults, *verdict.doubts)))
        return promotions.change(
            serving.database(),
            actor=actor,
            kind=PROMOTED,
            before=named(before),
            after=named(folder),
            reason=reason,
            verdict=" ".join(verdict.facts),
            apply=lambda: put_to_use(before, folder),
        )

    if attempt(carry_out):
        st.rerun()


@st.dialog("Ask for an override")
def ask(folder: Path) -> None:
    """Asks for a promotion that the gate doubts; another administrator decides."""
    before = serving.registry().active()
    verdict = verdict_on(folder, before)
    for sentence in verdict.doubts:
        st.write(markdown(sentence))
    reason = st.text_area(
        "Why it should be used all the same", max_chars=promotions.LONGEST, key="override-reason"
    )
    if not st.button("Ask", type="primary", key="override-now"):
        return
    actor = guard.require(ADMIN).actor
    done = attempt(
        lambda: promotions.ask(
            serving.database(),
            actor=actor,
            before=named(before),
            after=named(folder),
            reason=reason,
            verdict=" ".join((*verdict.doubts, *verdict.facts)),
        )
    )
    if done:
        st.rerun()


def decide(request: Promotion, names: dict[str, str]) -> None:
    """An open request: another administrator approves, anybody declines or takes back."""
    actor = guard.require(ADMIN).actor
    own = request.asked_by == actor.account_id
    who = "You" if own else markdown(names.get(request.asked_by, "Somebody"))
    with st.container(border=True, key=f"request-{request.id}"):
        st.markdown(
            f"**{who} asked to promote model {markdown(request.after.version)}** in the place of"
            f" {markdown(request.before.version)}.  \n"
            f"Reason: {markdown(request.reason)}  \nThe gate: {markdown(request.verdict)}"
        )
        if own:
            st.caption(
                "Another administrator has to approve this, signed in as themselves."
                + ("" if _others(actor) else " There is none yet: add one on the Accounts page.")
            )
        with st.container(horizontal=True):
            if not own and st.button("Approve and promote", type="primary", key=request.id):
                approve(request, actor)
            if st.button("Take back" if own else "Decline", key=f"no-{request.id}"):
                decline(request, actor)


def _others(actor: Actor) -> bool:
    """Whether anybody else could approve."""
    return any(
        ADMIN in one.roles and not one.disabled and one.id != actor.account_id
        for one in accounts.everyone(serving.database(), actor=actor)
    )


def decline(request: Promotion, actor: Actor) -> None:
    """Says no to a request, or takes it back."""

    def carry_out() -> bool:
        promotions.decline(serving.database(), actor=actor, promotion_id=request.id)
        return True

    if attempt(carry_out):
        st.rerun()


def approve(request: Promotion, actor: Actor) -> None:
    """Carries out a request, if both models are still those it was about and nothing is broken."""
    models = serving.registry()

    def carry_out() -> Promotion:
        before, folder = models.active(), models.folder(request.after.version)
        with st.spinner(CHECKING):
            verdict = judge(folder, before, runs.places().comparisons)
        if verdict.faults:
            raise RecordError(" ".join(verdict.faults))
        return promotions.approve(
            serving.database(),
            actor=actor,
            promotion_id=request.id,
            before=named(before),
            after=named(folder),
            apply=lambda: put_to_use(before, folder),
        )

    if attempt(carry_out):
        st.rerun()


def roll_back() -> None:
    """One click back to the model that was used before."""
    actor, models = guard.require(ADMIN).actor, serving.registry()
    version = models.previous()
    if version is None or not st.button(f"Roll back to {version}", icon=":material/undo:"):
        return
    before = models.active()

    def carry_out() -> Promotion:
        return promotions.change(
            serving.database(),
            actor=actor,
            kind=ROLLED_BACK,
            before=named(before),
            after=named(models.folder(version)),
            reason="",
            apply=lambda: put_back(before, version),
        )

    if attempt(carry_out):
        st.rerun()


def put_to_use(before: Path, folder: Path) -> None:
    """Promotes in the registry; Conflict where another model is in use than was judged."""
    models = serving.registry()
    if models.active() != before:
        raise Conflict("Another model was put to use meanwhile. Nothing was changed.")
    models.promote(folder.name)


def put_back(before: Path, version: str) -> None:
    """Rolls back in the registry; Conflict where somebody has done so already."""
    models = serving.registry()
    if models.active() != before or models.previous() != version:
        raise Conflict("Another model was put to use meanwhile. Nothing was changed.")
    models.roll_back()


def attempt(deed: Callable[[], T]) -> T | None:
    """Does it; what was refused is said, a broken model and a full disk too."""

    def guarded() -> T:
        try:
            return deed()
        except InvalidModel as error:
            raise RecordError(str(error)) from error
        except OSError as error:
            raise RecordError(f"Nothing was changed: {error.strerror}.") from error

    return saves.attempt(guarded)


def requests(past: list[Promotion]) -> list[Promotion]:
    """Those that wait for a decision."""
    return [one for one in past if one.state == OPEN]

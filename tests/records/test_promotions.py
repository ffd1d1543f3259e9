"""Who put which model to use: written with the deed, and overridden by two admins only."""

from typing import Any

import pytest

from records import audit
from records.access.actors import ADMIN, CLINICIAN, Actor
from records.database import Database
from records.errors import Conflict, InvalidRecord, NotAllowed, NotFound
from records.models import promotions
from records.models.promotions import DECLINED, DONE, OPEN, PROMOTED, ROLLED_BACK, Named, NotYourOwn
from tests.records.clinic import Clock

ANNA, BERT = (Actor(name, frozenset({ADMIN})) for name in ("anna", "bert"))
OLD, NEW = Named("1.0", "a" * 64), Named("1.1", "b" * 64)


def kinds(database: Database) -> list[str]:
    return [entry.kind for entry in audit.entries(database, actor=ANNA, limit=9)][::-1]


def promote(database: Database, apply: Any, **changed: Any) -> promotions.Promotion:
    values: dict[str, Any] = {"kind": PROMOTED, "before": OLD, "after": NEW, "reason": "Better."}
    return promotions.change(database, actor=ANNA, apply=apply, **values | changed)


def test_a_promotion_and_a_roll_back_are_kept(database: Database, clock: Clock) -> None:
    done: list[str] = []
    promote(database, lambda: done.append("promoted"), reason="  Better\n on ours. ")
    clock.pass_by(minutes=1)
    promote(database, lambda: done.append("back"), kind=ROLLED_BACK, before=NEW, after=OLD,
            reason="")  # fmt: skip
    assert done == ["promoted", "back"]
    back, first = promotions.history(database, actor=BERT)
    assert (first.kind, first.before, first.after, first.reason) == (
        PROMOTED, OLD, NEW, "Better\non ours.",
    )  # fmt: skip
    assert (back.kind, back.state, back.decided_by) == (ROLLED_BACK, DONE, "anna")
    assert kinds(database) == ["model promoted", "model rolled back"]
    entry = audit.entries(database, actor=ANNA, limit=1)[0]
    assert entry.detail["from"] == "1.1" and entry.detail["weights to"] == "a" * 64


def test_what_fails_leaves_no_row(database: Database) -> None:
    def fail() -> None:
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        promote(database, fail)
    with pytest.raises(InvalidRecord, match="Say why"):
        promote(database, pytest.fail, reason=" \n ")
    assert promotions.history(database, actor=ANNA) == [] and kinds(database) == []


def test_an_override_needs_a_second_administrator(database: Database) -> None:
    done: list[str] = []
    asked = {"before": OLD, "after": NEW}
    words = {"reason": "Urgent.", "verdict": "Too few melanomas to judge (3)."}
    request = promotions.ask(database, actor=ANNA, **asked, **words)
    assert promotions.ask(database, actor=ANNA, **asked, **words).id == request.id
    assert (request.state, request.verdict) == (OPEN, words["verdict"])

    def approve(actor: Actor, **changed: Named) -> None:
        promotions.approve(
            database, actor=actor, promotion_id=request.id,
            apply=lambda: done.append(actor.account_id), **asked | changed,
        )  # fmt: skip

    with pytest.raises(NotYourOwn):
        approve(ANNA)
    with pytest.raises(Conflict, match="has changed"):
        approve(BERT, before=Named("1.0", "c" * 64))
    approve(BERT)
    with pytest.raises(Conflict, match="decided meanwhile"):
        approve(BERT)
    assert done == ["bert"]
    (kept,) = promotions.history(database, actor=ANNA)
    assert (kept.state, kept.asked_by, kept.decided_by) == (DONE, "anna", "bert")
    assert kinds(database) == ["model override asked", "model override approved"]


def test_a_request_can_be_declined_and_asked_again(database: Database) -> None:
    request = promotions.ask(
        database, actor=ANNA, before=OLD, after=NEW, reason="Urgent.", verdict=""
    )
    promotions.decline(database, actor=BERT, promotion_id=request.id)
    with pytest.raises(Conflict):
        promotions.decline(database, actor=ANNA, promotion_id=request.id)
    with pytest.raises(NotFound):
        promotions.decline(database, actor=ANNA, promotion_id="0" * 32)
    again = promotions.ask(database, actor=BERT, before=OLD, after=NEW, reason="Still.", verdict="")
    assert again.id != request.id
    states = {one.id: one.state for one in promotions.history(database, actor=ANNA)}
    assert states == {request.id: DECLINED, again.id: OPEN}


def test_clinicians_change_nothing(database: Database) -> None:
    clinician = Actor("cleo", frozenset({CLINICIAN}))
    with pytest.raises(NotAllowed):
        promotions.history(database, actor=clinician)
    with pytest.raises(NotAllowed):
        promotions.change(
            database, actor=clinician, kind=PROMOTED, before=OLD, after=NEW, reason="x",
            apply=pytest.fail,
        )  # fmt: skip

"""Every call of the records asks for the acting account's role before it does anything else."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

import records
from records.access.actors import ADMIN, CLINICIAN, Actor
from records.errors import NotAllowed

# What they give or change is of patients: an administrator who is no clinician gets none of it.
OF_PATIENTS = {
    "assessments", "confirmations", "deletion", "extract", "impressions", "lesions", "moves",
    "outlines", "overviews", "patients", "photos", "plans", "precedents", "report", "scales",
    "search", "series", "visits",
}  # fmt: skip
# They note what the actor has looked at, wherever that was allowed or refused.
OF_THE_ACTOR = {"audit.looked", "patients.remember"}
# These go by who somebody is and not by a role, or serve the program itself: the door, the worker,
# the upkeep, and calls that have asked already.
WITHOUT = {
    "accounts.exist", "accounts.verify", "accounts.vouched_for",
    "backup.is_due", "removal.forget_unused", "removal.remove_unused", "removal.tidy",
    "intakes.note_ended",
    "leases.beat", "leases.claim", "leases.deleted", "leases.end", "leases.held",
    "leases.name_trainer", "leases.take_over", "leases.waiting", "leases.wanted",
    "links.for_first_admin", "links.make_first_admin", "links.set_password", "links.whose",
    "blobs.read", "restore.fill", "sessions.change_password", "sessions.check",
    "sessions.end", "sessions.end_everywhere", "sessions.find", "sessions.start",
    "snapshot.still", "swap.forget", "upkeep.due", "upkeep.running",
}  # fmt: skip


class Asked(Exception):
    """A call asked for roles."""


class Witness(Actor):
    """An actor that stops a call where it asks for roles, and tells which."""

    def require(self, *roles: str) -> NoReturn:
        raise Asked(frozenset(roles))


def calls() -> Iterator[tuple[str, Callable[..., Any], bool]]:
    """Each public function that is given a database or an actor: name, itself, whether an actor."""
    for found in pkgutil.walk_packages(records.__path__, "records."):
        if found.ispkg or found.name == "records.__main__" or ".migrations." in found.name:
            continue
        module = importlib.import_module(found.name)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("_") or function.__module__ != module.__name__:
                continue
            given = inspect.signature(function).parameters
            if {"session", "connection"} & set(given):  # within a call that has asked
                continue
            if {"database", "actor"} & set(given):
                yield f"{found.name.rpartition('.')[2]}.{name}", function, "actor" in given


ALL = list(calls())
ASKING = [
    pytest.param(name, function, id=name)
    for name, function, actor in ALL
    if actor and name not in OF_THE_ACTOR
]


def with_nothing(function: Callable[..., Any], **known: Any) -> Any:
    """Calls a function with nothing but what is known."""
    given = inspect.signature(function).parameters
    values = {name: known.get(name) for name in given}
    made = function(**values)
    return next(made) if inspect.isgenerator(made) else made


@pytest.mark.parametrize(("name", "function"), ASKING)
def test_a_call_asks_before_it_does_anything(name: str, function: Callable[..., Any]) -> None:
    with pytest.raises(Asked) as asked:
        with_nothing(function, actor=Witness("somebody", frozenset()))
    (roles,) = asked.value.args
    assert roles and roles <= {CLINICIAN, ADMIN}
    if name.partition(".")[0] in OF_PATIENTS:
        assert roles == {CLINICIAN}
    other = frozenset({CLINICIAN, ADMIN} - roles)
    with pytest.raises(NotAllowed):
        with_nothing(function, actor=Actor("somebody", other))


def test_those_that_ask_nobody_are_known() -> None:
    assert {name for name, _, actor in ALL if not actor} == WITHOUT

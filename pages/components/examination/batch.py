"""A clinic's morning: photos of many lesions, each given to its lesion, then analysed and saved."""

import datetime
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st

from pages.components.examination import opening, saving, uploads, waiting
from pages.components.examination.tray import Item, Opened, Result, Tray
from pages.components.examination.waiting import NoResult
from records.access.actors import Actor
from records.clinic.photos import KnownPhoto
from records.clinic.visits import VisitFields
from records.errors import RecordError
from skinmodel.bundle import Model
from skinmodel.casemix import CaseMix


@dataclass
class Case:
    """One lesion's new photos, and what became of them."""

    opened: Opened
    how: VisitFields  # as the last time
    items: list[Item] = field(default_factory=list)
    result: Result | None = None
    done: str = ""  # what saving said
    problem: str = ""  # why it is not saved
    question: str = ""  # what has to be answered first
    answered: bool = False
    save_key: str = field(default_factory=lambda: secrets.token_hex(16))


@dataclass
class Batch:
    """The photos without a lesion, and the lesions that were given some, by their id."""

    tray: Tray = field(default_factory=Tray)
    cases: dict[str, Case] = field(default_factory=dict)
    patient_id: str | None = None

    @property
    def open(self) -> list[Case]:
        """The lesions whose photos are not saved yet."""
        return [case for case in self.cases.values() if not case.done]

    def assign(self, numbers: list[int], opened: Opened, how: VisitFields) -> str:
        """Gives photos to a lesion; what speaks against it otherwise, and then none is given."""
        chosen = [item for item in self.tray.items if item.number in numbers]
        for item in chosen:
            if differences := uploads.contradictions(item.photo, opened.patient):
                return f"{item.name}: {' '.join(differences)}"
        lesion_id = opened.lesion.id
        if lesion_id not in self.cases or self.cases[lesion_id].done:
            self.cases[lesion_id] = Case(opened, how)
        self.cases[lesion_id].items += chosen
        self.tray.items = [item for item in self.tray.items if item not in chosen]
        return ""

    def put_away(self) -> None:
        """Forgets the lesions that are saved; photos that wait stay."""
        self.cases = {key: case for key, case in self.cases.items() if not case.done}

    def take_back(self, lesion_id: str) -> None:
        """Puts a lesion's photos back where they were."""
        self.tray.items = sorted(
            self.tray.items + self.cases.pop(lesion_id).items, key=lambda item: item.number
        )


def current() -> Batch:
    """This session's batch."""
    batch: Batch = st.session_state.setdefault("batch", Batch())
    return batch


def settle(
    case: Case,
    actor: Actor,
    model: Model,
    mix: CaseMix | None,
    *,
    day: datetime.date,
    analysed: bool,
    progress: Callable[[float, str], None],
) -> None:
    """Analyses a lesion with its new photos and saves both; says in the case what became of it.

    Photos without a day were taken on `day`. Without `analysed` the photos are saved alone.
    """
    case.problem = case.question = ""
    tray = opening.load(actor, case.opened.lesion.id, uploader=0)
    if tray.opened is None:
        return
    for item in case.items:
        tray.add(item.photo, item.name, item.taken_on or day, data=item.data)
    try:
        if analysed and case.result is None:
            case.result = waiting.compute(model, mix, tray, progress=progress)
        saved = saving.save(
            actor,
            tray,
            case.result,
            tray.opened,
            how=case.how,
            day=day,
            although_known=case.answered,
            save_key=case.save_key,
        )
    except KnownPhoto as question:
        case.question = str(question)
    except (RecordError, NoResult) as error:
        case.problem = str(error)
    else:
        case.done = " ".join(["Saved.", *saved.already])
        for item in case.items:
            item.data = b""

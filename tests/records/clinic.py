"""Short ways to fill a clinic: patients, lesions and photos with the least that they need."""

import datetime
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from records.access.actors import ADMIN, CLINICIAN, Actor
from records.clinic import lesions, patients, series
from records.clinic.assessments import Result
from records.clinic.lesions import Lesion, LesionFields
from records.clinic.patients import Patient, PatientFields
from records.clinic.photos import NewPhoto
from records.clinic.series import LesionPage, NewVisit, Saved
from records.clinic.visits import VisitFields
from records.database import Database
from records.keeping.store import Store

CLINIC = Actor("a-clinician", frozenset({CLINICIAN}))
OFFICE = Actor("an-admin", frozenset({ADMIN}))
CODES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC")
DAY = datetime.date(2025, 3, 10)


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    moment: datetime.datetime = field(
        default=datetime.datetime(2025, 3, 12, 9, 30, tzinfo=datetime.UTC)
    )

    def __call__(self) -> datetime.datetime:
        return self.moment

    def pass_by(self, **time: float) -> None:
        self.moment += datetime.timedelta(**time)


def picture(number: int) -> NewPhoto:
    """A file that no other number has; records never look into it."""
    return NewPhoto(b"photo %d" % number, f"IMG_{number}.jpg", "image/jpeg", 640, 480)


def result_of(*photos: NewPhoto, model: str = "a" * 64, at: datetime.datetime) -> Result:
    """A sound result for photos of one visit."""
    row = (0.65, *(0.05,) * 7)
    return Result(
        codes=CODES,
        probabilities=(row,),
        alone=(row,),
        malignancy=(0.8,),
        malignancy_alone=(0.8,),
        photos=tuple(photo.sha256 for photo in photos),
        visits=((DAY.isoformat(), tuple(range(len(photos)))),),
        left_out=(),
        frames=((0.0, 0.0, 640.0, 480.0),) * len(photos),
        model_version="1.0",
        model_sha256=model,
        prior="training",
        made_at=at,
        timings={"total": 0.5},
        warnings=("Blurred.",),
        maps_settings={"method": "Grad-CAM", "scaling": "joint"},
        more={"prediction_set": ["MEL", "NV"]},
    )


@dataclass
class Clinic:
    """A database and a store, and short ways to fill them."""

    database: Database
    store: Store
    clock: Clock
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def key(self) -> str:
        """A new form's key."""
        return f"form-{next(self.numbers):08}"

    def patient(self, clinic_id: str = "4711", **fields: Any) -> Patient:
        """A patient, by default of 1958."""
        values = PatientFields(clinic_id, **({"year_of_birth": 1958} | fields))
        return patients.add(self.database, actor=CLINIC, fields=values, save_key=self.key())

    def lesion(self, patient: Patient, label: str = "A", **fields: Any) -> Lesion:
        """A lesion, younger than those before."""
        self.clock.pass_by(milliseconds=1)
        return lesions.add(
            self.database,
            actor=CLINIC,
            patient_id=patient.id,
            fields=LesionFields(label, **fields),
            save_key=self.key(),
        )

    def save(
        self, lesion: Lesion, *photos: NewPhoto, day: datetime.date | None = DAY, **rest: Any
    ) -> Saved:
        """Photos of one day, and perhaps a result."""
        new = (NewVisit(VisitFields(day), photos),) if photos else ()
        rest = {"new": new, "save_key": self.key()} | rest
        return series.save(self.database, self.store, actor=CLINIC, lesion_id=lesion.id, **rest)

    def assess(
        self, lesion: Lesion, *photos: NewPhoto, maps: bytes = b"maps", **rest: Any
    ) -> Saved:
        """A result for photos, which are added if the lesion does not have them yet."""
        result = replace(result_of(*photos, at=self.database.now()), **rest)
        return self.save(lesion, *photos, result=result, maps=maps)

    def page(self, lesion: Lesion, model: str = "a" * 64) -> LesionPage:
        """The lesion's page."""
        return series.page(self.database, actor=CLINIC, lesion_id=lesion.id, model_sha256=model)

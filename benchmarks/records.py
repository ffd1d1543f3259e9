"""A clinic with 100,000 lesions against one with 1,000: searching, a patient's page, a lesion's.

Both are made up, row by row, in SQLite files. Pages are opened as a person does who comes back to
them within a quarter of an hour, so that looking does not write to the audit log each time.
"""

import datetime
import itertools
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.sidebyside import ratios, side_by_side
from records import tables
from records.access.actors import CLINICIAN, Actor
from records.clinic import lesions, search, series
from records.clinic.patients import joined
from records.database import Database
from records.schema import open_database

LIMIT = 1.5
SMALL, LARGE = 1_000, 100_000
PER_PATIENT = 2
ACTOR = Actor("benchmark", frozenset({CLINICIAN}))
SYLLABLES = ("ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "ru", "sa", "te", "vi", "zo")
BATCH = 5000


def generate(folder: Path, lesion_count: int, *, seed: int = 0) -> Database:
    """A clinic with so many lesions; each has a visit, a photo and an assessment."""
    database = open_database(f"sqlite:///{folder / f'{lesion_count}.sqlite'}")
    rows = _rows(lesion_count, random.Random(seed), database.now())
    while batch := list(itertools.islice(rows, BATCH)):
        with database.write() as session:
            for table in (
                tables.PatientRow,
                tables.TermRow,
                tables.LesionRow,
                tables.VisitRow,
                tables.BlobRow,
                tables.PhotoRow,
                tables.AssessmentRow,
            ):
                values = [row for one in batch for row in one.get(table, ())]
                if values:
                    session.execute(table.__table__.insert(), values)
    return database


def measure(
    *, rounds: int = 15, small: int = SMALL, large: int = LARGE, pages: int = 20
) -> dict[str, Any]:
    """Milliseconds in the large clinic, and how many times the small one's that is, by action."""
    folder = Path(tempfile.mkdtemp(prefix="dermtrace-records-"))
    try:
        arms: dict[str, dict[str, Callable[[], None]]] = {}
        opened = []
        for name, count in (("small", small), ("large", large)):
            database = generate(folder, count)
            opened.append(database)
            for action, call in _actions(database, count // PER_PATIENT, pages).items():
                arms.setdefault(action, {})[name] = call
        result = {}
        for action, both in arms.items():
            seconds = side_by_side(both, rounds=rounds)
            result[action] = {
                "milliseconds": seconds["large"] / pages * 1000,
                "ratio": ratios(seconds, base="small")["large"],
            }
        for database in opened:
            database.close()
        return result
    finally:
        shutil.rmtree(folder)


def _actions(database: Database, patient_count: int, pages: int) -> dict[str, Callable[[], None]]:
    chosen = random.Random(1).sample(range(patient_count), pages)

    def find() -> None:
        for number in chosen:
            name, other = _name(number)
            for text in (_clinic_id(number)[:3], name[:3], f"{name[:4]} {other[:2]}", "no one"):
                search.patients(database, actor=ACTOR, text=text)

    def patient_page() -> None:
        for number in chosen:
            lesions.of_patient(database, actor=ACTOR, patient_id=f"{number:032}")

    def lesion_page() -> None:
        for number in chosen:
            series.page(database, actor=ACTOR, lesion_id=f"{number * PER_PATIENT:032}")

    return {"search": find, "patient page": patient_page, "lesion page": lesion_page}


def _clinic_id(number: int) -> str:
    return f"{number * 7919 % 1_000_000:06}"  # spread over all beginnings


def _name(number: int) -> tuple[str, str]:
    chance = random.Random(number)
    return "".join(chance.choices(SYLLABLES, k=3)), "".join(chance.choices(SYLLABLES, k=4))


def _rows(
    lesion_count: int, chance: random.Random, now: datetime.datetime
) -> Iterator[dict[Any, list[dict[str, Any]]]]:
    day = datetime.date(2025, 3, 12)
    made: dict[str, Any] = {"added_at": now, "added_by": "benchmark"}
    for number in range(lesion_count):
        own, patient = f"{number:032}", f"{number // PER_PATIENT:032}"
        sha256 = f"{number:064}"
        rows: dict[Any, list[dict[str, Any]]] = {}
        if number % PER_PATIENT == 0:
            clinic_id, words = _clinic_id(number // PER_PATIENT), _name(number // PER_PATIENT)
            rows[tables.PatientRow] = [
                {
                    "id": patient,
                    "clinic_id": clinic_id,
                    "clinic_key": clinic_id,
                    "name": " ".join(words),
                    "sex": "unknown",
                    "year_of_birth": 1930 + number % 70,
                    "edition": 1,
                    **made,
                }
            ]
            terms = {clinic_id, *words}
            together = joined(sorted(terms))
            rows[tables.TermRow] = [
                {"term": term, "patient_id": patient, "words": together} for term in terms
            ]
        rows[tables.LesionRow] = [
            {
                "id": own,
                "patient_id": patient,
                "label": f"Lesion {number % PER_PATIENT}",
                "site": "",
                "map_view": "",
                "history": "",
                "edition": 1,
                **made,
            }
        ]
        rows[tables.VisitRow] = [
            {
                "id": own,
                "lesion_id": own,
                "day": day,
                "polarisation": "unknown",
                "contact": "unknown",
                "device": "",
                "note": "",
                "edition": 1,
                **made,
            }
        ]
        rows[tables.BlobRow] = [{"sha256": sha256, "size": 1, "stored_at": now, "fault": ""}]
        rows[tables.PhotoRow] = [
            {
                "id": own,
                "position": 1,
                "lesion_id": own,
                "visit_id": own,
                "sha256": sha256,
                "name": "photo.jpg",
                "media_type": "image/jpeg",
                "width": 600,
                "height": 450,
                "orientation": 1,
                "notes": [],
                "warnings": [],
                **made,
            }
        ]
        rows[tables.AssessmentRow] = [_assessment(own, sha256, day, now, chance)]
        yield rows


def _assessment(
    own: str, sha256: str, day: datetime.date, now: datetime.datetime, chance: random.Random
) -> dict[str, Any]:
    first = chance.random()
    row = [first, *[(1 - first) / 7] * 7]
    return {
        "id": own,
        "lesion_id": own,
        "model_version": "1.0",
        "model_sha256": "a" * 64,
        "photos": [[own, sha256, day.isoformat()]],
        "made_at": now,
        "saved_at": now,
        "account_id": "benchmark",
        "result": {
            "codes": ["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC"],
            "probabilities": [row],
            "alone": [row],
            "malignancy": [first],
            "malignancy_alone": [first],
            "photos": [sha256],
            "visits": [[day.isoformat(), [0]]],
            "left_out": [],
            "frames": [[0, 0, 600, 450]],
            "model_version": "1.0",
            "model_sha256": "a" * 64,
            "prior": "training",
            "made_at": now.isoformat(),
            "timings": {"total": 0.5},
            "warnings": [],
            "notes": [],
            "maps_settings": {},
            "more": {},
        },
    }


def main() -> None:
    """Print the times and the ratios."""
    print(f"{LARGE} lesions against {SMALL}")
    for action, result in measure().items():
        print(f"  {action:<13} {result['milliseconds']:6.2f} ms   {result['ratio']:.2f}x")


if __name__ == "__main__":
    main()

"""Two models measured beside each other because somebody asked for it: a job like a training run.

So any candidate can be judged against the model in use now: one from elsewhere, or one whose run
measured it beside a model that is no longer used.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from training.data.datasets import combined
from training.learning.config import InvalidConfig
from training.measuring import compared
from training.measuring.versus import INTERVALS, compare
from training.runs.folder import Reporter
from training.runs.request import Places
from training.terminal import Stop

COMPARE = "compare"  # the kind of job
MADE = "made"  # in the run's folder


@dataclass(frozen=True)
class Beside:
    """What decides it: the models' versions and the ids of the data sets to measure on."""

    data: tuple[str, ...]
    version: str
    other: str

    def __post_init__(self) -> None:
        if not self.data:
            raise InvalidConfig("Choose at least one data set.")
        if self.version == self.other:
            raise InvalidConfig("A model cannot be compared with itself.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The request from a job's row; InvalidConfig if it is none."""
        try:
            return cls(tuple(values["data"]), str(values["version"]), str(values["other"]))
        except (TypeError, KeyError) as error:
            raise InvalidConfig(f"This request cannot be understood: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """As plain values; the order of the data sets changes nothing."""
        return {"kind": COMPARE, "data": sorted(self.data)} | self.same()

    def same(self) -> dict[str, Any]:
        """What makes two requests the same: the models, whatever they are measured on."""
        return {"version": self.version, "other": self.other}


class Steps:
    """Says how far a comparison is: both models' photos are one course, the figures follow."""

    def __init__(self, report: Reporter, stop: Stop) -> None:
        self._report, self._stop = report, stop
        self._models: list[str] = []
        self._begun = time.monotonic()

    def __call__(self, step: str, done: int, total: int) -> None:
        self._stop.check()
        if step == INTERVALS:
            self._report.at("intervals")
            return
        if step not in self._models:
            self._models.append(step)
        gone = (len(self._models) - 1) * total + done
        spent = time.monotonic() - self._begun
        self._report.at("compare", gone, 2 * total, spent / gone * (2 * total - gone))


def carry_out(asked: Beside, folder: Path, places: Places, *, stop: Stop) -> str:
    """Measures the two and keeps what came of it where everybody finds it; returns "".

    Stopped as soon as somebody asks: it begins anew.
    """
    report = Reporter(folder)
    report.at("start")
    kept = places.comparisons / compared.pair(asked.version, asked.other)
    if (kept / folder.name).exists():  # killed before it could say so
        return ""
    made = folder / MADE / folder.name
    models = [places.registry.folder(version) for version in (asked.version, asked.other)]
    with stop.at_once():
        sets = places.sets(asked.data)
        made.mkdir(parents=True, exist_ok=True)
        report.say(f"comparing model {asked.version} with model {asked.other}")
        compare(
            models[0], models[1], combined(sets).table, into=made,
            sets=[one.name for one in sets], progress=Steps(report, stop),
        )  # fmt: skip
    kept.mkdir(parents=True, exist_ok=True)
    compared.keep(made, kept)
    return ""

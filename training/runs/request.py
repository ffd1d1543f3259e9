"""What a run from the browser is asked for: its kind, its data, its start and its settings."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, get_args

from skinmodel.registry import Registry
from training.data.datasets import DataSet, data_sets
from training.data.imagenet import Progress, weights_file
from training.data.manifest import InvalidData
from training.learning.config import InvalidConfig, TrainConfig
from training.learning.origin import check_start, settings_for

Kind = Literal["fit", "cross-validate", "tune"]
MODEL, IMAGENET, NOTHING = "model", "imagenet", "nothing"


@dataclass(frozen=True)
class Places:
    """Where a run finds things: all below the data folder but the models that came with us."""

    data_dir: Path
    bundled: Path

    @property
    def data_sets(self) -> Path:
        """One folder for each data set."""
        return self.data_dir / "datasets"

    def sets(self, ids: Sequence[str]) -> tuple[DataSet, ...]:
        """The data sets of these ids; InvalidData names those that are gone."""
        there = {one.id: one for one in data_sets(self.data_sets)}
        if missing := [name for name in ids if name not in there]:
            raise InvalidData([f"There is no data set {name} any more." for name in missing])
        return tuple(there[name] for name in ids)

    @property
    def cache(self) -> Path:
        """Decoded photos and features, which several runs share."""
        return self.data_dir / "cache"

    @property
    def weights(self) -> Path:
        """ImageNet's weights, by backbone."""
        return self.data_dir / "weights"

    @property
    def registry(self) -> Registry:
        """The models there are."""
        return Registry(self.bundled, self.data_dir / "models")

    @property
    def comparisons(self) -> Path:
        """What was measured of two models because somebody asked for it."""
        return self.data_dir / "comparisons"

    def run(self, job_id: str) -> Path:
        """The folder of a run."""
        return self.data_dir / "runs" / job_id


@dataclass(frozen=True)
class Request:
    """All that decides a run.

    `data` are ids of data sets; `start` is MODEL with `version`, IMAGENET or NOTHING; `settings`
    those that differ from the defaults, as in `config.json`. `folds` and `trials` count for a
    cross-validation and a search alone.
    """

    kind: Kind
    data: tuple[str, ...]
    start: str = MODEL
    version: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    folds: int = 0
    trials: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InvalidConfig(f"There is no kind of run {self.kind!r}.")
        if self.start not in (MODEL, IMAGENET, NOTHING):
            raise InvalidConfig(f"A run cannot start from {self.start!r}.")
        if not self.data:
            raise InvalidConfig("Choose at least one data set.")
        if self.kind == "cross-validate" and self.folds < 2:
            raise InvalidConfig("Cross-validation needs at least 2 folds.")
        if self.kind == "tune" and self.trials < 1:
            raise InvalidConfig("A search needs at least 1 trial.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The request from a job's row; InvalidConfig if it is none."""
        try:
            return cls(**{**values, "data": tuple(values["data"])})
        except (TypeError, KeyError) as error:
            raise InvalidConfig(f"This request cannot be understood: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """As plain values; the order of the data sets changes nothing."""
        return asdict(self) | {"data": sorted(self.data), "settings": dict(self.settings)}

    def init(
        self, places: Places, *, fetch: bool = True, progress: Progress = lambda *_: None
    ) -> Path | None:
        """The weights to start from: a model's folder, a file, or None for random ones.

        ImageNet's are fetched if they are not here yet, unless told otherwise; `progress` hears how
        many bytes have come, and may raise to stop.
        """
        if self.start == MODEL:
            return places.registry.folder(self.version)
        if self.start == IMAGENET:
            backbone = str(self.settings.get("model", {}).get("backbone", "mobilenet_v2"))
            return weights_file(backbone, places.weights, may_fetch=fetch, progress=progress)
        return None

    def config(self, init: Path | None) -> TrainConfig:
        """The whole settings; InvalidConfig if they cannot be used."""
        config = settings_for(dict(self.settings), init)
        check_start(config, init)
        return config

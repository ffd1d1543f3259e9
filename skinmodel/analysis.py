"""analyse(model, series) -> Analysis: the one door the clinic uses.

Takes no lock and changes nothing shared, so any number of threads may use one model.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from skinmodel.alert import AlertLine, AlertTest
from skinmodel.bundle import Model
from skinmodel.calibration import Prior, Probabilities, malignancy
from skinmodel.casemix import CaseMix
from skinmodel.diagnoses import CODES
from skinmodel.gradcam import Maps, heat_maps, scale_jointly
from skinmodel.influence import without_each
from skinmodel.quality import faults, measure, photo_warnings
from skinmodel.recall import Recall, Seen
from skinmodel.series import Series, SeriesPhoto, Visit, arrange
from skinmodel.sets import SetRule, SetTest
from skinmodel.transforms import Box
from skinmodel.unknown import THRESHOLD

__all__ = ["Analysis", "AnalysisFailed", "Progress", "SeriesPhoto", "Visit", "analyse"]

NO_RESULT = "No result - please try again."
BATCH = 16  # photos through the backbone at a time: memory stays bounded, speed no longer grows
Progress = Callable[[float, str], None]

Array = TypeVar("Array", bound=NDArray[Any])

log = logging.getLogger(__name__)


class AnalysisFailed(RuntimeError):
    """There is no result; the text is for the person who asked."""


@dataclass(frozen=True, eq=False)
class Analysis:
    """What the model says about one lesion. N photos in time order, T visits, K outputs.

    `codes` are the eight diagnoses, or ("MALIGNANT",) for a binary model. `probabilities` (T, K)
    are from all photos up to each visit, `alone` (T, K) from each visit's photos alone,
    `malignancy` and `malignancy_alone` (T,) the same summed over malignant diagnoses.
    `without_each` (T, K) are those after the last visit had each visit not been there, which shows
    how much it counted; (0, K) for one visit, and for very many. All five are
    at the mix that `prior` names, "clinic" being that of `case_mix`. What follows never moves with
    it: `prediction_sets` are T sets of codes, likeliest first, by `set_rule`; `alert_scores` (T,)
    are the malignancy at the training mix and `alerts` whether each reaches `alert_line`. Both use
    all photos up to the visit; without a rule or line there are none.
    `raw_maps` (K, N, h, w) are heat maps of the last visit's scores, `maps` the same in [0, 1],
    scaled jointly over the series for each diagnosis; all zero means no highlighted region. Both
    have K = 0 if no explanation was asked for. Each covers its photo's box in `frames`.
    `unknown_by_photo` (N,) in [0, 1] is how far each photo is from the training photos, `unknown`
    the highest of them; beyond `THRESHOLD` the result is not `assessed` and no differential is to
    be shown unasked. They never move with the mix. A model without such a score has None and no
    scores, and assesses everything. `photo_warnings` (N) are what a photographer can do about each
    photo; `warnings` hold them too.
    `left_out` are photos set aside, and those without a date in a dated series. `timings` are in
    seconds.
    """

    photos: tuple[SeriesPhoto, ...]
    visits: tuple[Visit, ...]
    left_out: tuple[SeriesPhoto, ...]
    codes: tuple[str, ...]
    probabilities: Probabilities
    alone: Probabilities
    malignancy: Probabilities
    malignancy_alone: Probabilities
    without_each: Probabilities
    prediction_sets: tuple[tuple[str, ...], ...]
    set_rule: SetRule | None
    alert_scores: Probabilities
    alerts: tuple[bool, ...]
    alert_line: AlertLine | None
    unknown: float | None
    unknown_by_photo: Probabilities
    assessed: bool
    photo_warnings: tuple[tuple[str, ...], ...]
    raw_maps: Maps
    maps: Maps
    frames: tuple[Box, ...]
    model_version: str
    model_sha256: str
    prior: Literal["training", "balanced", "clinic"]
    case_mix: CaseMix | None
    timings: Mapping[str, float]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def prediction_set(self) -> tuple[str, ...]:
        """The set after the last visit; empty for a model without sets."""
        return self.prediction_sets[-1] if self.prediction_sets else ()

    @property
    def alert(self) -> bool | None:
        """Whether the last visit reaches the alert line; None for a model without one."""
        return self.alerts[-1] if self.alerts else None

    @property
    def set_test(self) -> SetTest | None:
        """How such sets did in testing, on lesions with as many photos where there were any."""
        return self.set_rule.test(len(self.photos)) if self.set_rule else None

    @property
    def alert_test(self) -> AlertTest | None:
        """How the alert line did in testing, on lesions with as many photos likewise."""
        return self.alert_line.test(len(self.photos)) if self.alert_line else None

    def highlights(self, output: int, photo: int | None = None) -> bool:
        """Whether a diagnosis' heat map shows any region, in the series or in one photo."""
        maps = self.maps[output] if photo is None else self.maps[output, photo]
        return bool((maps > 0).any())


def analyse(
    model: Model,
    series: Sequence[SeriesPhoto],
    *,
    prior: Prior = "training",
    explain: bool = True,
    refused: int = 0,
    progress: Progress | None = None,
    recall: Recall | None = None,
) -> Analysis:
    """The differential and the heat maps for photos of one lesion, in any order.

    `prior` is the mix of diagnoses that the shown probabilities assume. `refused` counts photos
    that could not be read and so are missing from the result. `progress`
    is told the share done and what is being done. `recall` has photos that were analysed before,
    which then cost nothing. AnalysisFailed if the network fails or its result is not finite.
    """
    ordered = arrange(series)
    try:
        return _analyse(
            model, ordered, prior, explain, refused, progress or (lambda *_: None), recall
        )
    except Exception as error:
        log.exception("The analysis failed")
        raise AnalysisFailed(NO_RESULT) from error


def extract_features(
    model: Model, pictures: Sequence[Image.Image], progress: Progress = lambda *_: None
) -> tuple[Tensor, Tensor]:
    """Feature maps (N, F, h, w) and early features (N, E) of upright RGB pictures, no graph."""
    parts, early = [], []
    with torch.no_grad():
        for start in range(0, len(pictures), BATCH):
            progress(start / len(pictures), f"Photo {start + 1} of {len(pictures)}")
            batch = [model.preparation.to_tensor(p) for p in pictures[start : start + BATCH]]
            maps, means = model.network.forward_intermediates(torch.stack(batch))
            parts.append(maps)
            early.append(means)
    return torch.cat(parts), torch.cat(early)


def score(model: Model, pooled: Tensor, series: Series) -> tuple[Tensor, Tensor]:
    """Logits (T, K) up to each visit, and of each visit alone, from pooled features (N, F)."""
    visit = series.visit_of_photo()
    days = series.days() if model.config.uses_days else None
    with torch.no_grad():
        running = model.network.forward_pooled(
            pooled[None], visit[None], None if days is None else days[None]
        )[0]
        if len(series.visits) == 1:
            return running, running
        most = max(len(one.photos) for one in series.visits)
        alone = pooled.new_zeros(len(series.visits), most, pooled.shape[1])
        place = torch.full(alone.shape[:2], -1)
        for row, one in enumerate(series.visits):
            alone[row, : len(one.photos)] = pooled[list(one.photos)]
            place[row, : len(one.photos)] = 0
        first_day = None if days is None else (days - days)[:, None]  # 0, or NaN where unknown
        return running, model.network.forward_pooled(alone, place, first_day)[:, 0]


def look_at(
    model: Model, photos: Sequence[SeriesPhoto], recall: Recall | None, progress: Progress
) -> list[Seen]:
    """Features and faults of every photo; of those that `recall` has, without the network."""
    if recall is None:
        recall = Recall()
    # Two models of the same weights may look at a photo otherwise.
    way = model.sha256, model.preparation, model.network.views
    known = [recall.get((photo.sha256, *way)) for photo in photos]
    new = [photo for photo, one in zip(photos, known, strict=True) if one is None]
    pictures = [photo.picture for photo in new]
    made = iter(zip(*extract_features(model, pictures, progress), strict=True) if new else ())
    found = []
    for photo, one in zip(photos, known, strict=True):
        if one is None:
            maps, early = next(made)
            one = Seen(maps.clone(), early.clone(), faults(measure(photo.picture)))
            # Else the next try is to compute it anew.
            if maps.isfinite().all() and early.isfinite().all():
                recall.put((photo.sha256, *way), one)
        found.append(one)
    return found


def _analyse(
    model: Model,
    series: Series,
    prior: Prior,
    explain: bool,
    refused: int,
    progress: Progress,
    recall: Recall | None,
) -> Analysis:
    started = time.perf_counter()
    pictures = [photo.picture for photo in series.photos]
    looks = look_at(model, series.photos, recall, lambda done, text: progress(0.8 * done, text))
    features = torch.stack([one.features for one in looks])
    early = torch.stack([one.early for one in looks])
    seen = time.perf_counter()
    progress(0.8, "Comparing the visits")
    pooled = features.mean(dim=(-2, -1))
    running, alone = score(model, pooled, series)
    if not all(part.isfinite().all() for part in (features, early, running, alone)):
        raise FloatingPointError("The network's result is not finite.")
    own = np.array([len(visit.photos) for visit in series.visits])
    so_far = own.cumsum()
    calibrated = model.calibration.probabilities
    probabilities = calibrated(running.numpy(), prior=prior, photos=so_far)
    probabilities_alone = calibrated(alone.numpy(), prior=prior, photos=own)
    fixed = calibrated(running.numpy(), photos=so_far)
    alert_scores = malignancy(fixed)
    unknown = model.unknown.scores(pooled, early) if model.unknown else np.zeros(0)
    rule, line = model.calibration.sets, model.calibration.alert
    about_photos = photo_warnings([one.faults for one in looks])
    scored = time.perf_counter()
    progress(0.85, "Drawing the heat maps")
    raw = np.zeros((0, *features.shape[:1], *features.shape[2:]), dtype=np.float32)
    if explain:
        days = series.days() if model.config.uses_days else None
        targets = range(model.config.outputs)
        raw = heat_maps(model.network, features, series.visit_of_photo(), days, targets=targets)
        if not np.isfinite(raw).all():
            raise FloatingPointError("A heat map is not finite.")
    explained = time.perf_counter()
    progress(1.0, "Done")
    return Analysis(
        photos=series.photos,
        visits=series.visits,
        left_out=series.left_out,
        codes=CODES if model.config.task == "multiclass" else ("MALIGNANT",),
        probabilities=_frozen(probabilities),
        alone=_frozen(probabilities_alone),
        malignancy=_frozen(malignancy(probabilities)),
        malignancy_alone=_frozen(malignancy(probabilities_alone)),
        without_each=_frozen(without_each(model, pooled, series, prior)),
        prediction_sets=tuple(rule.codes(row) for row in fixed) if rule else (),
        set_rule=rule,
        alert_scores=_frozen(alert_scores),
        alerts=tuple(bool(s >= line.threshold) for s in alert_scores) if line else (),
        alert_line=line,
        unknown=float(unknown.max()) if len(unknown) else None,
        unknown_by_photo=_frozen(unknown),
        assessed=not (unknown > THRESHOLD).any(),
        photo_warnings=about_photos,
        raw_maps=_frozen(raw),
        maps=_frozen(scale_jointly(raw)),
        frames=tuple(model.preparation.frame(picture) for picture in pictures),
        model_version=model.version,
        model_sha256=model.sha256,
        prior="clinic" if isinstance(prior, CaseMix) else prior,
        case_mix=prior if isinstance(prior, CaseMix) else None,
        timings={
            "photos": seen - started,
            "differential": scored - seen,
            "heat_maps": explained - scored,
            "total": explained - started,
        },
        warnings=(*_warnings(series, refused), *chain.from_iterable(about_photos)),
        notes=_notes(series),
    )


def _warnings(series: Series, refused: int) -> tuple[str, ...]:
    warnings: tuple[str, ...] = ()
    used = len(series.photos)
    if refused:
        given = used + len(series.left_out) + refused
        warnings += (f"This result is from {used} of {given} photos.",)
    aside = [photo.name for photo in series.left_out if photo.set_aside]
    undated = len(series.left_out) - len(aside)
    if undated == 1:
        warnings += ("1 photo has no date and is not part of the comparison.",)
    elif undated:
        warnings += (f"{undated} photos have no date and are not part of the comparison.",)
    return warnings + tuple(f"{name} was left out of this result." for name in aside)


def _notes(series: Series) -> tuple[str, ...]:
    if len(series.visits) > 1:
        return ()
    notes: tuple[str, ...] = ("A comparison needs photos of at least 2 dates.",)
    if len(series.photos) > 1:
        notes += (
            "All photos have the same date and count as one visit."
            " If they were taken on different days, correct the dates.",
        )
    return notes


def _frozen(array: Array) -> Array:
    array.setflags(write=False)
    return array

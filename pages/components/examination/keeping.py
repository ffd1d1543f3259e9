"""An analysis as the records keep it, and back again for every screen that shows one."""

import io
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

import numpy as np

from pages.components.examination.tray import Item
from pages.components.examination.tray import Result as Shown
from records.clinic.assessments import Result
from records.clinic.photos import NewPhoto
from skinmodel.alert import AlertLine
from skinmodel.analysis import Analysis, SeriesPhoto, Visit
from skinmodel.casemix import CaseMix
from skinmodel.evidence import Stated
from skinmodel.gradcam import Maps, scale_jointly
from skinmodel.sets import SetRule

MAPS = {"method": "Grad-CAM", "layer": "last of the backbone", "scaling": "jointly over the series"}


def result(shown: Shown, stated: Stated) -> Result:
    """Everything of a result as plain values, with what was stated of the patient."""
    analysis = shown.analysis
    rule, line, mix = analysis.set_rule, analysis.alert_line, analysis.case_mix
    return Result(
        codes=analysis.codes,
        probabilities=_rows(analysis.probabilities),
        alone=_rows(analysis.alone),
        malignancy=tuple(analysis.malignancy.tolist()),
        malignancy_alone=tuple(analysis.malignancy_alone.tolist()),
        photos=tuple(photo.sha256 for photo in analysis.photos),
        visits=tuple(
            (visit.taken_on.isoformat() if visit.taken_on else None, visit.photos)
            for visit in analysis.visits
        ),
        left_out=tuple(photo.sha256 for photo in analysis.left_out),
        frames=tuple((a, b, c, d) for a, b, c, d in analysis.frames),
        model_version=analysis.model_version,
        model_sha256=analysis.model_sha256,
        prior=analysis.prior,
        made_at=shown.made_at,
        timings=dict(analysis.timings),
        warnings=analysis.warnings,
        notes=analysis.notes,
        maps_settings=MAPS,
        more={
            "names": [photo.name for photo in analysis.photos],
            "prediction_sets": analysis.prediction_sets,
            "set_rule": asdict(rule) if rule else None,
            "without_each": analysis.without_each.tolist(),
            "alert_scores": analysis.alert_scores.tolist(),
            "alerts": analysis.alerts,
            "alert_line": asdict(line) if line else None,
            "unknown": analysis.unknown,
            "unknown_by_photo": analysis.unknown_by_photo.tolist(),
            "assessed": analysis.assessed,
            "photo_warnings": analysis.photo_warnings,
            "set_aside": [photo.sha256 for photo in analysis.left_out if photo.set_aside],
            "case_mix": mix.to_dict() if mix else None,
            "remarks": shown.remarks,
            "stated": asdict(stated),
        },
    )


def maps(analysis: Analysis) -> bytes | None:
    """The raw heat maps (K, N, h, w) as a file of numpy's, None where there are none."""
    if not analysis.raw_maps.size:
        return None
    file = io.BytesIO()
    np.save(file, analysis.raw_maps)
    return file.getvalue()


def new_photo(item: Item) -> NewPhoto:
    """A photo of the tray as it is handed to the records: its original bytes."""
    photo = item.photo
    return NewPhoto(
        data=item.data,
        name=item.name,
        media_type=photo.media_type,
        width=photo.size[0],
        height=photo.size[1],
        orientation=photo.orientation,
        taken_on=photo.taken_on,
        notes=photo.notes,
        warnings=photo.warnings,
    )


def restored(kept: Result, photos: Mapping[str, SeriesPhoto], raw: bytes | None) -> Analysis:
    """The analysis as it was shown, from its photos by their SHA-256; KeyError if one is gone."""
    more = kept.more
    shape = (0, len(kept.photos), 1, 1)
    raw_maps: Maps = np.zeros(shape, np.float32)
    if raw is not None:
        raw_maps = np.load(io.BytesIO(raw)).astype(np.float32)
    line, rule, mix = more.get("alert_line"), more.get("set_rule"), more.get("case_mix")
    nothing = ((),) * len(kept.photos)
    return Analysis(
        photos=tuple(photos[sha256] for sha256 in kept.photos),
        visits=tuple(Visit(day, indices) for day, indices in days(kept)),
        left_out=tuple(photos[sha256] for sha256 in kept.left_out if sha256 in photos),
        codes=kept.codes,
        probabilities=np.array(kept.probabilities),
        alone=np.array(kept.alone),
        malignancy=np.array(kept.malignancy),
        malignancy_alone=np.array(kept.malignancy_alone),
        without_each=np.array(more.get("without_each", ())).reshape(-1, len(kept.codes)),
        prediction_sets=tuple(tuple(one) for one in more.get("prediction_sets", ())),
        set_rule=SetRule.from_dict(rule) if rule else None,
        alert_scores=np.array(more.get("alert_scores", ())),
        alerts=tuple(more.get("alerts", ())),
        alert_line=AlertLine.from_dict(line) if line else None,
        unknown=more.get("unknown"),
        unknown_by_photo=np.array(more.get("unknown_by_photo", ())),
        assessed=bool(more.get("assessed", True)),
        photo_warnings=tuple(tuple(one) for one in more.get("photo_warnings", nothing)),
        raw_maps=raw_maps,
        maps=scale_jointly(raw_maps),
        frames=tuple(kept.frames),
        model_version=kept.model_version,
        model_sha256=kept.model_sha256,
        prior=kept.prior,  # type: ignore[arg-type]
        case_mix=CaseMix.from_dict(mix) if mix else None,
        timings=kept.timings,
        warnings=kept.warnings,
        notes=kept.notes,
    )


def days(kept: Result) -> list[tuple[date | None, tuple[int, ...]]]:
    """Each visit's day with the indices of its photos."""
    return [(date.fromisoformat(day) if day else None, photos) for day, photos in kept.visits]


def _rows(values: np.ndarray[Any, Any]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in values.tolist())
